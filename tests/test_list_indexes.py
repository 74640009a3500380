"""The indexes of the lists: built by a command, and by `migrate apply`; lost, broken or outdated ones are noticed."""

import json

import psycopg
import pytest

from inboxdb.install import lists, migrate, repair
from inboxdb.watch import doctor
from tests.hosts import HOSTS, WIDE_HOSTS
from tests.rows import Host, new_id
from tests.servers import Database
from tests.test_cli import invoke

NAMES = [
    "inboxdb.counted_lead_ai_review_idx",
    "inboxdb.counted_lead_ai_sent_idx",
    "public.inboxdb_list_all",
    "public.inboxdb_list_all_by_user",
    "public.inboxdb_list_needs_repair",
    "public.inboxdb_list_responses",
    "public.inboxdb_list_tagged",
    # of searches, where the extensions are not made
    "inboxdb.lead_text_exact",
    "inboxdb.lead_text_first_name",
    "inboxdb.lead_text_last_name",
]


def said_by_the_doctor(database: Database) -> list[str]:
    [examined] = [one for one in doctor.examine(database.dsn) if one.check == "lists"]
    return [finding.evidence for finding in examined.findings]


def findings(database: Database) -> dict[str, str]:
    return {found.object: found.installed for found in repair.verify(database.direct_dsn).findings}


@pytest.mark.host_variants(*HOSTS, *WIDE_HOSTS)
def test_they_are_built_once_and_dropped(database: Database) -> None:
    """Left out they are no finding, whatever the types of the host's columns."""
    assert findings(database) == {}
    assert lists.build(database.direct_dsn) == NAMES
    assert lists.build(database.direct_dsn) == []
    assert findings(database) == {}
    assert said_by_the_doctor(database) == []
    Host(database.writer()).lead(Host(database.writer()).workspace())
    assert lists.drop(database.direct_dsn) == NAMES
    assert findings(database) == {}
    assert said_by_the_doctor(database) == []
    lists.build(database.direct_dsn)
    migrate.rollback(database.direct_dsn)
    left = "select relname from pg_class where relname ~ '^inboxdb_list|^counted_lead_ai'"
    assert database.connect().execute(left).fetchall() == []


def test_one_that_is_not_as_it_should_be_is_noticed_and_mended(database: Database) -> None:
    owner, superuser = database.connect(), database.superuser()
    lists.build(database.direct_dsn)
    lost, invalid, outdated = NAMES[2:5]
    owner.execute(f"drop index {lost}".encode())
    superuser.execute(f"update pg_index set indisvalid = false where indexrelid = '{invalid}'::regclass".encode())
    owner.execute(f"comment on index {outdated} is 'of another statement'".encode())
    expected = {f"index {lost}": "missing", f"index {invalid}": "invalid", f"index {outdated}": "outdated"}
    assert findings(database) == expected
    assert said_by_the_doctor(database) == [f"index {invalid} is invalid", f"index {lost} is missing"]
    mended = repair.verify(database.direct_dsn, repair=True)
    assert {found.object for found in mended.findings if found.mended} == expected.keys()
    assert findings(database) == {}
    assert said_by_the_doctor(database) == []
    owner.execute('drop index public."Lead_clientId_updatedAt_idx"')
    assert said_by_the_doctor(database) == ['no index of public."Lead" begins with "clientId", "updatedAt"']
    owner.execute('create index concurrently on public."Lead" ("clientId", "updatedAt" desc)')
    assert said_by_the_doctor(database) == []


def test_migrate_apply_builds_them(bare_database: Database) -> None:
    """Unless told not to; and uninstalling leaves none."""
    dsn = bare_database.dsn
    assert invoke("migrate", "apply", "--without-rls", "--without-lists", "--dsn", dsn).exit_code == 0
    with bare_database.connect() as owner:
        assert [index.name for index in lists.indexes(owner)] == NAMES
        assert {index.state for index in lists.indexes(owner)} == {"missing"}
        assert invoke("migrate", "apply", "--without-rls", "--dsn", dsn).exit_code == 0
        assert {index.state for index in lists.indexes(owner)} == {"built"}
    assert json.loads(invoke("lists", "drop", "--json", "--dsn", dsn).stdout)["dropped"] == NAMES
    assert json.loads(invoke("lists", "build", "--json", "--dsn", dsn).stdout)["built"] == NAMES
    assert invoke("uninstall", "--yes", "--dsn", dsn).exit_code == 0
    left = "select relname from pg_class where relname like 'inboxdb%'"
    assert bare_database.connect().execute(left).fetchall() == []


@pytest.mark.parametrize(
    "change",
    [
        'alter table public."Lead" drop column "lastMessageAt"',
        'alter table public."Lead" alter column "overallScore" type text',
        'alter table public."AIDraft" drop column channel',
        'drop table public."SmsCampaign" cascade',
    ],
)
def test_a_host_without_their_columns_counts_all_the_same(bare_database: Database, change: str) -> None:
    """There are no lists then; the plan and the doctor say so, and nothing is unlike what is shipped."""
    owner = bare_database.connect()
    owner.execute(change.encode())
    planned = json.loads(invoke("migrate", "plan", "--json", "--dsn", bare_database.dsn).stdout)
    assert [found for found in planned["findings"] if found["check"] == "lists"], planned["findings"]
    roles = ("--without-rls", "--create-roles")
    assert invoke("migrate", "apply", *roles, "--dsn", bare_database.dsn).exit_code == 0
    assert lists.indexes(owner) == []
    assert findings(bare_database) == {}
    assert said_by_the_doctor(bare_database)
    host, user = Host(bare_database.writer()), new_id()
    workspace = host.workspace(userId=user)
    lead = host.lead(workspace)
    owner.execute("call inboxdb.drain_dirty()")
    reader = bare_database.signed_in(user)
    for read in (f"conversations('{workspace}')", f"conversation('{lead}')"):
        with pytest.raises(psycopg.Error) as raised:
            reader.execute(f"select * from inbox_api.{read}".encode())
        assert raised.value.sqlstate == "IB020"
    migrate.rollback(bare_database.dsn)

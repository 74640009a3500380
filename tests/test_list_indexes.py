"""The indexes of the lists: built by a command, and by `migrate apply`; lost, broken or outdated ones are noticed."""

import json
import re

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from inboxdb.database import sources
from inboxdb.database.errors import InboxdbError
from inboxdb.install import lists, migrate, repair
from inboxdb.install.suspend import Resumption, resume, suspend
from inboxdb.watch import doctor
from tests.hosts import HOSTS, WIDE_HOSTS
from tests.lists import original
from tests.rows import Host, new_id
from tests.servers import Database
from tests.test_cli import invoke

BEFORE_LISTS = "0008-types-of-the-server"

NAMES = [
    "inboxdb.counted_lead_ai_review_idx",
    "inboxdb.counted_lead_ai_sent_idx",
    # of searches, without the extensions
    "inboxdb.lead_text_exact",
    "inboxdb.lead_text_first_name",
    "inboxdb.lead_text_last_name",
    "public.inboxdb_list_all",
    "public.inboxdb_list_all_by_user",
    "public.inboxdb_list_needs_repair",
    "public.inboxdb_list_responses",
    "public.inboxdb_list_tagged",
]

# Whatever an index of the lists reads, but ids.
WRITTEN = {
    **dict.fromkeys(
        (
            "createdAt",
            "lastMessageAt",
            "lastInboundAt",
            "lastOutboundAt",
            "lastZrgOutboundAt",
            "snoozedUntil",
        ),
        "infinity",
    ),
    "assignedToUserId": new_id(),
    "sentimentTag": "Interested",
    "status": "needs_repair",
}


# That lists sort, filter or show by name.
COLUMNS = (
    *(("Lead", name) for name in ("lastMessageAt", "createdAt", "updatedAt", "overallScore", "smsCampaignId")),
    *(("Message", name) for name in ("id", "sentAt", "body", "subject", "sentByUserId")),
    ("AIDraft", "channel"),
    *(("SmsCampaign", name) for name in ("id", "name")),
)
# That counts read, too; without "Client"'s, by which every read asks for access.
COUNTED = tuple(
    column
    for column in re.findall(r"\(\d+, '(\w+)', '(\w+)'", original("host columns", sources.SQL / "host/check.sql"))
    if column[0] != "Client"
)
# Of them those that views alone read, which follow them under any name.
FOLLOWED = {
    *(("Lead", name) for name in ("clientId", "assignedToUserId", "snoozedUntil")),
    *(("Lead", name) for name in ("lastInboundAt", "lastOutboundAt", "lastZrgOutboundAt")),
    *(("AIDraft", name) for name in ("id", "autoSendAction")),
    ("Message", "aiDraftId"),
}

# Of each index, a filter that does without.
OTHER = dict.fromkeys(
    ("inboxdb_list_all", "inboxdb_list_all_by_user", "inboxdb_list_tagged", "inboxdb_list_needs_repair"), "responses"
) | dict.fromkeys(
    ("inboxdb_list_responses", "inboxdb.counted_lead_ai_sent_idx", "inboxdb.counted_lead_ai_review_idx"), "attention"
)


def said_by_the_doctor(database: Database) -> list[str]:
    [examined] = [one for one in doctor.examine(database.dsn) if one.check == "lists"]
    return [finding.evidence for finding in examined.findings]


def findings(database: Database) -> dict[str, str]:
    return {found.object: found.installed for found in repair.verify(database.direct_dsn).findings}


@pytest.mark.long
@pytest.mark.host_variants(*HOSTS, *WIDE_HOSTS)
def test_they_are_built_once_and_dropped(database: Database) -> None:
    """Left out they are no finding, whatever the types of the host's columns."""
    assert findings(database) == {}
    assert lists.build(database.direct_dsn) == NAMES
    assert lists.build(database.direct_dsn) == []
    assert findings(database) == {}
    assert said_by_the_doctor(database) == []
    # a role without any right in inboxdb, each time in a session that evaluated no index before
    workspace = Host(database.writer()).workspace()
    lead = Host(database.writer()).lead(workspace)
    for column, value in WRITTEN.items():
        Host(database.writer()).update("Lead", lead, **{column: value})
    Host(database.writer()).delete("Lead", lead)
    assert lists.drop(database.direct_dsn) == NAMES
    assert findings(database) == {}
    assert said_by_the_doctor(database) == []
    lists.build(database.direct_dsn)
    migrate.rollback(database.direct_dsn, to=BEFORE_LISTS)
    left = "select relname from pg_class where relname ~ '^inboxdb_list|^counted_lead_ai|^lead_text'"
    assert database.connect().execute(left).fetchall() == []


def test_one_that_is_not_as_it_should_be_is_noticed_and_mended(database: Database) -> None:
    owner, superuser = database.connect(), database.superuser()
    lists.build(database.direct_dsn)
    lost, invalid, outdated = NAMES[5:8]
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
    """Unless told not to, then or before; and uninstalling leaves none."""
    dsn = bare_database.dsn

    def states() -> list[tuple[str, str]]:
        with bare_database.connect() as owner:
            return [(index.name, index.state) for index in lists.indexes(owner)]

    built, missing = ([(name, state) for name in NAMES] for state in ("built", "missing"))
    assert invoke("migrate", "apply", "--without-rls", "--without-lists", "--dsn", dsn).exit_code == 0
    for _ in range(2):
        assert states() == missing
        assert invoke("migrate", "apply", "--without-rls", "--dsn", dsn).exit_code == 0
    assert states() == missing
    assert json.loads(invoke("lists", "build", "--json", "--dsn", dsn).stdout)["built"] == NAMES
    bare_database.connect().execute(f"drop index {NAMES[6]}".encode())
    assert invoke("migrate", "apply", "--without-rls", "--without-lists", "--dsn", dsn).exit_code == 3
    assert invoke("migrate", "apply", "--without-rls", "--dsn", dsn).exit_code == 0
    assert states() == built
    assert json.loads(invoke("lists", "drop", "--json", "--dsn", dsn).stdout)["dropped"] == NAMES
    assert invoke("migrate", "apply", "--without-rls", "--dsn", dsn).exit_code == 0
    assert states() == missing
    assert invoke("uninstall", "--yes", "--dsn", dsn).exit_code == 0
    left = "select relname from pg_class where relname like 'inboxdb%'"
    assert bare_database.connect().execute(left).fetchall() == []


@pytest.mark.parametrize(
    ("of", "of_a_user", "index"),
    [
        ("", True, "inboxdb_list_all_by_user"),
        ("", False, "inboxdb_list_all"),
        (", filter => 'responses'", False, "inboxdb_list_responses"),
        (", filter => 'attention'", True, "inboxdb_list_tagged"),
        (", filter => 'drafts'", False, "inboxdb_list_tagged"),
        (", filter => 'needs_repair'", True, "inboxdb_list_needs_repair"),
        (", filter => 'ai_sent'", False, "inboxdb.counted_lead_ai_sent_idx"),
        (", filter => 'ai_review'", True, "inboxdb.counted_lead_ai_review_idx"),
        (", sort => 'updated'", True, "inboxdb_list_all_by_user"),
    ],
)
def test_a_list_without_its_index_is_refused(database: Database, of: str, of_a_user: bool, index: str) -> None:
    """Because each page would cost a scan of the workspace; the other lists go on."""
    host, owner, setter = Host(database.writer()), new_id(), new_id()
    workspace = host.workspace(userId=owner)
    host.member(workspace, setter, "SETTER")
    reader = database.signed_in(setter if of_a_user else owner)
    page = f"select * from inbox_api.conversations('{workspace}'{of})".encode()
    with pytest.raises(psycopg.Error, match="has no index") as raised:
        reader.execute(page)
    assert raised.value.sqlstate == "IB020"
    lists.build(database.direct_dsn)
    reader.execute(page)
    database.connect().execute(f"drop index {index}".encode())
    with pytest.raises(psycopg.Error, match="has no index"):
        reader.execute(page)
    reader.execute(f"select * from inbox_api.conversations('{workspace}', filter => '{OTHER[index]}')".encode())


@pytest.mark.parametrize(
    "change",
    [
        'alter table public."Lead" drop column "lastMessageAt"',
        'alter table public."Lead" alter column "overallScore" type text',
        'alter table public."AIDraft" drop column channel',
        'drop table public."SmsCampaign" cascade',
        'alter table public."Message" drop column "sentByUserId"',
        'alter table public."Lead" drop constraint "Lead_smsCampaignId_fkey";'
        'alter table public."Lead" alter column "smsCampaignId" type uuid using "smsCampaignId"::uuid',
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
    said = said_by_the_doctor(bare_database)
    assert said
    assert all(
        re.search(r" is (missing|missing, or of another type than \w+|of another type than \S+)$", one) for one in said
    ), said
    host, user = Host(bare_database.writer()), new_id()
    workspace = host.workspace(userId=user)
    lead = host.lead(workspace)
    owner.execute("call inboxdb.drain_dirty()")
    reader = bare_database.signed_in(user)
    for read in (
        f"conversations('{workspace}')",
        f"conversation_filters('{workspace}')",
        f"conversation('{lead}')",
        f"conversation_messages('{lead}')",
    ):
        with pytest.raises(psycopg.Error) as raised:
            reader.execute(f"select * from inbox_api.{read}".encode())
        assert raised.value.sqlstate == "IB020"
    migrate.rollback(bare_database.dsn, to=BEFORE_LISTS)


@pytest.mark.host_variants("text", "wide-mixed")
def test_a_column_that_goes_while_suspended_takes_the_lists_along(database: Database) -> None:
    """Counts are resumed without lists; once the column is back, so are the lists, and their indexes."""
    owner, host, user = database.connect(), Host(database.writer()), new_id()
    lists.build(database.direct_dsn)
    host.lead(host.workspace(userId=user))
    [(workspace,)] = owner.execute('select id::text from public."Client"').fetchall()
    columns = ("overallScore", "lastMessageAt")
    suspend(database.dsn)
    for column in columns:
        owner.execute(f'alter table public."Lead" rename column "{column}" to "former{column}"'.encode())
    owner.execute("drop index public.inboxdb_list_all")
    assert resume(database.dsn) == Resumption(resumed=True, unmended=[])
    assert findings(database) == {}
    assert lists.drop(database.direct_dsn) == [name for name in NAMES if name != "public.inboxdb_list_all"]
    owner.execute("call inboxdb.drain_dirty()")
    reader = database.signed_in(user)
    assert reader.execute("select total from inbox_api.inbox_counts(%s)", [workspace]).fetchall() == [(1,)]
    read = "select jsonb_array_length(conversations) from inbox_api.conversations(%s)"
    with pytest.raises(psycopg.Error, match="there are no lists"):
        reader.execute(read, [workspace])
    for column in columns:
        owner.execute(f'alter table public."Lead" rename column "former{column}" to "{column}"'.encode())
    assert repair.verify(database.direct_dsn, repair=True).healthy
    lists.build(database.direct_dsn)
    assert findings(database) == {}
    assert said_by_the_doctor(database) == []
    assert reader.execute(read, [workspace]).fetchall() == [(1,)]


def test_a_column_renamed_under_the_lists_is_named(database: Database) -> None:
    """The view follows a rename, the functions do not: no read goes on with nulls, or with the server's own error."""
    owner, host, user = database.connect(), Host(database.writer()), new_id()
    lists.build(database.direct_dsn)
    workspace = host.workspace(userId=user)
    lead = host.lead(workspace)
    host.message(lead)
    reader = database.signed_in(user)
    reads = (
        f"conversations('{workspace}')",
        f"conversation_filters('{workspace}')",
        f"conversation('{lead}')",
        f"conversation_messages('{lead}')",
    )

    def rename(table: str, column: str, name: str) -> None:
        owner.execute(f'alter table public."{table}" rename column "{column}" to "{name}"'.encode())

    answers = {read: reader.execute(f"select * from inbox_api.{read}".encode()).fetchall() for read in reads}
    for table, column in (*COLUMNS, *COUNTED):
        rename(table, column, "former")
        for read, answer in answers.items():
            if (table, column) in FOLLOWED:
                assert reader.execute(f"select * from inbox_api.{read}".encode()).fetchall() == answer, (column, read)
                continue
            with pytest.raises(psycopg.Error) as raised:
                reader.execute(f"select * from inbox_api.{read}".encode())
            assert raised.value.sqlstate == "IB020", (column, read)
            assert re.search(rf'"{table}"."?{column}\b', raised.value.diag.message_detail or ""), (column, read)
        rename(table, "former", column)
        for read, answer in answers.items():
            assert reader.execute(f"select * from inbox_api.{read}".encode()).fetchall() == answer, (column, read)
    assert findings(database) == {}
    for repaired in (False, True):
        rename("Lead", "lastMessageAt", "former")
        [finding] = repair.verify(database.direct_dsn).findings
        assert (finding.object, finding.installed) == ("relation inboxdb.listed_lead", "present")
        assert "`inboxdb doctor` names it" in finding.command
        assert '"Lead"."lastMessageAt" is missing' in " ".join(said_by_the_doctor(database))
        if repaired:
            assert repair.verify(database.direct_dsn, repair=True).healthy
            assert findings(database) == {}
        rename("Lead", "former", "lastMessageAt")
        assert findings(database) == ({"relation inboxdb.listed_lead": "missing"} if repaired else {})
    assert repair.verify(database.direct_dsn, repair=True).healthy
    for read in reads:
        reader.execute(f"select * from inbox_api.{read}".encode())


def test_an_index_is_built_of_the_servers_own_functions(bare_database: Database) -> None:
    """Whatever comes first in search_path: else a writer would call somebody's function, and could be refused."""
    database = bare_database
    superuser = database.superuser()
    superuser.execute("create schema hostile; grant usage on schema hostile to public")
    superuser.execute(
        "create function hostile.octet_length(text) returns integer immutable language sql as 'select 1';"
        "revoke all on function hostile.octet_length from public;"
        "grant execute on function hostile.octet_length to owner_of_tests".replace(
            "owner_of_tests", database.connect().info.user
        )
    )
    superuser.execute(
        "create function hostile.equal(text, text) returns boolean immutable language sql as 'select true';"
        "create operator hostile.= (leftarg = text, rightarg = text, function = hostile.equal)"
    )
    hostile = make_conninfo(database.direct_dsn, options="-c search_path=hostile,pg_catalog,public")
    migrate.apply(hostile)
    lists.build(hostile)
    definitions = "select pg_get_indexdef(c.oid) from pg_class as c where c.relname like 'inboxdb%' and c.relkind = 'i'"
    for repaired in (False, True):
        if repaired:
            database.connect().execute("drop index public.inboxdb_message_ai_sent, public.inboxdb_list_all")
            assert repair.verify(hostile, repair=True).healthy
        host = Host(database.writer())
        host.ai_sent(host.lead(host.workspace()))
        found = [one for (one,) in database.connect().execute(definitions).fetchall()]
        assert len(found) == 7
        assert not [one for one in found if "hostile" in one]


def test_they_are_not_built_before_their_migration(bare_database: Database) -> None:
    """Where the program is newer than the database."""
    migrate.apply(bare_database.dsn, to="0007-access")
    with pytest.raises(
        InboxdbError, match=r"lacks 0008-types-of-the-server, 0009-lists, .*: run `inboxdb migrate apply` first"
    ):
        lists.build(bare_database.dsn)
    assert lists.drop(bare_database.dsn) == []

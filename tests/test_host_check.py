"""An unsuitable host is refused by IB001, with the columns at fault, before anything is changed."""

import re
import subprocess

import pytest

from inboxdb.database import sources
from inboxdb.database.checks import OBSTACLE
from inboxdb.database.errors import DatabaseRefused
from inboxdb.demo import embedded
from inboxdb.install import migrate, plan, repair
from tests.catalog import catalog, difference
from tests.hosts import CITUS, OF_CITUS
from tests.rows import GLOBAL, Host, live_counts, new_id, stored_counts
from tests.servers import WRITER, Database

# The columns read by inboxdb, and the kind of type needed.
REQUIRED = {
    ("Client", "id"): "id",
    ("Client", "userId"): "id",
    ("ClientMember", "clientId"): "id",
    ("ClientMember", "userId"): "id",
    ("ClientMember", "role"): "any",
    ("Lead", "id"): "id",
    ("Lead", "clientId"): "id",
    ("Lead", "status"): "text",
    ("Lead", "sentimentTag"): "text",
    ("Lead", "lastInboundAt"): "time",
    ("Lead", "lastOutboundAt"): "time",
    ("Lead", "lastZrgOutboundAt"): "time",
    ("Lead", "snoozedUntil"): "time",
    ("Lead", "assignedToUserId"): "id",
    ("AIDraft", "id"): "id",
    ("AIDraft", "leadId"): "id",
    ("AIDraft", "status"): "text",
    ("AIDraft", "autoSendAction"): "text",
    ("Message", "leadId"): "id",
    ("Message", "channel"): "text",
    ("Message", "source"): "text",
    ("Message", "direction"): "text",
    ("Message", "sentBy"): "text",
    ("Message", "aiDraftId"): "id",
}

# Types that a host may well have instead: one for every column, further ones for some.
UNFIT = {"id": "bigint", "text": 'public."ClientMemberRole"', "time": "date"}
UNFIT_TOO = [
    (("Lead", "id"), "integer"),
    (("Client", "id"), "character(36)"),
    (("Message", "channel"), "integer"),
    (("Lead", "sentimentTag"), "text[]"),
    (("Lead", "snoozedUntil"), "text"),
    (("Lead", "lastInboundAt"), "bigint"),
]

# Columns that are compared with one another: the first is refused unless it is of the second's type.
COMPARED = [
    (("Client", "userId"), ("Lead", "assignedToUserId")),
    (("ClientMember", "clientId"), ("Client", "id")),
    (("ClientMember", "userId"), ("Lead", "assignedToUserId")),
    (("Lead", "clientId"), ("Client", "id")),
    (("AIDraft", "leadId"), ("Lead", "id")),
    (("Message", "leadId"), ("Lead", "id")),
    (("Message", "aiDraftId"), ("AIDraft", "id")),
]

Column = tuple[str, str]


def name(column: Column) -> str:
    """Write a column as Postgres quotes it."""
    return ".".join(["public", *(part if part.islower() else f'"{part}"' for part in column)])


def retype(database: Database, column: Column, type_name: str) -> None:
    """Put a column of another type in the place of one of the host's."""
    table, column_name = column
    database.connect().execute(
        f'alter table public."{table}" drop column "{column_name}" cascade, add column "{column_name}" {type_name}'
    )


def refusal(database: Database) -> tuple[list[str], str]:
    """Apply the migrations, be refused, see that nothing was changed; return the findings of IB001, and its hint."""
    owner = database.connect()
    before = catalog(owner)
    with pytest.raises(DatabaseRefused) as refused:
        migrate.apply(database.dsn)
    assert not difference(before, catalog(owner))
    message = str(refused.value)
    assert message.endswith("(IB001)")
    found, _, hint = message.removeprefix("the host schema does not fit: ").partition(". Nothing was changed. ")
    return found.split("; "), hint


def problems(database: Database) -> list[str]:
    """Be refused; return the findings of IB001."""
    return refusal(database)[0]


def conflicts_with(column: Column, type_name: str) -> list[str]:
    """Return the findings of IB001 about text columns compared with a column of another type."""
    return [f"column {name(c)} is text where {name(column)} is {type_name}" for c, other in COMPARED if other == column]


@pytest.mark.parametrize("column", REQUIRED, ids=".".join)
def test_missing_column(bare_database: Database, column: Column) -> None:
    table, column_name = column
    bare_database.connect().execute(f'alter table public."{table}" drop column "{column_name}" cascade')
    assert problems(bare_database) == [f"column {name(column)} is missing"]


@pytest.mark.parametrize("table", sorted({table for table, _ in REQUIRED}))
def test_missing_table(bare_database: Database, table: str) -> None:
    bare_database.connect().execute(f'drop table public."{table}" cascade')
    assert problems(bare_database) == [f'table public."{table}" is missing']


@pytest.mark.parametrize("kind", ["view", "materialized view", "foreign table"])
@pytest.mark.parametrize("table", ["ClientMember", "Lead"])
def test_something_else_in_place_of_a_table(bare_database: Database, table: str, kind: str) -> None:
    owner = bare_database.connect()
    owner.execute(f'alter table public."{table}" rename to kept')
    if kind == "foreign table":
        bare_database.superuser().execute(
            f"""
            create foreign data wrapper nowhere;
            create server nowhere foreign data wrapper nowhere;
            create foreign table public."{table}" (id text) server nowhere;
            """
        )
    else:
        owner.execute(f'create {kind} public."{table}" as select * from public.kept')
    assert problems(bare_database) == [f'public."{table}" is a {kind}, not a table']


# ATTACH, DETACH and TRUNCATE of a partition fire no trigger of its parent; no index on a parent is built concurrently.
@pytest.mark.parametrize("table", ["AIDraft", "Client", "Lead", "Message"])
def test_partitioned_table(bare_database: Database, table: str) -> None:
    owner = bare_database.connect()
    owner.execute(f'alter table public."{table}" rename to kept')
    owner.execute(f'create table public."{table}" (like public.kept) partition by hash (id)')
    [problem] = problems(bare_database)
    assert problem.startswith(f'table public."{table}" is partitioned')


@pytest.mark.parametrize(
    ("column", "unfit"),
    [*((column, UNFIT[kind]) for column, kind in REQUIRED.items() if kind != "any"), *UNFIT_TOO],
    ids=lambda part: part if isinstance(part, str) else ".".join(part),
)
def test_type_that_does_not_fit(bare_database: Database, column: Column, unfit: str) -> None:
    retype(bare_database, column, unfit)
    found = problems(bare_database)
    type_name = unfit.partition("(")[0]
    [own] = [problem for problem in found if problem.startswith(f"column {name(column)} is {type_name}, not ")]
    assert sorted(found) == sorted([own, *conflicts_with(column, type_name)])


@pytest.mark.parametrize(("column", "other"), COMPARED, ids=".".join)
def test_conflicting_types(bare_database: Database, column: Column, other: Column) -> None:
    retype(bare_database, column, "uuid")
    own = f"column {name(column)} is uuid where {name(other)} is text"
    assert sorted(problems(bare_database)) == sorted([own, *conflicts_with(column, "uuid")])


def test_all_problems_at_once(bare_database: Database) -> None:
    owner = bare_database.connect()
    owner.execute('drop table public."ClientMember"')
    owner.execute('alter table public."Message" drop column "sentBy"')
    retype(bare_database, ("Lead", "snoozedUntil"), "date")
    retype(bare_database, ("AIDraft", "leadId"), "uuid")
    assert problems(bare_database) == [
        'table public."ClientMember" is missing',
        'column public."Lead"."snoozedUntil" is date, not a timestamp',
        'column public."AIDraft"."leadId" is uuid where public."Lead".id is text',
        'column public."Message"."sentBy" is missing',
    ]


def test_wrong_database(bare_database: Database) -> None:
    bare_database.superuser().execute("drop schema public cascade")
    assert problems(bare_database) == [
        f'table public."{table}" is missing' for table in ("Client", "ClientMember", "Lead", "AIDraft", "Message")
    ]


def test_by_hand_the_first_migration_refuses_too(bare_database: Database) -> None:
    owner = bare_database.connect()
    owner.execute('drop table public."Message"')
    before = catalog(owner)
    first = min(sources.MIGRATIONS.glob("0001-*[!k].sql"))
    psql = [
        str(embedded.binaries(18) / "psql"),
        "--no-psqlrc",
        "-1",
        "-v",
        "ON_ERROR_STOP=1",
        "-v",
        "VERBOSITY=verbose",
    ]
    result = subprocess.run([*psql, "-d", bare_database.dsn, "-f", first], capture_output=True, text=True)
    assert result.returncode == 3
    assert 'IB001: the host schema does not fit: table public."Message" is missing' in result.stderr
    assert not difference(before, catalog(owner))


@pytest.mark.all_hosts
def test_varchar_counts_as_text(bare_database: Database) -> None:
    owner = bare_database.connect()
    texts = owner.execute(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'public' and data_type = 'text'"
    ).fetchall()
    for table, column in texts:
        owner.execute(f'alter table public."{table}" alter column "{column}" type varchar(100)')

    migrate.apply(bare_database.dsn)
    host = Host(bare_database.writer())
    workspace, setter = host.workspace(), new_id()
    host.ai_sent(host.lead(workspace, assignedToUserId=setter))
    owner.execute("call inboxdb.drain_dirty()")
    counts = stored_counts(owner)[workspace]
    assert counts[GLOBAL] == counts[setter]
    assert counts[GLOBAL].ai_sent == counts[GLOBAL].total == 1


@pytest.mark.parametrize("schema", ["inboxdb", "inbox_api"])
def test_schema_of_somebody_elses_is_refused(bare_database: Database, schema: str) -> None:
    """Its owner could put functions of their own in the place of ours."""
    superuser = bare_database.superuser()
    superuser.execute(f"create schema {schema} authorization {WRITER}")
    superuser.execute(f"grant all on schema {schema} to public")
    with pytest.raises(DatabaseRefused, match=f"schema {schema} belongs to {WRITER}"):
        migrate.apply(bare_database.dsn)


def test_schema_of_the_hosts_own_is_not_taken_over(bare_database: Database) -> None:
    owner = bare_database.connect()
    owner.execute("create schema inbox_api")
    before = catalog(owner)
    with pytest.raises(DatabaseRefused, match="schema inbox_api is there already, and not inboxdb's"):
        migrate.apply(bare_database.dsn)
    assert not difference(before, catalog(owner))


# What a host may have done to its tables that inboxdb cannot follow: statements of a superuser, the finding's first
# words, and what is left to do where the remedy is no statement.
VIRTUAL = """
alter table public."Message" drop column channel, add column channel text generated always as ('email') virtual
"""
UNFOLLOWED = {
    "child": (
        'create table public."LeadArchive" () inherits (public."Lead")',
        'table public."Lead" is inherited by public."LeadArchive", whose rows ',
        None,
    ),
    "child of drafts, in another schema": (
        'create schema old; create table old.drafts () inherits (public."AIDraft")',
        'table public."AIDraft" is inherited by old.drafts, ',
        None,
    ),
    "child of messages": (
        'create table public.kept () inherits (public."Message")',
        'table public."Message" is inherited by public.kept, ',
        None,
    ),
    "child of workspaces": (
        'create table public.kept () inherits (public."Client")',
        'table public."Client" is inherited by public.kept, ',
        None,
    ),
    "unlogged": (
        'alter table public."Message" set unlogged',
        'table public."Message" is unlogged: ',
        None,
    ),
    "tables of Citus's": (
        CITUS + OF_CITUS.format("Lead"),
        'table public."Lead" is a table of Citus\'s, whose rows ',
        None,
    ),
    "members copied to each server": (
        CITUS + OF_CITUS.format("ClientMember"),
        'table public."ClientMember" is a table of Citus\'s, ',
        None,
    ),
    "no primary key": (
        'alter table public."Lead" drop constraint "Lead_pkey" cascade',
        'column public."Lead".id is no key: ',
        None,
    ),
    "no whole key": (
        """
        alter table public."Client" drop constraint "Client_pkey" cascade;
        create unique index on public."Client" (id) where name <> '';
        create unique index on public."Client" (id, name)
        """,
        'column public."Client".id is no key: ',
        None,
    ),
    "nullable key": (
        'alter table public."Lead" drop constraint "Lead_pkey" cascade, alter column id drop not null, add unique (id)',
        'column public."Lead".id is no key: ',
        None,
    ),
    "ids that are equal though they differ": (
        """
        create collation public.ci from "C";
        alter table public."Lead" alter column "assignedToUserId" type text collate public.ci;
        alter table public."Client" alter column "userId" type text collate public.ci;
        alter table public."ClientMember" alter column "userId" type text collate public.ci;
        update pg_collation set collisdeterministic = false where collname = 'ci'
        """,
        'column public."Client"."userId" has collation public.ci, by which different ids are equal',
        None,
    ),
    "two collations": (
        'alter table public."Message" alter column "leadId" type text collate "C"',
        'column public."Message"."leadId" has collation pg_catalog."C" where public."Lead".id has pg_catalog."default"',
        None,
    ),
    "domain": (
        "create domain public.email_status as text;"
        'alter table public."Lead" alter column status drop default, alter column status type public.email_status',
        'column public."Lead".status is public.email_status, not text',
        'alter table public."Lead" alter column status type text',
    ),
    "virtual column in an index of ours": (
        VIRTUAL,
        'column public."Message".channel is a virtual generated column',
        VIRTUAL.replace("virtual", "stored"),
    ),
    "virtual column that a trigger reads": (
        """
        alter table public."Lead" drop column "assignedToUserId" cascade,
          add column "assignedToUserId" text generated always as (lower(email)) virtual
        """,
        'column public."Lead"."assignedToUserId" is a virtual generated column',
        """
        alter table public."Lead" drop column "assignedToUserId",
          add column "assignedToUserId" text generated always as (lower(email)) stored
        """,
    ),
}


@pytest.mark.parametrize("what", UNFOLLOWED)
def test_what_cannot_be_followed(bare_database: Database, what: str) -> None:
    """Refused by name, by `plan`, too; the remedy helps."""
    statements, words, remedy = UNFOLLOWED[what]
    superuser = bare_database.superuser()
    if "virtual" in what and superuser.info.server_version < 180000:
        pytest.skip("virtual generated columns are PostgreSQL 18's")
    superuser.execute("set search_path = ''")
    superuser.execute(statements)
    found, hint = refusal(bare_database)
    assert found[0].startswith(words), found
    [obstacle] = [one for one in plan.examine(bare_database.dsn).findings if one.severity == OBSTACLE]
    assert (obstacle.check, obstacle.evidence) == ("host", f"the host schema does not fit: {'; '.join(found)}.")
    for statement in [remedy] if remedy else re.findall(r"`([^`]+)`", hint):
        superuser.execute(statement)
    assert all(one.severity != OBSTACLE for one in plan.examine(bare_database.dsn).findings)


FOLLOWED = """
-- rules: instead of the written statement, and beside it
create table public.written (lead text);
create rule softly as on delete to public."Lead" where old.status <> 'gone'
  do instead update public."Lead" set status = 'gone' where id = old.id;
create rule beside as on insert to public."Lead" do also insert into public.written values (new.id);
create rule nothing as on update to public."AIDraft" where new.status = 'never' do instead nothing;
-- generated and identity columns
alter table public."Lead" add column number bigint generated always as identity, add column mood text;
alter table public."Lead" drop column "sentimentTag",
  add column "sentimentTag" text generated always as (initcap(mood)) {kind};
alter table public."Lead" drop column "lastOutboundAt",
  add column "sentAt" timestamp, add column "lastOutboundAt" timestamp generated always as ("sentAt") {kind};
-- leads without a workspace, drafts and messages without a lead
alter table public."Lead" alter column "clientId" drop not null;
alter table public."AIDraft" alter column "leadId" drop not null;
alter table public."Message" alter column "leadId" drop not null;
alter table public."Message" drop constraint "Message_aiDraftId_fkey";
-- a child of another table, a partition of another table, and a partitioned table of members
create table public.base (status text);
alter table public."Lead" inherit public.base;
create table public.all_drafts (like public."AIDraft" including defaults) partition by list (status);
alter table public.all_drafts attach partition public."AIDraft" default;
create table public.sent_drafts partition of public.all_drafts for values in ('sent');
alter table public."ClientMember" rename to member_rows;
create table public."ClientMember" (like public.member_rows including defaults) partition by hash (id);
create table public.members partition of public."ClientMember" for values with (modulus 1, remainder 0);
grant select, insert, update, delete on all tables in schema public to app_writer;
-- tables of the same names elsewhere
create schema other;
create table other."Lead" (id text, "clientId" text);
grant usage on schema other to app_writer;
grant insert on other."Lead" to app_writer;
"""


@pytest.mark.long
def test_what_is_followed(bare_database: Database) -> None:
    """Each write is noted: no audit runs, and counts are those of the host's tables after each step."""
    owner = bare_database.connect()
    has_virtual = owner.info.server_version >= 180000
    owner.execute(FOLLOWED.format(kind="virtual" if has_virtual else "stored"))
    migrate.apply(bare_database.dsn)
    writer = bare_database.writer()
    host = Host(writer)
    here, there = host.workspace(), host.workspace()
    setter = new_id()
    host.member(here, setter, "SETTER")
    leads = [
        host.lead(here, mood="interested", assignedToUserId=setter, lastInboundAt="2024-01-15 00:00:00+00")
        for _ in range(4)
    ]
    drafts = [host.draft(lead) for lead in leads]
    host.ai_sent(leads[0])
    total = 4
    assert recounted(bare_database, here) == (total, [])
    assert writer.execute("select count(*) from public.written").fetchone() == (total,)

    steps = {
        "rule instead of a delete": ('delete from public."Lead" where id = %s', leads[0]),
        "generated column": ("update public.\"Lead\" set mood = 'bored' where id = %s", leads[1]),
        "generated time": ('update public."Lead" set "sentAt" = \'2024-02-01\' where id = %s', leads[1]),
        "through the parent": ("update public.base set status = 'blacklisted' where status = %s", "gone"),
        "rule nothing": ("update public.\"AIDraft\" set status = 'never' where id = %s", drafts[1]),
        "moved to another partition": ("update public.all_drafts set status = 'sent' where id = %s", drafts[1]),
        "back into this one": ("update public.all_drafts set status = 'pending' where id = %s", drafts[1]),
        "deleted through the parent": ("delete from public.all_drafts where id = %s", drafts[2]),
        "no workspace": ('update public."Lead" set "clientId" = null where id = %s', leads[3]),
        "draft of a lead without a workspace": ('delete from public."AIDraft" where id = %s', drafts[3]),
        "a workspace again": (f'update public."Lead" set "clientId" = \'{there}\' where id = %s', leads[3]),
        "no lead": ('update public."Message" set "leadId" = null where "leadId" = %s', leads[0]),
        "sent from it": ('delete from public."AIDraft" where "leadId" = %s', leads[0]),
        "namesake elsewhere": ("insert into other.\"Lead\" values ('x', %s)", here),
    }
    for step, (statement, parameter) in steps.items():
        writer.execute(statement, [parameter])
        found = recounted(bare_database, here)[1] + recounted(bare_database, there)[1]
        assert found == [], step

    # a draft of no lead notes nothing, in particular not every workspace
    writer.execute("insert into public.\"AIDraft\" (id, content, \"updatedAt\") values ('orphan', '', now())")
    writer.execute("update public.\"AIDraft\" set status = 'approved' where id = 'orphan'")
    assert only_noted(bare_database) == []
    writer.execute(
        """
        update public."AIDraft" set "leadId" = %s, status = 'pending', "autoSendAction" = 'needs_review'
        where id = 'orphan'
        """,
        [leads[2]],
    )
    assert recounted(bare_database, here)[1] == []

    # search_path and temporary tables hide the host's names from nobody but themselves
    writer.execute("set search_path = other, public")
    writer.execute('create temporary table "Lead" (id text, "clientId" text)')
    writer.execute("insert into \"Lead\" values ('t', %s)", [here])
    writer.execute("update public.\"Lead\" set status = 'unqualified' where id = %s", [leads[2]])
    assert recounted(bare_database, here)[1] == []
    bare_database.superuser().execute("truncate public.base cascade")
    assert recounted(bare_database, here) == (0, [])


def only_noted(database: Database) -> list[tuple[str | None, str | None]]:
    """List what the log holds."""
    return database.connect().execute("select client_id, lead_id from inboxdb.change").fetchall()


def recounted(database: Database, workspace: str) -> tuple[int, list[tuple[str | None, str | None]]]:
    """Drain by the log alone; return the workspace's total, and what differs from the host's tables or is left over."""
    owner = database.connect()
    owner.execute("call inboxdb.drain_dirty()")
    stored = stored_counts(owner).get(workspace, {})
    differs = live_counts(owner, workspace)
    return stored[GLOBAL].total if stored else 0, only_noted(database) + [
        (s, str(c)) for s, c in differs.items() if stored.get(s) != c
    ]


def test_ids_of_a_collation(bare_database: Database) -> None:
    """Our tables take it from the host's columns: comparisons use indexes on either side."""
    owner = bare_database.connect()
    for table, column in [column for column, kind in REQUIRED.items() if kind == "id"]:
        owner.execute(f'alter table public."{table}" alter column "{column}" type text collate "C"')
    migrate.apply(bare_database.dsn)
    host = Host(bare_database.writer())
    workspace, setter = host.workspace(), new_id()
    host.ai_sent(host.lead(workspace, assignedToUserId=setter))
    assert recounted(bare_database, workspace) == (1, [])
    owner.execute("set enable_seqscan = off")
    for statement in (
        """select from inboxdb.inbox_counts as k, public."Lead" as l where k.client_id = l."clientId" and l.id = 'x'""",
        """select from public."Lead" as l where l."clientId" = 'x'::inboxdb.client_id""",
    ):
        plan_of = owner.execute(f"explain (costs off) {statement}").fetchall()
        assert not any("Seq Scan" in line for (line,) in plan_of), plan_of
    assert repair.verify(bare_database.dsn).healthy

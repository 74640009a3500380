"""The host changes its own schema under an installed inboxdb: its writes go on, and nothing is counted wrongly."""

import os
import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any

import psycopg
import pytest

from inboxdb.counts import verify
from inboxdb.database.errors import InboxdbError
from inboxdb.drain.run import drain
from inboxdb.install import differences, migrate, repair, suspend
from inboxdb.watch import doctor, status
from tests.hosts import CITUS, OF_CITUS
from tests.parts import one_in
from tests.rows import WRITTEN_AT, new_id
from tests.servers import Database

AT = f"'{WRITTEN_AT}'"


class World:
    """A counted inbox, and the host that writes it, whatever its tables and columns are called by now.

    Statements name tables and columns as inboxdb knows them, in angle brackets: <Lead>, <Lead.status>.
    """

    def __init__(self, database: Database) -> None:
        """Insert two workspaces, and count them."""
        self.database = database
        self.owner = database.connect()
        self.writer = database.writer()
        self.names: dict[str, str] = {}
        self.workspaces = [self.workspace(), self.workspace()]
        for workspace in self.workspaces:
            for _ in range(3):
                self.sent_draft(self.lead(workspace))
        drain(database.dsn)

    def named(self, statement: str) -> str:
        """Put today's names into a statement."""

        def today(match: re.Match[str]) -> str:
            table, _, column = match[1].partition(".")
            return f'"{self.names.get(match[1], column)}"' if column else f'public."{self.names.get(table, table)}"'

        return re.sub(r"<([A-Za-z.]+)>", today, statement)

    def write(self, statement: str, *parameters: Any) -> int:
        """Write as the application; return how many rows were written."""
        return self.writer.execute(self.named(statement), parameters or None).rowcount

    def change(self, statement: str) -> None:
        """Change the schema, as the host's owner."""
        self.owner.execute(self.named(statement))

    def rename(self, what: str, name: str) -> None:
        """Rename a table or a column, by the name that inboxdb knows."""
        table, _, column = what.partition(".")
        self.change(f'alter table <{table}> rename {f"column <{what}>" if column else ""} to "{name}"')
        self.names[what] = name

    def name_back(self, what: str) -> None:
        """Give a table or a column its name back, in place of another that may have it by now."""
        table, _, column = what.partition(".")
        if column:
            self.change(f'alter table <{table}> drop column if exists "{column}" cascade')
        else:
            self.owner.execute(f'drop table if exists public."{table}" cascade')
        self.rename(what, column or table)
        del self.names[what]

    def workspace(self) -> str:
        """Insert a workspace."""
        id = new_id()
        self.write(
            f"""
            insert into <Client> (<Client.id>, <Client.name>, <Client.userId>, <Client.updatedAt>)
            values (%s, 'Workspace', %s, {AT})
            """,
            id,
            new_id(),
        )
        return id

    def lead(self, workspace: str) -> str:
        """Insert a lead."""
        id = new_id()
        self.write(
            f"insert into <Lead> (<Lead.id>, <Lead.clientId>, <Lead.updatedAt>) values (%s, %s, {AT})", id, workspace
        )
        return id

    def sent_draft(self, lead: str) -> str:
        """Insert a draft, and a message sent from it."""
        draft = new_id()
        self.write(
            f"""
            insert into <AIDraft> (<AIDraft.id>, <AIDraft.leadId>, <AIDraft.content>, <AIDraft.updatedAt>)
            values (%s, %s, 'Synthetic.', {AT})
            """,
            draft,
            lead,
        )
        self.write(
            """
            insert into <Message> (
              <Message.id>, <Message.leadId>, <Message.aiDraftId>, <Message.channel>, <Message.direction>,
              <Message.source>, <Message.sentBy>, <Message.body>
            )
            values (%s, %s, %s, 'email', 'outbound', 'zrg', 'ai', 'Synthetic.')
            """,
            new_id(),
            lead,
            draft,
        )
        return draft

    def write_everything(self) -> None:
        """Write each table in each way, so that each trigger function runs through each of its branches."""
        here, there = self.workspaces
        gone = self.workspace()
        leads = [self.lead(workspace) for workspace in (here, here, there, gone)]
        drafts = [self.sent_draft(lead) for lead in leads]
        by_id = "where <Lead.id> = %s"
        assert self.write(f"update <Lead> set <Lead.status> = 'blacklisted' {by_id}", leads[0]) == 1
        assert self.write(f"update <Lead> set <Lead.assignedToUserId> = %s {by_id}", new_id(), leads[0]) == 1
        assert self.write(f"update <Lead> set <Lead.clientId> = %s {by_id}", there, leads[1]) == 1
        assert self.write(f"update <Lead> set <Lead.lastInboundAt> = <Lead.lastInboundAt> {by_id}", leads[2]) == 1
        assert self.write(f"update <Lead> set <Lead.id> = %s {by_id}", new_id(), leads[2]) == 1
        by_id = "where <AIDraft.id> = %s"
        assert self.write(f"update <AIDraft> set <AIDraft.status> = 'approved' {by_id}", drafts[0]) == 1
        assert self.write(f"update <AIDraft> set <AIDraft.leadId> = %s {by_id}", leads[0], drafts[1]) == 1
        assert self.write(f"delete from <AIDraft> {by_id}", drafts[0]) == 1
        assert self.write("update <Client> set <Client.id> = %s where <Client.id> = %s", new_id(), gone) == 1
        assert self.write("delete from <Lead> where <Lead.id> = %s", leads[1]) == 1
        assert self.write("delete from <Client> where <Client.id> = %s", self.workspace()) == 1
        self.write("truncate <Message>")

    def all_is_right(self) -> bool:
        """Say whether every stored count is the live one, after a drain."""
        drain(self.database.dsn)
        return verify.verify(self.database.dsn).drifted == 0


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


RENAMED = ["Lead.assignedToUserId", "Lead.clientId", "Lead.id", "AIDraft.leadId", "Message.aiDraftId", "Message.leadId"]
RENAMED += ["Client.id", "Lead", "AIDraft", "Message", "Client"]


@pytest.mark.parametrize("what", one_in(3, RENAMED))
def test_renamed(world: World, what: str) -> None:
    world.rename(what, "renamed")
    world.write_everything()
    result = drain(world.database.dsn)
    assert result.suspended_because, "nobody is told"
    assert status.read(world.owner).suspended_because == result.suspended_because
    world.write_everything()
    world.rename(what, what.rpartition(".")[2])
    assert suspend.resume(world.database.dsn).resumed
    assert world.all_is_right()
    assert status.read(world.owner).suspended_because is None


@pytest.mark.parametrize("kind", ["text", "uuid"])
@pytest.mark.parametrize(
    "what", one_in(4, ["Lead.clientId", "Lead.assignedToUserId", "AIDraft.leadId", "Message.aiDraftId"])
)
def test_renamed_and_another_of_that_name(world: World, what: str, kind: str) -> None:
    """Views go on reading the old column, functions read the new one without an error, prepared before or not."""
    table, _, column = what.partition(".")
    world.write("update <Lead> set <Lead.status> = 'new', <Lead.lastInboundAt> = null")
    world.rename(what, "renamed")
    world.change(f'alter table <{table}> add column "{column}" {kind}')
    world.write_everything()
    assert column in (drain(world.database.dsn).suspended_because or "")
    world.write_everything()
    world.change(f'alter table <{table}> drop column "{column}" cascade')
    world.rename(what, column)
    assert suspend.resume(world.database.dsn).resumed
    assert world.all_is_right()


def test_moved_to_another_column(world: World) -> None:
    """A new column takes the old one's place, as where a migration copies it: resumed, inboxdb reads the new one."""
    world.rename("Lead.assignedToUserId", "former")
    world.change('alter table <Lead> add column "assignedToUserId" text')
    world.change('update <Lead> set "assignedToUserId" = "former"')
    assert drain(world.database.dsn).suspended_because
    assert suspend.resume(world.database.dsn).resumed
    del world.names["Lead.assignedToUserId"]
    world.write_everything()
    assert world.all_is_right()
    world.change('alter table <Lead> drop column "former"')


@pytest.mark.parametrize("table", one_in(4, ["Lead", "AIDraft", "Message", "Client"]))
def test_another_table_of_that_name(world: World, table: str) -> None:
    world.rename(table, "Old")
    world.owner.execute(f'create table public."{table}" (like public."Old" including all)')
    world.write_everything()
    assert drain(world.database.dsn).suspended_because
    world.owner.execute(f'drop table public."{table}" cascade')
    world.rename(table, table)
    assert suspend.resume(world.database.dsn).resumed
    assert world.all_is_right()


# How another table may come to have rows that a query on <TABLE> reads, or <TABLE> to be read with another.
CHILD = 'create table public."Archive" () inherits (<TABLE>)'
FORMER_CHILD = 'create table public."Archive" (like <TABLE>); alter table public."Archive" inherit <TABLE>'


@pytest.mark.parametrize("come", [CHILD, FORMER_CHILD], ids=["made", "attached"])
@pytest.mark.parametrize("table", one_in(4, ["Lead", "AIDraft", "Message", "Client"]))
def test_inherited(world: World, table: str, come: str) -> None:
    """An archiver moves rows to a child: they are read with the table, and fire no trigger of ours."""
    world.change(come.replace("<TABLE>", f"<{table}>"))
    world.change('grant all on public."Archive" to app_writer')
    assert world.owner.execute("select inboxdb.check_host()").fetchone() == (False,)
    [why] = world.owner.execute("select inboxdb.why_suspended()").fetchone() or [None]
    assert why == f'table public."{table}" is inherited by public."Archive"'
    world.write(
        f"""
        with gone as (delete from only <{table}> returning *)
        insert into public."Archive" select * from gone where <{table}.id> = (select min(<{table}.id>) from <{table}>)
        """
    )
    world.workspaces = [world.workspace(), world.workspace()]
    world.write_everything()
    with pytest.raises(InboxdbError, match=r'"Archive" no inherit public."' + table):
        suspend.resume(world.database.dsn)
    world.change(f'alter table public."Archive" no inherit <{table}>')
    assert suspend.resume(world.database.dsn)
    assert world.all_is_right()


def test_given_to_citus(world: World) -> None:
    """Distributed with DDL propagation off, a table would have our triggers on an empty shell alone."""
    superuser = world.database.superuser()
    superuser.execute(CITUS + OF_CITUS.format("Message"))
    problem = 'table public."Message" is a table of Citus\'s'
    [found] = repair.verify(world.database.dsn).findings
    assert (found.object, found.installed) == ("host schema", problem)
    [check] = [one for one in doctor.examine(world.database.dsn) if one.check == "host_tables"]
    assert [one.evidence.partition(": ")[0] for one in check.findings] == [problem]
    assert drain(world.database.dsn).suspended_because == problem
    with pytest.raises(InboxdbError, match=re.escape(problem)):
        suspend.resume(world.database.dsn)
    superuser.execute("select undistribute_table('public.\"Message\"', cascade_via_foreign_keys => true)")
    assert suspend.resume(world.database.dsn)
    assert world.all_is_right()


@pytest.mark.parametrize("table", one_in(4, ["Lead", "AIDraft", "Message", "Client"]))
def test_read_with_another(world: World, table: str) -> None:
    """A child's, or a partition's, own triggers fire, whichever name its rows are written by."""

    def all_is_right() -> bool:
        # no message is noted by itself
        world.write("update <Lead> set <Lead.lastInboundAt> = <Lead.lastInboundAt>")
        return world.all_is_right()

    world.change("create table public.base ()")
    world.change(f"alter table <{table}> inherit public.base")
    world.write_everything()
    assert all_is_right()
    world.change(f"alter table <{table}> no inherit public.base")
    world.change(f"create table public.whole (like <{table}> including defaults) partition by list (<{table}.id>)")
    world.change(f"alter table public.whole attach partition <{table}> default")
    world.write_everything()
    world.owner.execute("delete from public.whole where id = (select min(id) from public.whole)")
    assert all_is_right()
    world.owner.execute("truncate public.whole cascade")
    assert all_is_right()
    world.change(f"alter table public.whole detach partition <{table}>")
    world.workspaces = [world.workspace(), world.workspace()]
    world.write_everything()
    assert all_is_right()


@pytest.mark.parametrize("table", one_in(3, ["Lead", "AIDraft", "Client"]))
def test_partitioned_later(world: World, table: str) -> None:
    """As where a large table is partitioned without a pause: the old one becomes the first partition."""
    world.rename(table, "Old")
    del world.names[table]
    world.change(f'create table <{table}> (like public."Old" including defaults) partition by range (<{table}.id>)')
    world.change(f'alter table <{table}> attach partition public."Old" default')
    world.change(f"grant all on <{table}> to app_writer")
    world.write_everything()
    because = drain(world.database.dsn).suspended_because or ""
    assert "is another than the one" in because
    with pytest.raises(InboxdbError, match=f'table public."{table}" is partitioned'):
        suspend.resume(world.database.dsn)
    world.change(f'alter table <{table}> detach partition public."Old"')
    world.change(f"drop table <{table}>")
    world.names[table] = "Old"
    world.rename(table, table)
    del world.names[table]
    assert suspend.resume(world.database.dsn)
    world.write_everything()
    assert world.all_is_right()


@pytest.mark.parametrize("table", one_in(4, ["Lead", "AIDraft", "Message", "Client"]))
def test_moved_to_another_schema(world: World, table: str) -> None:
    world.change("create schema elsewhere; grant usage on schema elsewhere to app_writer")
    world.change(f"alter table <{table}> set schema elsewhere")
    world.writer.execute("set search_path = public, elsewhere")
    assert world.writer.execute('update "Lead" set status = $$contacted$$').rowcount == 6
    assert world.writer.execute('delete from "AIDraft"').rowcount == 6
    assert world.writer.execute('delete from "Client"').rowcount == 2
    assert "is missing" in (drain(world.database.dsn).suspended_because or "")
    world.owner.execute(f'alter table elsewhere."{table}" set schema public')
    assert suspend.resume(world.database.dsn)
    assert world.all_is_right()


DROPPED = ["Lead.clientId", "Lead.status", "AIDraft.leadId", "Message.aiDraftId", "Client.userId"]


@pytest.mark.parametrize("what", one_in(3, DROPPED))
def test_dropped_with_all_that_hangs_on_it(world: World, what: str) -> None:
    """CASCADE takes our views with the column; functions and the triggers without a condition on the column stay."""
    table, _, column = what.partition(".")
    world.change(f"create table public.kept as select <{table}.id> as id, <{what}> as kept from <{table}>")
    world.change(f"alter table <{table}> drop column <{what}> cascade")
    assert world.write("update <Lead> set <Lead.assignedToUserId> = %s", new_id()) == 6
    assert world.write("delete from <Lead> where <Lead.id> = (select max(<Lead.id>) from <Lead>)") == 1
    assert world.write("delete from <Message>") > 0
    assert world.write("delete from <AIDraft>") > 0
    world.write("truncate <Message>")
    assert repair.verify(world.database.dsn).findings

    world.change(f'alter table <{table}> add column "{column}" text')
    world.change(f'update <{table}> as t set "{column}" = k.kept from public.kept as k where k.id = t.id')
    world.change("drop table public.kept")
    if suspend.suspended_since(world.owner):
        assert suspend.resume(world.database.dsn).resumed
    assert repair.verify(world.database.dsn, repair=True).healthy
    assert not repair.verify(world.database.dsn).findings
    assert world.all_is_right()


@pytest.mark.slow
@pytest.mark.parametrize("renamed", [False, True], ids=["as it was", "renamed"])
def test_transaction_ids_of_one_statement(world: World, renamed: bool) -> None:
    """A handler round a write would take a transaction id for each row; the log's rows tell by their xmin."""
    leads, drafts = 100_000, 1_000
    world.owner.execute("truncate inboxdb.change_0, inboxdb.change_1, inboxdb.change_2, inboxdb.change_3")
    filling = world.database.superuser()
    filling.execute("set session_replication_role = replica")
    filling.execute(
        f"""
        insert into public."Lead" (id, "clientId", "updatedAt")
        select gen_random_uuid(), '{world.workspaces[0]}', {AT} from generate_series(1, {leads - 6})
        """
    )
    filling.execute(
        f"""
        insert into public."AIDraft" (id, "leadId", content, "updatedAt")
        select gen_random_uuid(), l.id, 'Synthetic.', {AT} from public."Lead" as l limit {drafts - 6}
        """
    )
    if renamed:
        world.rename("Lead.assignedToUserId", "renamed")
        world.rename("Message.aiDraftId", "renamed")
    assert world.write("update <Lead> set <Lead.status> = 'contacted'") == leads
    assert world.write("delete from <AIDraft>") == drafts
    slices = [f"select xmin::text, xid from inboxdb.change_{number}" for number in range(4)]
    log = world.owner.execute(" union all ".join(slices)).fetchall()
    assert len(log) <= 30 if renamed else len(log) >= leads
    for xid in {xid for _, xid in log}:
        assert len({xmin for xmin, of in log if of == xid}) <= 8


# Triggers of the host's

BEFORE = """
create function public.block() returns trigger language plpgsql as
$$ begin if new.<Lead.email> = 'blocked' then new.<Lead.status> := 'blacklisted'; end if; return new; end $$;
create trigger block before {} on <Lead> for each row execute function public.block();
"""
BLOCK = "update <Lead> set <Lead.email> = 'blocked' where <Lead.id> = (select max(<Lead.id>) from <Lead>)"


def is_comparing(world: World) -> bool:
    """Whether our trigger that compares is enabled."""
    [(enabled,)] = world.owner.execute("select tgenabled from pg_trigger where tgname = 'inboxdb_note_compared'")
    return str(enabled) == "O"


def test_a_before_trigger_is_followed_by_one_that_compares(world: World) -> None:
    """By a drain where nobody writes just now, else by hand, since a writer might wait otherwise."""
    world.change(BEFORE.format("insert or update"))
    with world.writer.transaction():
        world.write("update <Lead> set <Lead.email> = null")
        assert world.owner.execute("select inboxdb.check_host()").fetchone() == (True,)
        assert not is_comparing(world)
        # of counts, and of searched texts
        for found in (both := differences.lost_or_changed(world.owner, "trigger")):
            assert found.installed == "disabled"
            assert "`inboxdb migrate verify --repair`" in found.remedy.command
        assert len(both) == 2
    assert world.write(BLOCK) == 1, "not noted"
    assert [one.mended for one in repair.verify(world.database.dsn, repair=True).findings] == [True, True]
    assert is_comparing(world)
    assert world.all_is_right()

    world.change("alter table <Lead> disable trigger inboxdb_note_compared")
    assert world.write(BLOCK.replace("max", "min")) == 1, "not noted"
    drain(world.database.dsn)
    assert is_comparing(world)
    assert world.all_is_right()

    suspend.suspend(world.database.dsn)
    assert world.owner.execute("select from pg_trigger where tgname = 'inboxdb_note_compared'").rowcount == 0
    assert suspend.resume(world.database.dsn).resumed
    assert is_comparing(world)
    world.write("update <Lead> set <Lead.status> = 'new', <Lead.email> = null")
    assert world.all_is_right()
    assert world.write(BLOCK) == 1
    assert world.all_is_right()

    # without need it stays, and is no difference
    world.change("drop trigger block on <Lead>")
    assert repair.verify(world.database.dsn).findings == []


@pytest.mark.parametrize("events", ["insert", "insert or update of {}", "update"])
def test_only_a_before_update_trigger_is_followed(world: World, events: str) -> None:
    world.change(BEFORE.format(events.format("<Lead.email>")))
    if events == "update":
        world.change("alter table <Lead> disable trigger block")
    assert world.owner.execute("select inboxdb.check_host()").fetchone() == (True,)
    assert is_comparing(world) == ("of" in events)
    assert repair.verify(world.database.dsn).findings == []


def test_a_before_trigger_from_before_the_installation(bare_database: Database) -> None:
    owner = bare_database.connect()
    owner.execute(re.sub(r"<Lead\.?(\w*)>", lambda match: f'"{match[1] or "Lead"}"', BEFORE.format("update")))
    migrate.apply(bare_database.dsn)
    world = World(bare_database)
    assert is_comparing(world)
    assert world.write(BLOCK) == 1
    assert world.all_is_right()
    assert repair.verify(bare_database.dsn).findings == []


# Histories of changes of the schema, beside writers and drains

HISTORIES = int(os.environ.get("INBOXDB_HOST_HISTORIES", "4"))

# Names that the host may change: read by a function of ours, by views alone, or by nothing of ours.
NAMES = [*RENAMED, "Lead.status", "Lead.snoozedUntil", "AIDraft.status", "Message.channel", "Client.userId"]
NAMES += ["ClientMember.role", "ClientMember", "Lead.email", "Client.name"]
# Columns that the host may drop by CASCADE and add again: nullable, and empty afterwards.
LOST = [
    "Lead.sentimentTag",
    "Lead.assignedToUserId",
    "Lead.snoozedUntil",
    "AIDraft.autoSendAction",
    "Message.aiDraftId",
]
OTHERS = [
    "alter table <Lead> alter column <Lead.sentimentTag> set default 'Interested'",
    "alter table <Lead> alter column <Lead.lastMessageAt> type timestamptz",
    "alter table <Lead> alter column <Lead.status> type varchar(99)",
    "alter table <Message> alter column <Message.body> drop not null",
    "alter table <Client> alter column <Client.updatedAt> set default now()",
    "alter table <Lead> add check (<Lead.overallScore> > 0)",
    "alter table <Lead> set (fillfactor = 70)",
    "alter table <AIDraft> replica identity full",
    'alter table <Lead> cluster on "Lead_pkey"',
    "create index on <Lead> (<Lead.clientId>, <Lead.createdAt>)",
    "alter table <Lead> add column if not exists added integer not null default 1",
    "alter table <Lead> drop column if exists added",
    "create table if not exists public.part (like <Message>)",
    """
    create or replace function public.block() returns trigger language plpgsql as
    $$ begin new.<Lead.status> := 'blacklisted'; return new; exception when others then return new; end $$;
    create or replace trigger block before update on <Lead> for each row execute function public.block()
    """,
    "drop trigger if exists block on <Lead>",
    "analyze",
]


# PostgreSQL refuses some of these, to the host as well.
REFUSED = (
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.DependentObjectsStillExist,
    psycopg.errors.WrongObjectType,  # a table with children is no partition
    psycopg.errors.InvalidTableDefinition,  # a child lacks a column of its parent
)


def change_schema(world: World, dice: random.Random) -> None:
    """Make one change, of those that a host's migrations make."""
    kind = dice.choice(["rename", "rename", "back", "another", "drop", "other", "inherit", "inherit"])
    renamed = sorted(world.names)
    if kind == "rename":
        world.rename(dice.choice(NAMES), f"renamed_{dice.randrange(10**9)}")
    elif kind == "back" and renamed:
        world.name_back(dice.choice(renamed))
    elif kind == "another" and renamed:
        table, _, column = dice.choice(renamed).partition(".")
        if column:
            world.change(f'alter table <{table}> add column if not exists "{column}" text')
        else:
            world.owner.execute(f'create table if not exists public."{table}" (id text)')
    elif kind == "drop":
        what = dice.choice(LOST)
        table, _, column = what.partition(".")
        world.change(f"alter table <{table}> drop column <{what}> cascade")
        kind_of = "timestamptz" if "Until" in column else "text"
        world.change(f'alter table <{table}> add column "{world.names.get(what, column)}" {kind_of}')
    elif kind == "inherit":
        inherit(world, dice)
    else:
        world.change(dice.choice(OTHERS))


def inherit(world: World, dice: random.Random) -> None:
    """Give a table a child with one of its rows, or a parent; or take them away."""
    table = dice.choice(["Lead", "AIDraft", "Message"])
    change = dice.choice(["child", "child", "no child", "parent", "partition"])
    if change == "child":
        world.change(f"create table if not exists public.child_of_{table} () inherits (<{table}>)")
        world.change(
            f"""
            with gone as (
              delete from only <{table}> where <{table}.id> = (select max(<{table}.id>) from only <{table}>) returning *
            )
            insert into public.child_of_{table} select * from gone
            """
        )
    elif change == "no child":
        world.change(f"drop table if exists public.child_of_{table} cascade")
    elif change == "parent":
        world.change(f"create table public.base (); alter table <{table}> inherit public.base")
        world.write_everything()
        world.change(f"alter table <{table}> no inherit public.base; drop table public.base")
    else:
        world.change("drop table if exists public.whole")
        world.change(f"create table public.whole (like <{table}> including defaults) partition by list (<{table}.id>)")
        world.change(f"alter table public.whole attach partition <{table}> default")
        world.write_everything()
        world.change(f"alter table public.whole detach partition <{table}>; drop table public.whole")


@contextmanager
def beside(world: World) -> Iterator[None]:
    """Let drains run, and leads be written, all the time."""
    over = Event()

    def drain_on() -> None:
        while not over.is_set():
            with suppress(InboxdbError):
                drain(world.database.dsn)

    def write_on() -> None:
        with psycopg.connect(world.writer.info.dsn, password=world.database.server.password, autocommit=True) as writer:
            while not over.is_set():
                try:
                    writer.execute(world.named("update <Lead> set <Lead.status> = 'contacted' where random() < 0.3"))
                    writer.execute(
                        world.named("update <AIDraft> set <AIDraft.status> = 'pending' where random() < 0.3")
                    )
                except psycopg.Error as error:
                    # the host's own statement has the names of a moment ago, or lost a deadlock with the host's own DDL
                    if "inboxdb" in (error.diag.context or ""):
                        raise

    with ThreadPoolExecutor() as threads:
        works = [threads.submit(drain_on), threads.submit(write_on)]
        try:
            yield
        finally:
            over.set()
        for work in works:
            work.result()


@pytest.mark.parametrize("number", range(HISTORIES))
def test_history_of_changes(world: World, number: int) -> None:
    seed = int(os.environ.get("INBOXDB_TEST_SEED", random.SystemRandom().randrange(10**9)))
    print(f"INBOXDB_TEST_SEED={seed}")  # noqa: T201
    dice = random.Random(seed)
    with beside(world):
        for _ in range(12):
            with suppress(*REFUSED):
                change_schema(world, dice)
            world.write_everything()
    for what in sorted(world.names, key=lambda what: "." in what):
        world.name_back(what)
    for table in ("Lead", "AIDraft", "Message"):
        world.change(f"drop table if exists public.child_of_{table} cascade")
    if suspend.suspended_since(world.owner):
        assert suspend.resume(world.database.dsn).resumed
    repair.verify(world.database.dsn, repair=True)
    world.write_everything()
    assert world.all_is_right()
    assert not repair.verify(world.database.dsn).findings

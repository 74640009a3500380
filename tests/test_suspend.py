"""`migrate suspend` and `resume`: the host's own migration passes, nothing is opened or lost, and all is put back."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from inboxdb.cli import main
from inboxdb.database import connection
from inboxdb.database.errors import DatabaseRefused, InboxdbError, LeadIsProtected
from inboxdb.drain.run import drain
from inboxdb.install import access, migrate, repair
from inboxdb.install.access import Named
from inboxdb.install.suspend import Resumption, resume, suspend
from inboxdb.watch import status
from inboxdb.watch.doctor import examine
from tests.catalog import catalog, difference
from tests.interleave import DEADLINE, until
from tests.parts import one_in
from tests.rows import GLOBAL, Host, live_counts, new_id, stored_counts
from tests.running import python_ends
from tests.servers import WRITER, Database
from tests.test_migrations import LAST

# What the columns that are counted are exposed to by a host's migration: each fails where inboxdb hangs on them.
RETYPED = [
    'alter table public."Lead" alter column status type varchar(40)',
    'alter table public."Lead" alter column "sentimentTag" type varchar(99)',
    'alter table public."Lead" alter column "snoozedUntil" type timestamptz',
    'alter table public."Lead" alter column "updatedAt" type timestamptz',
    'alter table public."Lead" alter column "lastInboundAt" type timestamptz(2)',
    'alter table public."AIDraft" alter column status type varchar(40)',
    'alter table public."Message" alter column source type varchar(40)',
]
READERS = "authenticated"


@pytest.fixture
def threads(database: Database) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as threads:
        yield threads
        database.connections.close()


def retype(owner: psycopg.Connection[Any]) -> None:
    for statement in RETYPED:
        owner.execute(statement)


def protect(database: Database) -> None:
    database.connect().execute(f'grant select, insert, update on public."Lead" to {READERS}')
    access.turn_on(database.dsn, Named([WRITER], [READERS]))


def run(database: Database, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--dsn", database.dsn, *arguments])
    return result.exit_code, result.output


@pytest.mark.all_hosts
@pytest.mark.parametrize("protected", [False, True])
def test_suspend_and_resume_leave_the_catalog_as_it_was(database: Database, protected: bool) -> None:
    owner = database.connect()
    if protected:
        protect(database)
    access.publish(database.dsn)
    before = catalog(owner)

    assert not suspend(database.dsn).again
    left = owner.execute(
        """
        select pg_describe_object(d.classid, d.objid, d.objsubid) from pg_depend as d
        inner join pg_class as c on c.oid = d.refobjid and d.refclassid = 'pg_class'::regclass
        where c.relnamespace = 'public'::regnamespace and d.refobjsubid > 0
          and d.classid in ('pg_rewrite'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass,
            'pg_publication_rel'::regclass)
          and pg_describe_object(d.classid, d.objid, d.objsubid) like '%inboxdb%'
        """
    ).fetchall()
    assert not left
    assert resume(database.dsn).resumed
    assert not difference(before, catalog(owner))
    assert not resume(database.dsn).resumed, "it is not suspended"
    assert not difference(before, catalog(owner))


@pytest.mark.all_hosts
def test_the_hosts_migration_passes_and_everything_is_counted_anew(database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    protect(database)
    workspace = host.workspace()
    lead = host.lead(workspace, lastInboundAt="2024-01-01 00:00:00+00")
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        owner.execute(RETYPED[0])
    owner.execute("call inboxdb.drain_dirty()")

    suspend(database.dsn)
    host.draft(lead)
    host.lead(workspace)
    retype(owner)
    owner.execute('alter table public."AIDraft" rename column "autoSendAction" to former')
    with pytest.raises(DatabaseRefused, match='"autoSendAction" is missing') as refused:
        resume(database.dsn)
    assert refused.value.sqlstate == "IB001"
    assert status.read(owner).suspended_since, "nothing was changed"
    owner.execute('alter table public."AIDraft" rename column former to "autoSendAction"')
    # its index goes with a column, silently
    owner.execute("drop index public.inboxdb_ai_draft_to_review")

    assert resume(database.dsn).resumed
    assert owner.execute("select to_regclass('public.inboxdb_ai_draft_to_review') is null").fetchone() == (False,)
    owner.execute("call inboxdb.drain_dirty()")
    counted = stored_counts(owner)[workspace][GLOBAL]
    assert (counted.total, counted.ai_review) == (2, 1)
    host.lead(workspace)
    owner.execute("call inboxdb.drain_dirty()")
    assert stored_counts(owner)[workspace][GLOBAL].total == 3
    # seen by the owner of nothing, as before
    reader = database.signed_in(None)
    assert reader.execute('select from public."Lead"').rowcount == 0


@pytest.mark.parametrize("joined", [False, True])
def test_leads_stay_closed(database: Database, joined: bool) -> None:
    owner, user = database.connect(), new_id()
    host = Host(database.writer())
    workspace = host.workspace(userId=user)
    host.lead(workspace)
    if joined:
        owner.execute('alter table public."Lead" enable row level security')
        owner.execute(f'create policy of_the_host on public."Lead" to {WRITER} using (true)')
    protect(database)
    member, stranger = database.signed_in(user), database.signed_in(new_id())

    def seen(by: psycopg.Connection[Any]) -> int:
        return by.execute('select from public."Lead"').rowcount

    assert (seen(member), seen(stranger)) == (1, 0)
    suspend(database.dsn)
    assert (seen(member), seen(stranger)) == (0, 0)
    assert member.execute('update public."Lead" set status = status').rowcount == 0
    assert seen(database.writer()) == 1, "whoever is trusted goes on"
    host.lead(workspace)
    assert status.read(owner).lead_rls == ("joined" if joined else "enabled")
    resume(database.dsn)
    assert (seen(member), seen(stranger)) == (2, 0)


def test_meanwhile_counts_are_read_and_nothing_is_drained(database: Database) -> None:
    owner, user = database.connect(), new_id()
    host = Host(database.writer())
    workspace = host.workspace(userId=user)
    host.lead(workspace)
    owner.execute("call inboxdb.drain_dirty()")
    host.lead(workspace)
    suspend(database.dsn)

    counts = "select total, is_stale from inbox_api.inbox_counts(%s)"
    member = database.signed_in(user)
    owner.execute("update inboxdb.drain_state set collected_at = collected_at - interval '1 minute'")
    assert member.execute(counts, [workspace]).fetchall() == [(1, True)]

    drained = drain(database.dsn)
    assert (drained.refreshed, drained.failed, drained.skipped) == (0, 0, 0)
    assert drained.suspended_since
    code, said = run(database, "drain-dirty")
    assert code == 0, "cron has nothing to complain of"
    assert "suspended since" in said
    owner.execute("call inboxdb.drain_dirty()")
    claimed = owner.execute("select outcome from inboxdb.drain_next(%s)", [workspace]).fetchone()
    assert claimed == ("skipped",), "also what was claimed before"
    assert stored_counts(owner)[workspace][GLOBAL].total == 1
    assert not owner.execute("select from inboxdb.inbox_counts_dirty where attempts > 0").rowcount

    for refused in ("recompute_inbox_counts", "verify_workspace"):
        with pytest.raises(psycopg.Error) as error:
            owner.execute(f"select inboxdb.{refused}(%s)", [workspace])
        assert error.value.sqlstate == "IB012"
    code, said = run(database, "status")
    assert code == 3
    assert "suspended" in said
    [check] = [one for one in examine(database.dsn) if one.check == "suspended"]
    assert check.status == "problem"

    resume(database.dsn)
    assert drain(database.dsn).refreshed == 1
    assert stored_counts(owner)[workspace][GLOBAL].total == 2
    assert examine(database.dsn)
    assert run(database, "status")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [("apply",), ("apply", "--dry-run"), ("verify",), ("verify", "--repair"), ("rollback",)],
    ids=" ".join,
)
def test_what_is_refused_meanwhile(database: Database, arguments: tuple[str, ...]) -> None:
    suspend(database.dsn)
    before = catalog(database.connect())
    code, said = run(database, "migrate", *arguments)
    assert code == 1
    assert "`inboxdb migrate resume`" in said
    assert not difference(before, catalog(database.connect()))


def test_row_level_security_meanwhile(database: Database) -> None:
    protect(database)
    suspend(database.dsn)
    with pytest.raises(DatabaseRefused, match="IB012"):
        access.turn_on(database.dsn, Named([WRITER], [READERS]))
    access.turn_off(database.dsn)
    resume(database.dsn)
    assert status.read(database.connect()).lead_rls == "left_out"

    protect(database)
    suspend(database.dsn)
    with pytest.raises(LeadIsProtected, match="IB010"):
        migrate.rollback(database.dsn, count=None)
    resume(database.dsn)
    assert access.lead_access(database.dsn).protected


def test_all_can_be_rolled_back_meanwhile(bare_database: Database) -> None:
    owner = bare_database.connect()
    owner.execute("create schema inboxdb")
    before = catalog(owner)
    migrate.apply(bare_database.dsn)
    suspend(bare_database.dsn)
    migrate.rollback(bare_database.dsn, count=None)
    assert not difference(before, catalog(owner))


@pytest.mark.long
def test_ids_of_another_type(database: Database) -> None:
    """All tables of ours with ids are made anew, and restricted roles see at no time more than before, nor does a read
    come back that was switched off.
    """
    protect(database)
    host, user = Host(database.writer()), new_id()
    workspace = host.workspace(userId=user)
    host.lead(host.workspace())
    host.lead(workspace, status="needs_repair", assignedToUserId=new_id())
    owner = database.connect()
    owner.execute("call inboxdb.drain_dirty()")
    reader = database.signed_in(user)
    assert reader.execute('select from public."Lead"').rowcount == 1
    owner.execute("select inboxdb.set_flag('counts_read', 'off', 'kept', %s)", [workspace])
    # a varchar counts as text, but the columns of our views are others then
    suspend(database.dsn)
    owner.execute('alter table public."Lead" alter column "assignedToUserId" type varchar(50)')
    assert resume(database.dsn).resumed
    owner.execute("call inboxdb.drain_dirty()")

    suspend(database.dsn)
    for table, column in (("ClientMember", "userId"), ("Client", "userId"), ("Lead", "assignedToUserId")):
        owner.execute(f'alter table public."{table}" alter column "{column}" type uuid using "{column}"::uuid')
    assert reader.execute('select from public."Lead"').rowcount == 0
    assert resume(database.dsn) == Resumption(resumed=True, unmended=[])
    assert reader.execute('select from public."Lead"').rowcount == 1
    assert not repair.verify(database.dsn).findings
    [(flags,)] = reader.execute("select flags from inbox_api.flags(%s)", [workspace]).fetchall()
    assert not flags["counts_read"]
    host.lead(workspace, status="needs_repair")
    assert drain(database.dsn).failed == 0
    assert {one: live_counts(owner, one) for one in stored_counts(owner)} == stored_counts(owner)


# What nobody is granted, and a session has compiled with our types: called as a drain does.
COMPILED = (
    "select inboxdb.keep_analytics()",
    "select inboxdb.collect_analytics()",
    "select inboxdb.renew_analytics((select min(number) from inboxdb.analytics_workspace where client_id is not null))",
    "select inboxdb.walk_texts(10)",
    "select inboxdb.collect()",
    "call inboxdb.drain_dirty()",
)
READS = (
    "select * from inbox_api.inbox_counts(%s)",
    "select * from inbox_api.conversation_filters(%s)",
    "select * from inbox_api.analytics_overview(%s, current_date - 7, current_date)",
    "select * from inbox_api.analytics_response_times(%s, current_date - 7, current_date)",
    "select * from inbox_api.flags(%s)",
)


@pytest.mark.long
@pytest.mark.host_variants("wide-text")
@pytest.mark.parametrize("command", ["resume", "repair"])
def test_sessions_that_stay_go_on_with_types_made_anew(database: Database, command: str) -> None:
    owner, writer, user = database.connect(), database.writer(), new_id()
    host, reader = Host(writer), database.signed_in(user)
    workspace = host.workspace(userId=user)

    def work() -> None:
        lead = host.lead(workspace, status="needs_repair", assignedToUserId=new_id())
        host.message(lead, direction="inbound")
        host.draft(lead)
        for statement in COMPILED:
            owner.execute(statement)
        for statement in READS:
            reader.execute(statement, [workspace])

    work()
    if command == "repair":
        owner.execute("drop domain inboxdb.client_id, inboxdb.lead_id, inboxdb.user_id cascade")
        assert repair.verify(database.dsn, repair=True).healthy
    else:
        suspend(database.dsn)
        foreign_keys = """
            select conrelid::regclass, conname from pg_constraint
            where contype = 'f' and confrelid = any (%s::regclass[])
        """
        tables = ['public."Client"', 'public."Lead"']
        for table, name in owner.execute(foreign_keys, [tables]).fetchall():
            owner.execute(f'alter table {table} drop constraint "{name}"')
        ids = """
            select table_name, column_name from information_schema.columns
            where table_schema = 'public' and data_type = 'text'
              and (column_name in ('clientId', 'leadId') or table_name in ('Lead', 'Client') and column_name = 'id')
        """
        for table, column in owner.execute(ids).fetchall():
            owner.execute(f'alter table public."{table}" alter column "{column}" type uuid using "{column}"::uuid')
        assert resume(database.dsn) == Resumption(resumed=True, unmended=[])
    work()
    assert {one: live_counts(owner, one) for one in stored_counts(owner)} == stored_counts(owner)


STEPS = ["views", "Client", "AIDraft", "Lead"]


@pytest.mark.parametrize("command", ["suspend", "resume"])
@pytest.mark.parametrize("step", one_in(3, range(6)))
def test_killed_between_steps_and_gone_on(database: Database, command: str, step: int) -> None:
    owner = database.connect()
    protect(database)
    access.publish(database.dsn)
    before = catalog(owner)
    if command == "resume":
        suspend(database.dsn)
    code = (
        "import os, signal, sys; from inboxdb.install import repair, suspend\n"
        "steps = 0\n"
        "def counting(action, real=suspend.retrying):\n"
        "    global steps\n"
        "    if steps == int(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)\n"
        "    steps += 1\n"
        "    real(action)\n"
        "suspend.retrying = repair.retrying = counting\n"
        f"suspend.{command}(sys.argv[1])"
    )
    status_of_end = python_ends(code, database.dsn, str(step))
    assert status_of_end in (-signal.SIGKILL, 0)
    assert status_of_end == -signal.SIGKILL or step >= len(STEPS)
    until(lambda: not owner.execute("select from pg_stat_activity where application_name = 'inboxdb migrate'").rowcount)
    reader = database.signed_in(None)
    assert reader.execute('select from public."Lead"').rowcount == 0
    if command == "suspend":
        suspend(database.dsn)
        retype_one(owner)
    resume(database.dsn)
    assert not difference(before, catalog(owner))
    assert status.read(owner).suspended_since is None


def retype_one(owner: psycopg.Connection[Any]) -> None:
    owner.execute('alter table public."Lead" alter column "clientId" type varchar(99)')
    owner.execute('alter table public."Lead" alter column "clientId" type text')


def test_suspend_needs_all_migrations(bare_database: Database) -> None:
    migrate.apply(bare_database.dsn, batch=3)
    before = catalog(bare_database.connect())
    with pytest.raises(InboxdbError, match=LAST):
        suspend(bare_database.dsn)
    assert not difference(before, catalog(bare_database.connect()))
    assert not resume(bare_database.dsn).resumed


@pytest.mark.parametrize("command", [suspend, resume])
def test_lock_that_is_not_free_is_tried_again_and_stops_no_writer(
    threads: ThreadPoolExecutor, database: Database, monkeypatch: pytest.MonkeyPatch, command: Any
) -> None:
    monkeypatch.setattr(connection, "PAUSE", (0.0, 0.0))
    workspace = Host(database.writer()).workspace()
    if command is resume:
        suspend(database.dsn)
    holder = database.writer(autocommit=False)
    holder.execute('lock table public."Lead" in row exclusive mode')
    running = threads.submit(command, database.dsn, lock_timeout=0.2)
    owner = database.connect()

    def waiting_for(pid: int) -> list[Any]:
        return owner.execute(
            "select pid from pg_stat_activity where %s = any (pg_blocking_pids(pid))", [pid]
        ).fetchall()

    until(lambda: waiting_for(holder.info.backend_pid))
    writer = database.writer(options="-c statement_timeout=30s")
    writing = threads.submit(Host(writer).lead, workspace)
    writing.result(DEADLINE)
    assert not running.done()
    holder.rollback()
    assert running.result(DEADLINE)

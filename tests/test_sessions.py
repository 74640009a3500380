"""Right counts or an error, never wrong counts: whatever the session that writes, reads or drains has set."""

from itertools import product
from typing import Any

import psycopg
import pytest
from psycopg import Connection, IsolationLevel, errors
from psycopg.sql import SQL, Identifier, Literal

from tests.rows import GLOBAL, Counts, Host, live_counts, set_clock, stored_counts
from tests.servers import WRITER, Database

# In the hour that London skips in spring, and a millisecond to either side.
NOW = "2024-03-31 01:30:00+00"
JUST_BEFORE = "2024-03-31 01:29:59.999+00"
SOON = "2024-03-31 01:30:00.001+00"
LATER = "2024-03-31 02:30:00+00"

ZONES = ("UTC", "Europe/London", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Kiritimati")

ANN = "00000000-0000-4000-8000-00000000000a"

QUIET = Counts(total_non_blacklisted=1, awaiting_reply=1, total=1)
OPEN = Counts(all_responses=1, total_non_blacklisted=1, awaiting_reply=1, total=1)

ABOVE_READ_COMMITTED = pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])


@pytest.mark.all_hosts
def test_time_zones(database: Database) -> None:
    """A millisecond is told from the next, whatever the zones of the writer and the drain."""
    owner, writer = database.connect(), database.writer()
    host = Host(writer)
    set_clock(owner, NOW)
    expected = {}
    for zone in ZONES:
        writer.execute(SQL("set time zone {}").format(Literal(zone)))
        workspace = host.workspace()
        for snoozed in (JUST_BEFORE, NOW, SOON):
            host.lead(workspace, snoozedUntil=snoozed)
        for inbound, outbound in product((JUST_BEFORE, NOW, SOON), repeat=2):
            host.lead(workspace, lastInboundAt=inbound, lastOutboundAt=outbound)
            host.lead(workspace, lastInboundAt=inbound, lastZrgOutboundAt=outbound)
        # two snoozes of three are over; three pairs of nine are open replies, in either column
        expected[workspace] = {GLOBAL: Counts(all_responses=6, total_non_blacklisted=20, awaiting_reply=20, total=20)}
    for zone in ZONES:
        owner.execute(SQL("set time zone {}").format(Literal(zone)))
        assert {workspace: live_counts(owner, workspace) for workspace in expected} == expected
        owner.execute("truncate inboxdb.inbox_counts, inboxdb.workspace")
        owner.execute("select inboxdb.mark_all_inbox_counts_dirty()")
        owner.execute("call inboxdb.drain_dirty()")
        assert stored_counts(owner) == expected
        snoozes = owner.execute("select distinct next_snooze_at = %s from inboxdb.workspace", [SOON]).fetchall()
        assert snoozes == [(True,)]


@pytest.mark.all_hosts
def test_odd_settings(database: Database) -> None:
    owner, writer = database.connect(), database.writer()
    for connection in (owner, writer):
        connection.execute("set datestyle = 'SQL, DMY'")
        connection.execute("set intervalstyle = sql_standard")
        connection.execute("set extra_float_digits = -15")
        connection.execute("set standard_conforming_strings = off")
        connection.execute("set transform_null_equals = on")
        connection.execute("set plpgsql.extra_errors = 'all'")
    host = Host(writer)
    workspace = host.workspace()
    host.lead(workspace, lastInboundAt=JUST_BEFORE, lastOutboundAt=NOW, assignedToUserId=ANN)
    host.lead(workspace, lastInboundAt=SOON, lastZrgOutboundAt=NOW)
    host.lead(workspace, snoozedUntil="infinity")
    expected = {
        GLOBAL: Counts(all_responses=1, total_non_blacklisted=2, awaiting_reply=2, total=2),
        ANN: QUIET,
    }
    assert live_counts(owner, workspace) == expected
    owner.execute("call inboxdb.drain_dirty()")
    assert stored_counts(owner) == {workspace: expected}


@ABOVE_READ_COMMITTED
def test_refreshing_above_read_committed_is_refused(database: Database, level: IsolationLevel) -> None:
    owner = database.connect()
    workspace = Host(database.writer()).workspace()
    owner.isolation_level = level
    for call in (
        f"recompute_inbox_counts('{workspace}')",
        f"drain_next('{workspace}')",
        "drain_next()",
        "collect()",
        "claim_next()",
        "next_audit()",
        "empty_slice()",
    ):
        with pytest.raises(psycopg.Error) as raised, owner.transaction():
            owner.execute(f"select inboxdb.{call}")
        assert raised.value.sqlstate == "IB004", call
    assert stored_counts(owner) == {}

    owner.isolation_level = IsolationLevel.READ_UNCOMMITTED
    with owner.transaction():
        owner.execute("select inboxdb.recompute_inbox_counts(%s)", [workspace])
    assert stored_counts(owner) == {workspace: {GLOBAL: Counts()}}


@ABOVE_READ_COMMITTED
def test_writing_marking_and_reading_work_at_any_level(database: Database, level: IsolationLevel) -> None:
    owner, writer = database.connect(), database.writer()
    writer.isolation_level = owner.isolation_level = level
    host = Host(writer)
    with writer.transaction():
        workspace = host.workspace()
        lead = host.lead(workspace)
        draft = host.draft(lead)
        host.ai_sent(lead)
    owner.execute("call inboxdb.drain_dirty()")
    with writer.transaction():
        host.update("Lead", lead, lastInboundAt=NOW)
        host.delete("AIDraft", draft)
    with owner.transaction():
        owner.execute("select inboxdb.mark_inbox_counts_dirty(%s)", [workspace])
        owner.execute("select inboxdb.mark_all_inbox_counts_dirty()")
        owner.execute("select inboxdb.verify_workspace(%s)", [workspace])
        owner.execute("select inboxdb.drain_status()")
        expected = {GLOBAL: OPEN._replace(ai_sent=1)}
        assert live_counts(owner, workspace) == expected
    owner.execute("call inboxdb.drain_dirty()")
    assert stored_counts(owner) == {workspace: expected}


@ABOVE_READ_COMMITTED
def test_live_counts_are_of_the_callers_snapshot(database: Database, level: IsolationLevel) -> None:
    owner, host = database.connect(), Host(database.writer())
    workspace = host.workspace()
    host.lead(workspace)
    owner.isolation_level = level
    with owner.transaction():
        assert live_counts(owner, workspace) == {GLOBAL: QUIET}
        host.lead(workspace)
        assert live_counts(owner, workspace) == {GLOBAL: QUIET}
    assert live_counts(owner, workspace)[GLOBAL].total == 2


@ABOVE_READ_COMMITTED
def test_the_procedure_drains_whatever_the_default_isolation_level(database: Database, level: IsolationLevel) -> None:
    owner, host = database.connect(), Host(database.writer())
    workspaces = [host.workspace() for _ in range(3)]
    owner.execute(SQL("set default_transaction_isolation = {}").format(Literal(level.name.lower().replace("_", " "))))
    owner.execute("call inboxdb.drain_dirty(max_workspaces => 1, max_seconds => 60)")
    assert len(stored_counts(owner)) == 1
    owner.execute("call inboxdb.drain_dirty()")
    assert stored_counts(owner) == {workspace: {GLOBAL: Counts()} for workspace in workspaces}


def test_the_procedure_refuses_a_transaction_block(database: Database) -> None:
    owner = database.connect()
    Host(database.writer()).workspace()
    with pytest.raises(errors.InvalidTransactionTermination), owner.transaction():
        owner.execute("call inboxdb.drain_dirty()")
    assert stored_counts(owner) == {}


# Namesakes of whatever inboxdb's functions may name, in one schema: functions, operators and types raise TRAP1 when
# they are used, tables are empty.
NAMESAKES = """
create function hostile.trap() returns boolean language plpgsql as $$
begin
  raise exception using errcode = 'TRAP1';
end
$$;

do $$
declare
  definition text;
begin
  for definition in
    with
    word as (
      select distinct word
      from pg_proc, regexp_split_to_table(prosrc, '\\W+') as word
      where pronamespace = 'inboxdb'::regnamespace
    ),
    -- those that a function may take and return
    type as (
      select oid, format_type(oid, null) as name
      from pg_type
      where typtype in ('b', 'd') or typname in ('anyelement', 'anyarray', 'anynonarray', 'anycompatible')
    )
    select format(
      'create function hostile.%I(%s) returns %s language plpgsql as $_$begin perform hostile.trap(); end$_$',
      proname, pg_get_function_identity_arguments(oid), pg_get_function_result(oid))
    from pg_proc
    where (
        pronamespace = 'pg_catalog'::regnamespace and proname in (table word)
        or pronamespace = 'inboxdb'::regnamespace and has_schema_privilege(pronamespace, 'usage')
      )
      and oid not in (select aggfnoid from pg_aggregate where aggkind <> 'n')
      and prorettype in (select oid from type)
      and not exists (select from unnest(proargtypes) as argument where argument not in (select oid from type))
    union all
    select format(
      'create function hostile.operator_%1$s(%2$s) returns %3$s language plpgsql as
         $_$begin perform hostile.trap(); end$_$;
       create operator hostile.%4$s (function = hostile.operator_%1$s%5$s, rightarg = %6$s)',
      o.oid, concat_ws(',', l.name, r.name), result.name, o.oprname, ', leftarg = ' || l.name, r.name)
    from pg_operator as o
    inner join type as r on o.oprright = r.oid
    inner join type as result on o.oprresult = result.oid
    left join type as l on o.oprleft = l.oid
    where o.oprnamespace = 'pg_catalog'::regnamespace and (o.oprleft = 0 or l.oid is not null)
    union all
    select format('create domain hostile.%I as pg_catalog.%1$I check (hostile.trap())', typname)
    from pg_type
    where typnamespace = 'pg_catalog'::regnamespace and typtype = 'b' and typcategory <> 'A' and typname !~ '^pg_'
    union all
    select format('create table hostile.%I (like %s)', relname, oid::regclass)
    from pg_class
    where relnamespace in ('public'::regnamespace, 'inboxdb'::regnamespace)
      and relkind in ('r', 'v')
      and has_schema_privilege(relnamespace, 'usage')
  loop
    execute definition;
  end loop;
end
$$;
"""


@pytest.mark.all_hosts
def test_a_hostile_search_path(database: Database) -> None:
    """Its functions, operators, types and tables come before those of pg_catalog and public."""
    admin = database.superuser()
    admin.execute("create schema hostile")
    admin.execute("grant usage on schema hostile to public")
    admin.execute(NAMESAKES)
    path = "-c search_path=hostile,pg_catalog,public"
    owner, writer = database.connect(options=path), database.writer(options=path)
    for session in (owner, writer):
        with pytest.raises(psycopg.Error) as raised:
            session.execute("select 1 = 1")
        assert raised.value.sqlstate == "TRAP1"
    assert_unharmed(database, owner, writer)


@pytest.mark.all_hosts
def test_hostile_temporary_objects(database: Database) -> None:
    """Types and tables of the session's own, which come first in any search_path that doesn't say otherwise."""
    owner, writer = database.connect(), database.writer()
    for session in (owner, writer):
        session.execute(NAMESAKES.replace("hostile.", "pg_temp."))
    assert_unharmed(database, owner, writer)


REFRESHES = (
    "select inboxdb.recompute_inbox_counts(%(workspace)s)",
    "select inboxdb.drain_next(%(workspace)s)",
    "select inboxdb.drain_next()",
    "call inboxdb.drain_dirty(max_workspaces => 1000, max_seconds => 0)",
)
OTHER_CALLS = (
    "select inboxdb.live_inbox_counts(%(workspace)s)",
    "select inboxdb.verify_workspace(%(workspace)s)",
    "select inboxdb.mark_inbox_counts_dirty(%(workspace)s)",
    "select inboxdb.mark_all_inbox_counts_dirty()",
    "select inboxdb.collect()",
    "select inboxdb.claim_next()",
    "select inboxdb.next_audit()",
    "select inboxdb.record_failure(%(workspace)s, inboxdb.clock(), '57014')",
    "select inboxdb.time_limit(%(workspace)s)",
    "select inboxdb.empty_slice()",
    "select inboxdb.heartbeat('0a1b2c3d', 'sql', 1, 0, 0, '{0.5}')",
    "select inboxdb.requeue_inbox_counts()",
    "select inboxdb.seconds_to_next_attempt()",
    "select inboxdb.drain_status()",
    "select inboxdb.work_left()",
    "select inboxdb.failing_workspaces()",
    "select inboxdb.held_snapshot()",
    "select inboxdb.unpublished()",
    "select inboxdb.confirm_published('{version,job}', array[%(workspace)s, %(workspace)s], "
    "'{inbox,recompute-inbox-counts}', '{1,1}')",
    "select inboxdb.mark_all_unpublished()",
)


def assert_unharmed(database: Database, owner: Connection[Any], writer: Connection[Any]) -> None:
    """Write through one hostile session, count and drain through the other: neither uses what is hostile."""
    for session in (owner, writer):
        with pytest.raises(psycopg.Error) as raised:
            session.execute("select '2024-01-01'::timestamptz")
        assert raised.value.sqlstate == "TRAP1"

    onlooker, host = database.connect(), Host(writer)
    workspace = host.workspace()
    lead = host.lead(workspace, assignedToUserId=ANN)
    draft, message = host.draft(lead), host.ai_sent(lead)
    host.update("Lead", lead, lastInboundAt=NOW)
    onlooker.execute("call inboxdb.drain_dirty()")
    counts = Counts(all_responses=1, total_non_blacklisted=1, awaiting_reply=1, ai_sent=1, ai_review=1, total=1)
    assert stored_counts(onlooker) == {workspace: {GLOBAL: counts, ANN: counts}}

    def attempt(call: str) -> str | None:
        try:
            owner.execute(call, {"workspace": workspace})
        except psycopg.Error as error:
            return error.sqlstate
        return None

    refreshed = {}
    for call in REFRESHES:
        host.lead(workspace)
        refreshed[call] = attempt(call), stored_counts(onlooker)[workspace][GLOBAL].total
    assert refreshed == {call: (None, total) for total, call in enumerate(REFRESHES, start=2)}
    assert {call: attempt(call) for call in OTHER_CALLS} == dict.fromkeys(OTHER_CALLS)
    assert live_counts(owner, workspace) == live_counts(onlooker, workspace)

    host.delete("AIDraft", draft)
    host.delete("Message", message)
    host.update("Lead", lead, assignedToUserId=None)
    host.delete("Lead", lead)
    onlooker.execute("select inboxdb.drain_next(%s)", [workspace])
    assert stored_counts(onlooker) == {workspace: {GLOBAL: Counts(total_non_blacklisted=4, awaiting_reply=4, total=4)}}
    writer.execute('truncate public."Client", public."Lead", public."AIDraft", public."Message", public."ClientMember"')
    onlooker.execute("call inboxdb.drain_dirty()")
    assert stored_counts(onlooker) == {}


@pytest.mark.parametrize("table", ["Client", "Lead", "AIDraft", "Message"])
def test_row_level_security_that_hides_rows_is_an_error_and_never_zeros(database: Database, table: str) -> None:
    """What the installer may not see makes each count fail, and say so; it heals with the next attempt."""
    owner, host = database.connect(), Host(database.writer())
    set_clock(owner, NOW)
    workspace = host.workspace()
    lead = host.lead(workspace, assignedToUserId=ANN)
    host.draft(lead)
    host.ai_sent(lead)
    before = {scope: QUIET._replace(ai_sent=1, ai_review=1) for scope in (GLOBAL, ANN)}
    after = {scope: OPEN._replace(ai_sent=1, ai_review=1) for scope in (GLOBAL, ANN)}
    owner.execute("call inboxdb.drain_dirty()")
    assert stored_counts(owner) == {workspace: before}
    versions = owner.execute("select * from inboxdb.cache_version").fetchall()

    hidden = SQL("public.{}").format(Identifier(table))
    owner.execute(SQL("alter table {} enable row level security").format(hidden))
    owner.execute(SQL("create policy writer on {} to {} using (true)").format(hidden, Identifier(WRITER)))
    assert live_counts(owner, workspace) == before, "a table's owner is above its policies"
    owner.execute(SQL("alter table {} force row level security").format(hidden))
    assert owner.execute(SQL("select * from {}").format(hidden)).fetchall() == []
    host.update("Lead", lead, lastInboundAt=NOW)

    for function in ("live_inbox_counts", "verify_workspace", "recompute_inbox_counts"):
        with pytest.raises(errors.InsufficientPrivilege):
            owner.execute(f"select * from inboxdb.{function}(%s)", [workspace])
    assert owner.execute("select outcome from inboxdb.drain_next()").fetchall() == [("failed",)]
    assert stored_counts(owner) == {workspace: before}
    assert owner.execute("select * from inboxdb.cache_version").fetchall() == versions
    for query in (
        "select attempts, left(last_error, 7) from inboxdb.inbox_counts_dirty",
        "select attempt, left(last_error, 7) from inboxdb.job_status where last_status = 'failed'",
    ):
        assert owner.execute(query).fetchall() == [(1, "42501: ")]
    assert owner.execute("select count(*) from inboxdb.change").fetchone() == (1,)

    owner.execute(SQL("alter table {} no force row level security").format(hidden))
    set_clock(owner, LATER)
    owner.execute("call inboxdb.drain_dirty()")
    assert stored_counts(owner) == {workspace: after}
    assert owner.execute("select last_error from inboxdb.job_status").fetchall() == [(None,)]


def test_a_drafts_change_is_not_lost_while_its_lead_is_hidden(database: Database) -> None:
    """The collector, too, must see the lead to find its workspace."""
    owner, host = database.connect(), Host(database.writer())
    workspace = host.workspace()
    lead = host.lead(workspace)
    owner.execute("call inboxdb.drain_dirty()")
    owner.execute('alter table public."Lead" enable row level security, force row level security')
    host.draft(lead)
    with pytest.raises(errors.InsufficientPrivilege):
        owner.execute("call inboxdb.drain_dirty()")
    owner.execute('alter table public."Lead" disable row level security')
    owner.execute("call inboxdb.drain_dirty()")
    assert stored_counts(owner) == {workspace: {GLOBAL: QUIET._replace(ai_review=1)}}


def test_an_unknown_workspace_is_not_claimed_of_a_hidden_one(database: Database) -> None:
    owner, host = database.connect(), Host(database.writer())
    workspace = host.workspace()
    owner.execute('alter table public."Client" enable row level security, force row level security')
    for function in ("recompute_inbox_counts", "mark_inbox_counts_dirty"):
        with pytest.raises(errors.InsufficientPrivilege):
            owner.execute(f"select inboxdb.{function}(%s)", [workspace])

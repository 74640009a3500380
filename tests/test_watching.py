"""What whoever watches the drain is told, straight from SQL: how far behind it is, who is at work, what holds it up."""

import os
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import Connection, pq
from psycopg.rows import dict_row

from tests.interleave import NO_WAIT, until
from tests.rows import Host, new_id, set_clock
from tests.servers import DRAINER, MONITOR, OWNER, Database
from tests.test_races import value

START = datetime(2024, 6, 10, 9, tzinfo=UTC)

RUN = "0a1b2c3d"


@pytest.fixture
def owner(database: Database) -> Connection[Any]:
    """The owner, in a database where nothing waits, nobody has looked yet, and the clock stands still."""
    connection = database.connect(options=NO_WAIT)
    at(connection, 0)
    connection.execute("call inboxdb.drain_dirty()")
    connection.execute("truncate inboxdb.run")
    looked(connection, None)
    return connection


def at(owner: Connection[Any], seconds: float) -> None:
    """Stop the clock, some seconds after START."""
    set_clock(owner, (START + timedelta(seconds=seconds)).isoformat())


def looked(owner: Connection[Any], seconds: float | None) -> None:
    """Have a collector looked last some seconds after START, or none yet."""
    when = None if seconds is None else START + timedelta(seconds=seconds)
    owner.execute("update inboxdb.drain_state set collected_at = %s", [when])


def status(connection: Connection[Any]) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("select * from inboxdb.drain_status()").fetchall()[0]


def beat(connection: Connection[Any], run: str = RUN, *, samples: str = "{}", over: bool = False, **of: Any) -> None:
    """Give a sign of life of a run, then prune, as its maintenance does."""
    told = {"kind": "watch", "workers": 1, "refreshed": 0, "failed": 0, "troubles": None, "undone_by": None, **of}
    connection.execute(
        "select inboxdb.heartbeat(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(run, told["kind"], told["workers"], told["refreshed"], told["failed"], samples, over),
            *(told["troubles"], told["undone_by"]),
        ],
    )
    connection.execute("select inboxdb.prune()")


# --- Late


def test_nothing_to_do(owner: Connection[Any]) -> None:
    assert status(owner) == {
        "dirty_workspaces": 0,
        "pending_changes": 0,
        "oldest_dirty_seconds": 0,
        "late_workspaces": 0,
        "failing_workspaces": 0,
        "quarantined_workspaces": 0,
        "workers_seen": 0,
        "last_drain_at": None,
        "freshness_p50": None,
        "freshness_p95": None,
        "freshness_p99": None,
        "log_bytes": status(owner)["log_bytes"],
        "unpublished_keys": None,
        "unpublished_seconds": None,
        "counts_source": "stored",
        "suspended_since": None,
        "suspended_because": None,
        "audit_period_seconds": 6 * 3600,
        "oldest_audit_seconds": None,
        "drifted_workspaces": 0,
        "self_healed_workspaces": 0,
        "arrived_at": None,
        "troubled_runs": 0,
        "run_troubles": None,
    }


def test_each_trigger_was_last_at_work_when_its_last_run_was(owner: Connection[Any]) -> None:
    """A command's, however long it goes on; the rows of a day, after which a trigger is one that there is no more."""
    of_triggers = "select * from inboxdb.last_runs()"
    assert owner.execute(of_triggers).fetchall() == [(None, None, None, None)]
    for second, kind in enumerate(("sql", "http", "inngest", "once", "for", "http", "watch")):
        at(owner, second)
        beat(owner, f"{second:08x}", kind=kind)
    assert owner.execute(of_triggers).fetchall() == [tuple(START + timedelta(seconds=s) for s in (6, 0, 5, 2))]
    at(owner, 24 * 3600 + 3)
    beat(owner, kind="watch")
    assert owner.execute(of_triggers).fetchall() == [
        (START + timedelta(days=1, seconds=3), None, START + timedelta(seconds=5), None)
    ]


def test_workspace_is_late_15_seconds_after_a_collector_could_see_its_change(
    database: Database, owner: Connection[Any], host: Host
) -> None:
    """When it was noted does not matter: the host's transaction was open for minutes."""
    slow = database.writer(autocommit=False)
    Host(slow).workspace()
    for seconds in (0.0, 300.0):
        at(owner, seconds)
        owner.execute("select inboxdb.collect()")
        looked(owner, seconds)
        assert status(owner)["dirty_workspaces"] == 0
    at(owner, 305)
    slow.commit()
    told = status(owner)
    assert (told["dirty_workspaces"], told["late_workspaces"], told["oldest_dirty_seconds"]) == (1, 0, 305)
    at(owner, 306)
    assert value(owner, "select inboxdb.collect()") == 1
    looked(owner, 306)
    for seconds, late in ((306.0, 0), (321.0, 0), (321.001, 1)):
        at(owner, seconds)
        looked(owner, seconds)
        told = status(owner)
        assert (told["dirty_workspaces"], told["late_workspaces"]) == (1, late), seconds
    owner.execute("call inboxdb.drain_dirty()")
    assert status(owner)["late_workspaces"] == 0


@pytest.mark.parametrize("beats", [False, True], ids=["nobody is at work", "somebody is at work on something else"])
def test_change_that_nobody_looks_at_is_late(owner: Connection[Any], host: Host, beats: bool) -> None:
    """Also where drains give signs of life, but none collects: one refresh takes long, or a collector hangs."""
    looked(owner, 0)
    host.workspace()
    for seconds, late in ((15.0, 0), (15.001, 1), (3600.0, 1)):
        at(owner, seconds)
        if beats:
            beat(owner)
        assert status(owner)["late_workspaces"] == late, seconds
    looked(owner, 3590)
    assert status(owner)["late_workspaces"] == 0
    looked(owner, None)
    assert status(owner)["late_workspaces"] == 1


def test_snooze_that_nobody_looks_at_is_late(owner: Connection[Any], host: Host) -> None:
    host.lead(host.workspace(), snoozedUntil=(START + timedelta(seconds=100)).isoformat())
    owner.execute("call inboxdb.drain_dirty()")
    looked(owner, 0)
    for seconds, dirty, late in ((99, 0, 0), (115, 1, 0), (116, 1, 1)):
        at(owner, seconds)
        told = status(owner)
        assert (told["dirty_workspaces"], told["late_workspaces"]) == (dirty, late), seconds


def test_quarantined_workspaces_are_neither_late_nor_failing(owner: Connection[Any], host: Host) -> None:
    quarantined, failing = host.workspace(), host.workspace()
    owner.execute("select inboxdb.collect()")
    owner.execute("update inboxdb.inbox_counts_dirty set attempts = 8, last_error = '22012: failed'")
    owner.execute("update inboxdb.inbox_counts_dirty set attempts = 3 where client_id = %s", [failing])
    assert value(owner, "select inboxdb.claim_next()") == failing
    assert value(owner, "select inboxdb.claim_next()") is None
    at(owner, 3600)
    host.lead(quarantined)
    for looks in (None, 3600):
        looked(owner, looks)
        told = status(owner)
        assert (told["dirty_workspaces"], told["pending_changes"]) == (2, 1)
        assert (told["failing_workspaces"], told["quarantined_workspaces"], told["late_workspaces"]) == (1, 1, 1)
        # it does wait, and that long
        assert told["oldest_dirty_seconds"] == 3600
    owner.execute("set timezone = 'UTC'")
    listed = owner.execute("select client_id, attempts, next_attempt_at::text from inboxdb.failing_workspaces()")
    assert sorted(listed) == sorted([(quarantined, 8, "infinity"), (failing, 4, "2024-06-10 09:00:08+00")])
    owner.execute("select inboxdb.requeue_inbox_counts()")
    owner.execute("call inboxdb.drain_dirty()")
    told = status(owner)
    assert (told["failing_workspaces"], told["quarantined_workspaces"], told["late_workspaces"]) == (0, 0, 0)


# --- Who is at work


def test_workers_are_seen_for_30_seconds_after_their_last_sign_of_life(owner: Connection[Any]) -> None:
    beat(owner, "00000001", kind="watch", workers=3)
    beat(owner, "00000002", kind="for", workers=2)
    beat(owner, "00000003", kind="sql")
    assert status(owner)["workers_seen"] == 6
    at(owner, 5)
    beat(owner, "00000001", kind="watch", workers=3, refreshed=7, failed=1)
    beat(owner, "00000002", kind="for", workers=2, over=True)  # it ended; the third was killed
    for seconds, seen in ((5, 4), (29.999, 4), (30, 3), (34.999, 3), (35, 0)):
        at(owner, seconds)
        told = status(owner)
        assert (told["workers_seen"], told["last_drain_at"]) == (seen, START + timedelta(seconds=5)), seconds
    runs = "select run_id, kind, workers, started_at, seen_at, ended_at, refreshed, failed from inboxdb.run order by 1"
    then = START + timedelta(seconds=5)
    assert owner.execute(runs).fetchall() == [
        ("00000001", "watch", 3, START, then, None, 7, 1),
        ("00000002", "for", 2, START, then, then, 0, 0),
        ("00000003", "sql", 1, START, START, None, 0, 0),
    ]


def test_troubles_are_told_for_a_minute(owner: Connection[Any]) -> None:
    """Of runs that ended, too: a scheduler's next run begins within a minute."""
    beat(owner, "00000001", troubles="could not log since then")
    beat(owner, "00000002", kind="for", troubles="could not publish: away", over=True)
    at(owner, 5)
    beat(owner, "00000003", kind="sql")
    beat(owner, "00000001", troubles="could not log since then")
    both = "run 00000001: could not log since then; run 00000002: could not publish: away"
    only = "run 00000001: could not log since then"
    for seconds, runs, troubles in ((5, 2, both), (59.999, 2, both), (60, 1, only), (65, 0, None)):
        at(owner, seconds)
        told = status(owner)
        assert (told["troubled_runs"], told["run_troubles"]) == (runs, troubles), seconds
    beat(owner, "00000001")
    assert status(owner)["troubled_runs"] == 0


def test_an_undone_set_is_told_for_a_minute_whatever_else_is(owner: Connection[Any]) -> None:
    """By the SQLSTATE of the last one; beside another trouble, and after the run's end, too."""
    undid = "undid sets of workspaces, refreshed one by one instead"
    beat(owner, undone_by="57014")
    assert status(owner)["run_troubles"] == f"run {RUN}: {undid}: 57014"
    at(owner, 30)
    beat(owner, troubles="realtime hangs")
    assert status(owner)["run_troubles"] == f"run {RUN}: realtime hangs; {undid}: 57014"
    at(owner, 59.999)
    beat(owner, undone_by="23514", over=True)
    assert status(owner)["run_troubles"] == f"run {RUN}: {undid}: 23514"
    at(owner, 90)
    beat(owner)
    at(owner, 119.998)
    assert status(owner)["run_troubles"] == f"run {RUN}: {undid}: 23514"
    at(owner, 120)
    assert (status(owner)["troubled_runs"], status(owner)["run_troubles"]) == (0, None)


def test_the_last_collector_counts_as_a_drain_too(owner: Connection[Any]) -> None:
    """Some drain without giving signs of life, by drain_next alone."""
    beat(owner)
    looked(owner, 60)
    assert status(owner)["last_drain_at"] == START + timedelta(seconds=60)


def test_the_procedure_gives_signs_of_life(database: Database, host: Host) -> None:
    owner = database.connect()
    owner.execute("call inboxdb.drain_dirty()")
    owner.execute("truncate inboxdb.run")
    workspace = host.workspace()
    host.lead(workspace)
    owner.execute("call inboxdb.drain_dirty()")
    runs = owner.execute(
        "select run_id, kind, workers, refreshed, failed, seen_at = ended_at and ended_at >= started_at "
        "from inboxdb.run"
    ).fetchall()
    [(run, *rest)] = runs
    assert rest == ["sql", 1, 1, 0, True]
    jobs = "select client_id, run_id from inboxdb.job_status"
    assert owner.execute(jobs).fetchall() == [(workspace, run)]
    told = status(owner)
    assert told["workers_seen"] == 0
    assert 0 <= told["freshness_p50"] < 15

    owner.execute("alter function inboxdb.new_versions rename to elsewhere")
    host.lead(workspace)
    owner.execute("call inboxdb.drain_dirty(max_workspaces => 1)")
    assert owner.execute("select sum(refreshed), sum(failed), count(*) from inboxdb.run").fetchall() == [(1, 1, 2)]
    [(_, failed)] = owner.execute(jobs).fetchall()
    assert value(owner, "select failed from inboxdb.run where run_id = %s", failed) == 1


@pytest.mark.parametrize(
    ("name", "run"),
    [
        (f"inboxdb drain-dirty {RUN}", RUN),
        (f"inboxdb drain_dirty {RUN}", RUN),
        ("inboxdb drain-dirty", None),
        ("inboxdb drain-dirty 0A1B2C3D", None),
        (f"inboxdb drain-dirty {RUN}0", None),
        (f"psql {RUN}", None),
        (f"not inboxdb drain-dirty {RUN}", None),
        ("", None),
    ],
)
def test_a_job_says_which_run_it_was_part_of(database: Database, host: Host, name: str, run: str | None) -> None:
    """It stands in the session's application_name; a refresh by hand is part of none."""
    workspace = host.workspace()
    owner = database.connect(application_name=name)
    assert value(owner, "select outcome from inboxdb.drain_next()") == "refreshed"
    assert owner.execute("select client_id, run_id from inboxdb.job_status").fetchall() == [(workspace, run)]
    owner.execute("alter function inboxdb.new_versions rename to elsewhere")
    host.lead(workspace)
    owner.execute("update inboxdb.job_status set run_id = 'before'")
    assert value(owner, "select outcome from inboxdb.drain_next()") == "failed"
    jobs = "select last_status, run_id from inboxdb.job_status"
    assert owner.execute(jobs).fetchall() == [("failed", run)]


def test_signs_of_life_wait_for_nobody(database: Database, owner: Connection[Any]) -> None:
    """Neither for a run whose own is not committed, nor for one that forgets what is old."""
    beat(owner, "00000001", samples="{1}")
    beat(owner, "00000002", samples="{2}")
    at(owner, 86_401)
    other = database.connect(options=NO_WAIT, autocommit=False)
    beat(other, "00000003", samples="{3}")
    assert value(other, "select count(*) from inboxdb.run") == 1
    beat(owner, "00000004", samples="{4}")
    other.rollback()
    assert value(owner, "select array_agg(run_id order by run_id) from inboxdb.run") == [
        "00000001",
        "00000002",
        "00000004",
    ]
    beat(owner, "00000004")
    assert value(owner, "select array_agg(run_id order by run_id) from inboxdb.run") == ["00000004"]
    assert value(owner, "select array_agg(seconds[1]) from inboxdb.freshness") == [4]


@pytest.mark.parametrize("plan", ["the planner's", "nested loops"])
def test_what_is_old_is_forgotten_in_batches(owner: Connection[Any], plan: str) -> None:
    """Also where the planner takes the tables for nearly empty: what it repeats in a loop is not a batch each time."""
    if plan == "nested loops":
        for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material"):
            owner.execute(f"set enable_{way} = off")
    for table in ("run", "freshness"):
        owner.execute(f"alter table inboxdb.{table} set (autovacuum_enabled = false)")
    beat(owner, samples="{1}")
    owner.execute("analyze inboxdb.run, inboxdb.freshness")
    owner.execute(
        """
        insert into inboxdb.run (run_id, kind, workers, started_at, seen_at, refreshed, failed)
        select lpad(n::text, 8, '0'), 'once', 1, x.t, x.t, 0, 0
        from generate_series(1, 2500) as n,
          lateral (select inboxdb.clock() - interval '2 days' + n * interval '1 second') as x (t)
        """
    )
    owner.execute(
        """
        insert into inboxdb.freshness (sampled_at, seconds)
        select inboxdb.clock() - interval '2 hours' + n * interval '1 second', '{2}' from generate_series(1, 2500) as n
        """
    )
    for left in (1500, 500, 0):
        beat(owner, samples="{1}")
        runs = owner.execute("select count(*), min(run_id) from inboxdb.run where run_id <> %s", [RUN]).fetchall()
        assert runs == [(left, f"{2501 - left:08}" if left else None)]
        assert value(owner, "select count(*) from inboxdb.freshness where seconds = '{2}'") == left
    assert value(owner, "select count(*) from inboxdb.freshness") == 4


# --- Freshness


def test_freshness_is_of_the_last_hour_over_all_refreshes(owner: Connection[Any]) -> None:
    beat(owner, samples="{1000}")
    at(owner, 1)
    beat(owner, "00000001", samples="{" + ",".join(str(n) for n in range(0, 101, 2)) + "}")
    beat(owner, "00000002", samples="{" + ",".join(str(n) for n in range(1, 100, 2)) + "}")
    at(owner, 3600)
    told = status(owner)
    assert [told[f"freshness_p{p}"] for p in (50, 95, 99)] == [50, 95, 99]
    at(owner, 3601)
    assert status(owner)["freshness_p50"] is None


def test_freshness_is_what_a_change_waited_from_when_it_was_noted(owner: Connection[Any], host: Host) -> None:
    workspace = host.workspace()
    at(owner, 2)
    host.lead(workspace)
    at(owner, 7)
    assert value(owner, "select seconds_waited from inboxdb.drain_next()") == 7
    assert value(owner, "select seconds_waited from inboxdb.drain_next(%s)", workspace) is None
    host.lead(workspace, snoozedUntil=(START + timedelta(seconds=10)).isoformat())
    assert value(owner, "select seconds_waited from inboxdb.drain_next()") == 0
    at(owner, 14)
    assert value(owner, "select seconds_waited from inboxdb.drain_next()") == 4


# --- What is not published


Rows = list[tuple[str, str, str, int, str, str]]


def unpublished(connection: Connection[Any], at_most: int = 1000) -> Rows:
    query = "select kind, client_id, item, rank, redis_key, value from inboxdb.unpublished(%s)"
    return connection.execute(query, [at_most]).fetchall()


def confirm(connection: Connection[Any], rows: Rows) -> int:
    columns = [[row[column] for row in rows] for column in range(4)]
    return int(
        value(
            connection, "select inboxdb.confirm_published(%s::text[], %s::text[], %s::text[], %s::bigint[])", *columns
        )
    )


def test_where_nothing_was_ever_published_nothing_is_missing(owner: Connection[Any], host: Host) -> None:
    host.workspace()
    owner.execute("call inboxdb.drain_dirty()")
    at(owner, 3600)
    rows = unpublished(owner)
    assert len(rows) == 3
    told = status(owner)
    assert (told["unpublished_keys"], told["unpublished_seconds"]) == (None, None)

    assert confirm(owner, rows[:1]) == 1
    told = status(owner)
    assert (told["unpublished_keys"], told["unpublished_seconds"]) == (2, 3600)
    assert confirm(owner, rows) == 3
    told = status(owner)
    assert (told["unpublished_keys"], told["unpublished_seconds"]) == (0, 0)
    assert unpublished(owner) == []


@pytest.mark.all_hosts
def test_what_moved_on_stays_unpublished(database: Database) -> None:
    owner, host = database.connect(options=NO_WAIT), Host(database.writer())
    at(owner, 0)
    workspace, other = host.workspace(), host.workspace()
    owner.execute("call inboxdb.drain_dirty()")
    rows = unpublished(owner)
    assert sorted(row[:3] for row in rows) == sorted(
        (kind, id_, item)
        for id_ in (workspace, other)
        for kind, item in (("version", "inbox"), ("version", "analytics"), ("job", "recompute-inbox-counts"))
    )
    at(owner, 1)
    host.lead(workspace)
    owner.execute("call inboxdb.drain_dirty()")
    assert confirm(owner, rows) == 3
    again = unpublished(owner)
    assert {row[:3] for row in again} == {row[:3] for row in rows if row[1] == workspace}
    ranks = {row[:3]: row[3] for row in rows}
    assert all(row[3] > ranks[row[:3]] for row in again)
    assert confirm(owner, again) == 3
    assert confirm(owner, again) == 3
    assert unpublished(owner) == []


def test_rows_that_somebody_writes_are_not_waited_for(database: Database, owner: Connection[Any], host: Host) -> None:
    workspace, other = host.workspace(), host.workspace()
    owner.execute("call inboxdb.drain_dirty()")
    rows = unpublished(owner)
    host.lead(workspace)
    writing = database.connect(autocommit=False)
    assert value(writing, "select outcome from inboxdb.drain_next()") == "refreshed"
    # the row of the drain's state, too
    publisher = database.connect(options=NO_WAIT, autocommit=False)
    publisher.execute("select from inboxdb.drain_state for update")
    assert confirm(owner, rows) == 3
    publisher.rollback()
    assert confirm(owner, []) == 0
    writing.rollback()
    assert {row[1] for row in unpublished(owner)} == {workspace}
    assert confirm(owner, rows) == 6
    assert other in {row[1] for row in rows}


def test_what_was_confirmed_but_is_being_written_is_published_again(
    database: Database, owner: Connection[Any], host: Host
) -> None:
    workspace = host.workspace()
    owner.execute("call inboxdb.drain_dirty()")
    old = unpublished(owner)
    assert confirm(owner, old) == 3
    host.lead(workspace)
    writing = database.connect(autocommit=False)
    assert value(writing, "select outcome from inboxdb.drain_next()") == "refreshed"
    assert confirm(owner, old) == 0
    writing.commit()
    assert len(unpublished(owner)) == 3


def test_the_longest_waiting_come_first_in_bounded_batches(owner: Connection[Any], host: Host) -> None:
    workspaces = []
    for seconds in range(5):
        at(owner, seconds)
        workspaces.append(host.workspace())
        owner.execute("call inboxdb.drain_dirty()")
    assert [row[1] for row in unpublished(owner)] == [workspace for workspace in workspaces for _ in range(3)]
    published: list[str] = []
    while rows := unpublished(owner, 4):
        assert len(rows) <= 4
        assert confirm(owner, rows) == len(rows)
        published += [row[1] for row in rows]
    assert published == [workspace for workspace in workspaces for _ in range(3)]


def test_everything_can_be_published_again(owner: Connection[Any], host: Host) -> None:
    host.workspace()
    host.workspace()
    owner.execute("call inboxdb.drain_dirty()")
    rows = unpublished(owner)
    assert confirm(owner, rows) == 6
    assert value(owner, "select inboxdb.mark_all_unpublished()") == 6
    assert sorted(unpublished(owner)) == sorted(rows)


def test_times_are_written_as_their_readers_take_them(owner: Connection[Any]) -> None:
    for zone in ("UTC", "Asia/Kathmandu", "America/St_Johns"):
        owner.execute(f"set timezone = '{zone}'")
        assert value(owner, "select inboxdb.iso('2024-03-31 01:30:00.000001+00')") == "2024-03-31T01:30:00.000001Z"
        assert value(owner, "select inboxdb.iso('2024-12-31 23:59:59+00')") == "2024-12-31T23:59:59.000000Z"
    assert value(owner, "select inboxdb.iso(null)") is None


# --- What keeps dead rows


def held(connection: Connection[Any]) -> tuple[float, str | None, bool]:
    [row] = connection.execute("select * from inboxdb.held_snapshot()").fetchall()
    return row  # type: ignore[no-any-return]


Holder = Callable[[Database], str]


def idle_reader(database: Database) -> str:
    session = database.writer()
    session.execute("begin isolation level repeatable read")
    session.execute('select from "Lead"')
    return f"session {session.info.backend_pid}"


def idle_writer(database: Database) -> str:
    session = database.writer()
    session.execute("begin")
    Host(session).workspace()
    return f"session {session.info.backend_pid}"


HOLDERS: dict[str, Holder] = {"idle reader": idle_reader, "idle writer": idle_writer}


def held_by(connection: Connection[Any], holder: str | None) -> float:
    """Wait until somebody is the oldest holder, since other tests share the server; return their age in seconds."""

    def look() -> tuple[float] | None:
        seconds, found, _ = held(connection)
        return (seconds,) if found == holder else None

    found = until(look)
    assert found
    return found[0]


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_session_that_somebody_forgot(database: Database, holder: str) -> None:
    superuser = database.superuser()
    name = HOLDERS[holder](database)
    first = held_by(superuser, name)
    superuser.execute("select pg_sleep(0.05)")
    assert held_by(superuser, name) >= first + 0.05
    pid = int(name.split()[1])
    age = "select date_part('epoch', clock_timestamp() - xact_start) from pg_stat_activity where pid = %s"

    def look() -> tuple[float, float, float, bool] | None:
        before = value(superuser, age, pid)
        seconds, found, all_seen = held(superuser)
        return (before, seconds, value(superuser, age, pid), all_seen) if found == name else None

    seen = until(look)
    assert seen
    before, seconds, after, all_seen = seen
    assert before <= seconds <= after
    assert all_seen is True
    database.connections.close()
    # a server process outlives its client for a moment
    superuser = database.superuser()
    until(lambda: held(superuser)[1] != name)


def test_the_oldest_of_several_is_named(database: Database) -> None:
    superuser = database.superuser()
    names = [idle_writer(database), idle_reader(database), idle_writer(database)]
    held_by(superuser, names[0])
    superuser.execute("select pg_terminate_backend(%s)", [int(names[0].split()[1])])
    held_by(superuser, names[1])


def test_a_session_that_holds_nothing(database: Database) -> None:
    """Idle, or in a transaction that has seen nothing; and whoever asks is not the answer."""
    superuser = database.superuser(autocommit=False)
    superuser.execute("set transaction isolation level repeatable read")
    superuser.execute("select 1")
    writer = database.writer()
    writer.execute("begin")
    other = database.connect()
    other.execute("select 1")
    mine = [f"session {connection.info.backend_pid}" for connection in (superuser, writer, other)]
    assert held(superuser)[1] not in mine


def test_a_reader_in_another_database_keeps_nothing_of_ours(database: Database) -> None:
    superuser = database.superuser()
    with database.server.database(database.host, installed=False) as elsewhere:
        reader = elsewhere.writer()
        reader.execute("begin isolation level repeatable read")
        reader.execute('select from "Lead"')
        assert held(superuser)[1] != f"session {reader.info.backend_pid}"
        elsewhere.connections.close()


def test_a_vacuum_is_no_holder(database: Database) -> None:
    """It has a snapshot, which no other vacuum minds."""
    owner, superuser = database.connect(), database.superuser()
    owner.execute("create table public.padding as select n, repeat('x', 500) from generate_series(1, 3000) as n")
    owner.execute("delete from public.padding where n % 2 = 0")
    vacuum = database.connect()
    vacuum.execute("set vacuum_cost_delay = '20ms'")
    vacuum.execute("set vacuum_cost_limit = 1")
    pid = vacuum.info.backend_pid
    sent = vacuum.pgconn
    sent.send_query(b"vacuum public.padding")
    at_work = "select backend_xmin is not null from pg_stat_activity where pid = %s"
    until(lambda: value(superuser, "select count(*) from pg_stat_progress_vacuum where pid = %s", pid))
    until(lambda: value(superuser, at_work, pid))
    assert held(superuser)[1] != f"session {pid}"
    sent.get_cancel().cancel()
    while sent.get_result():
        pass


def test_a_prepared_transaction(database: Database) -> None:
    superuser = database.superuser()
    if value(superuser, "select current_setting('max_prepared_transactions')") == "0":
        pytest.skip("the server has max_prepared_transactions = 0")
    name = f"inboxdb test {new_id()}"
    writer = database.writer()
    writer.execute("begin")
    Host(writer).workspace()
    writer.execute(f"prepare transaction '{name}'")
    try:
        held_by(superuser, f"prepared transaction {name}")
        # of which nobody is kept in the dark
        held_by(database.connect(MONITOR), f"prepared transaction {name}")
    finally:
        writer.execute(f"rollback prepared '{name}'")


class Standby:
    """A standby, as far as the server can tell: it streams, and says what its own readers still need."""

    def __init__(self, database: Database, slot: str | None = None) -> None:
        """Start to stream from where the server is; into a physical slot, or into none."""
        self.connection = pq.PGconn.connect(f"{database.server.dsn} replication=true".encode())
        assert self.connection.status == pq.ConnStatus.OK, self.connection.get_error_message()
        place = value(database.superuser(), "select pg_current_wal_flush_lsn()::text")
        slotted = f'SLOT "{slot}" ' if slot else ""
        started = self.connection.exec_(f"START_REPLICATION {slotted}PHYSICAL {place}".encode())
        assert started.status == pq.ExecStatus.COPY_BOTH, started.get_error_message()
        self.pid = self.connection.backend_pid

    def needs(self, xid: int) -> None:
        """Ask the server to keep what a transaction sees."""
        now = int((datetime.now(UTC) - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)
        self.connection.put_copy_data(b"h" + struct.pack("!qIIII", now, xid, 0, 0, 0))
        self.connection.flush()

    def close(self) -> None:
        self.connection.finish()


@pytest.fixture
def xid(database: Database) -> int:
    """A transaction that is over."""
    return int(value(database.superuser(), "select pg_current_xact_id()::text"))


def test_a_standby_has_no_age(database: Database, xid: int) -> None:
    """Its process is as old as the standby, but what it holds moves on."""
    superuser = database.superuser()
    standby = Standby(database)
    try:
        standby.needs(xid)
        xmin = "select backend_xmin is not null from pg_stat_activity where pid = %s"
        until(lambda: value(superuser, xmin, standby.pid))
        assert held_by(superuser, f"session {standby.pid}") == 0
    finally:
        standby.close()


def test_a_replication_slot(database: Database, xid: int) -> None:
    superuser = database.superuser()
    name = f"inboxdb_{os.getpid()}_{xid}"
    superuser.execute("select pg_create_physical_replication_slot(%s, true)", [name])
    try:
        assert held(superuser)[1] != f"replication slot {name}"
        standby = Standby(database, name)
        standby.needs(xid)
        until(lambda: value(superuser, "select xmin is not null from pg_replication_slots where slot_name = %s", name))
        standby.close()
        # the standby is gone, and its slot stands for it
        assert held_by(superuser, f"replication slot {name}") == 0
        held_by(database.connect(MONITOR), f"replication slot {name}")
    finally:
        until(lambda: not value(superuser, "select active from pg_replication_slots where slot_name = %s", name))
        superuser.execute("select pg_drop_replication_slot(%s)", [name])


def test_a_slot_that_keeps_catalogs_only_is_no_holder(database: Database) -> None:
    """As realtime has, and every subscriber: vacuum takes dead leads and changes all the same."""
    superuser = database.superuser()
    name = f"inboxdb_{os.getpid()}_{new_id()[:8]}"
    superuser.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", [name])
    try:
        assert value(superuser, "select catalog_xmin is not null from pg_replication_slots where slot_name = %s", name)
        assert held(superuser)[1] != f"replication slot {name}"
    finally:
        superuser.execute("select pg_drop_replication_slot(%s)", [name])


@pytest.mark.parametrize("holder", HOLDERS)
def test_who_may_not_see_everybodys_sessions_is_told_so(database: Database, holder: str) -> None:
    """That there is a holder can be seen, its age cannot; of a role's own sessions both can."""
    name = HOLDERS[holder](database)
    for role in (MONITOR, DRAINER, OWNER):
        session = database.connect(role)
        assert held_by(session, name) == 0
        assert held(session)[2] is False
    own = idle_writer_of(database, MONITOR)
    held_by(database.connect(MONITOR), own)

    database.superuser().execute("select pg_terminate_backend(%s)", [int(own.split()[1])])
    superuser = database.superuser(autocommit=False)
    superuser.execute(f"grant pg_read_all_stats to {MONITOR}")
    superuser.execute(f"set local role {MONITOR}")
    assert held(superuser)[2] is True
    assert held_by(superuser, name) > 0


def idle_writer_of(database: Database, role: str) -> str:
    session = database.connect(role)
    session.execute("begin isolation level repeatable read")
    session.execute("select from pg_class limit 1")
    return f"session {session.info.backend_pid}"

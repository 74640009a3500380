"""The drain as a process among others: killed, interrupted, out of time, in each other's way."""

import json
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest

from inboxdb.counts.verify import verify
from inboxdb.database import connection as connection_module
from inboxdb.database.connection import Connection, connect
from inboxdb.drain import pace, run
from inboxdb.drain.options import DrainOptions
from inboxdb.drain.run import DrainResult, Failure, drain
from tests.interleave import Stage, until
from tests.rows import GLOBAL, Host, set_clock, stored_counts
from tests.running import Start, drains, hold_up, until_held_up
from tests.servers import OWNER, Database

LIMIT_HIT = "57014: the refresh was cancelled, or hit its time limit"


def attempts(owner: Connection) -> dict[str, int]:
    rows = owner.execute("select client_id, attempts from inboxdb.inbox_counts_dirty")
    return dict(rows.fetchall())


class Clock:
    """The database's clock, stopped: it moves when a test or a waiting drain says so."""

    def __init__(self, owner: Connection) -> None:
        self.owner = owner
        self.now = datetime.now(UTC)
        self.slept: list[float] = []
        self.move(0)

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        set_clock(self.owner, self.now.isoformat())

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.move(seconds)


@pytest.fixture
def clock(owner: Connection, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stops the database's clock, and has drains in this process wait by it."""
    clock = Clock(owner)

    class Waiting(Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            clock.sleep(timeout)
            return self.is_set()

    monkeypatch.setattr(run, "Event", Waiting)
    return clock


# One run


def test_a_run_refreshes_what_waits(database: Database, host: Host, owner: Connection) -> None:
    workspaces = {host.workspace() for _ in range(3)}
    seen: list[tuple[int, int]] = []
    result = drain(database.dsn, on_progress=lambda done, total, _: seen.append((done, total)))
    assert result == DrainResult(result.run_id, 3, 0, 0, 0, 0, result.duration_ms, [])
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert stored_counts(owner).keys() == workspaces
    assert drain(database.dsn).refreshed == 0


def test_a_limit_is_for_all_workers_together(database: Database, host: Host) -> None:
    for _ in range(5):
        host.workspace()
    result = drain(database.dsn, DrainOptions(limit=3, workers=2))
    assert (result.refreshed, result.remaining) == (3, 2)
    assert drain(database.dsn, DrainOptions(limit=3)).refreshed == 2


def test_workers_work_side_by_side(database: Database, host: Host, owner: Connection) -> None:
    slow = [host.workspace() for _ in range(3)]
    drain(database.dsn)
    for workspace in slow:
        host.lead(workspace)
    quick = [host.workspace() for _ in range(5)]
    let_go = hold_up(database, *slow)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(drain, database.dsn, DrainOptions(workers=4))
        until_held_up(owner, 3)
        # the fourth goes on with the others
        until(lambda: stored_counts(owner).keys() >= set(quick))
        let_go()
        assert (running.result().refreshed, running.result().remaining) == (8, 0)


def test_a_run_ends_under_writes_that_do_not(database: Database, host: Host, owner: Connection) -> None:
    busy = host.workspace()
    others = {host.workspace() for _ in range(3)}
    owner.execute(
        "create function public.again() returns trigger language plpgsql as "
        "$$ begin perform inboxdb.note_change(new.client_id, null); return null; end $$"
    )
    owner.execute(
        "create trigger again after insert or update on inboxdb.inbox_counts for each row "
        f"when (new.client_id = '{busy}') execute function public.again()"
    )
    result = drain(database.dsn)
    assert (result.refreshed, result.remaining) == (len(others) + 2, 1)
    assert stored_counts(owner).keys() == others | {busy}


def test_role_defaults_do_not_matter(database: Database, host: Host, owner: Connection) -> None:
    superuser = database.superuser()
    for setting in ("default_transaction_isolation = serializable", "timezone = 'Asia/Kathmandu'"):
        superuser.execute(f"alter role {OWNER} in database {database.name} set {setting}")
    workspace = host.workspace()
    host.lead(workspace)
    assert drain(database.dsn).refreshed == 1
    host.lead(workspace)
    assert verify(database.dsn).healthy
    assert stored_counts(owner)[workspace][GLOBAL].total == 2


# Failures


def test_a_refresh_out_of_time_is_recorded_and_goes_to_the_back(
    database: Database, host: Host, owner: Connection, clock: Clock
) -> None:
    slow = host.workspace()
    drain(database.dsn)
    host.lead(slow, firstName="Ada")
    clock.move(0.1)
    quick = [host.workspace() for _ in range(3)]  # later in the line
    let_go = hold_up(database, slow)
    result = drain(database.dsn, DrainOptions(time_limit=1))
    assert (result.refreshed, result.failed, result.remaining) == (3, 1, 1)
    assert result.failures == [Failure(slow, LIMIT_HIT)]
    assert clock.slept == []  # not waited for
    assert stored_counts(owner).keys() == {slow, *quick}
    dirty = "select attempts, last_error, next_attempt_at from inboxdb.inbox_counts_dirty"
    assert owner.execute(dirty).fetchall() == [(1, LIMIT_HIT, clock.now + timedelta(seconds=1))]
    job = "select last_status, last_error, attempt from inboxdb.job_status where client_id = %s"
    assert owner.execute(job, [slow]).fetchall() == [("failed", LIMIT_HIT, 1)]

    let_go()
    clock.move(1)
    result = drain(database.dsn)
    assert (result.refreshed, result.failed, result.remaining) == (1, 0, 0)
    assert owner.execute(job, [slow]).fetchall() == [("succeeded", None, 2)]


def test_a_workspace_that_failed_and_then_went_through_has_not_failed(
    database: Database, host: Host, owner: Connection, clock: Clock
) -> None:
    slow, last = host.workspace(), host.workspace()
    drain(database.dsn)
    host.lead(slow)
    host.lead(last)
    let_go_slow, let_go_last = hold_up(database, slow), hold_up(database, last)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(drain, database.dsn, DrainOptions(workers=2))
        until_held_up(owner, 2)
        [(pid,)] = owner.execute(
            "select pid from pg_locks where locktype = 'advisory' and objid = hashtext(%s)::oid", [slow]
        ).fetchall()
        owner.execute("select pg_cancel_backend(%s)", [pid])
        until(
            lambda: owner.execute("select from inboxdb.inbox_counts_dirty where last_error is not null").rowcount == 1
        )
        let_go_slow()
        clock.move(60)
        let_go_last()
        result = running.result()
    assert (result.refreshed, result.failed, result.remaining) == (2, 0, 0)


def test_a_lost_connection_is_made_anew_and_its_workspace_waits(
    database: Database, host: Host, owner: Connection, clock: Clock
) -> None:
    slow, other = host.workspace(), host.workspace()
    drain(database.dsn)
    host.lead(slow)
    host.lead(other)
    let_go = hold_up(database, slow, other)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(drain, database.dsn, DrainOptions(workers=2))
        until_held_up(owner, 2)
        late = host.workspace()
        owner.execute("select pg_terminate_backend(%s)", drains(owner, held_up=True)[:1])
        let_go()
        result = running.result()
    assert late in stored_counts(owner)
    assert (result.refreshed, result.failed, result.remaining) == (3, 0, 0)
    assert clock.slept[0] == pytest.approx(0.5, rel=0.3)  # before the new connection
    job = "select attempt from inboxdb.job_status where client_id = any (%s) order by attempt"
    [(of_other,), (of_lost,)] = owner.execute(job, [[slow, other]]).fetchall()
    # once more where the server has not yet ended the session that was cut, and its lock is held
    assert (of_other, of_lost >= 2) == (1, True)


def test_a_paced_run_rests_after_each_workspace_but_never_for_long(
    database: Database, host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        host.workspace()
    assert drain(database.dsn, DrainOptions(pace=0.5, limit=2)).refreshed == 2
    [rest] = clock.slept  # none after the last one
    assert 0 < rest < 2
    monkeypatch.setattr(pace, "LONGEST_REST", 0.001)
    host.workspace()
    assert drain(database.dsn, DrainOptions(pace=0.01, limit=2)).refreshed == 2
    assert clock.slept == [rest, 0.001]


# Others at work


def test_what_a_killed_process_had_claimed_is_waited_for(
    database: Database, host: Host, owner: Connection, clock: Clock
) -> None:
    workspace = host.workspace()
    with connect(database.dsn) as killed, killed.transaction():
        assert killed.execute("select inboxdb.claim_next()").fetchall() == [(workspace,)]
    assert attempts(owner) == {workspace: 1}
    result = drain(database.dsn)
    assert (result.refreshed, result.remaining) == (1, 0)
    assert clock.slept == [1]


def test_what_is_not_due_for_long_is_left_for_later(
    database: Database, host: Host, owner: Connection, clock: Clock
) -> None:
    workspace = host.workspace()
    owner.execute("select inboxdb.collect()")
    owner.execute(
        "update inboxdb.inbox_counts_dirty set attempts = 9, next_attempt_at = inboxdb.clock() + interval '4 minutes'"
    )
    result = drain(database.dsn)
    assert (result.refreshed, result.remaining) == (0, 1)
    assert clock.slept == []
    assert attempts(owner) == {workspace: 9}


def test_the_procedure_and_the_program_share_the_work(
    database: Database, host: Host, stage: Stage, owner: Connection, clock: Clock
) -> None:
    held = host.workspace()
    procedure = stage.start(stage.session(), "call inboxdb.drain_dirty()", pause_at="versions bumped")
    others = {host.workspace() for _ in range(3)}
    result = drain(database.dsn)
    assert (result.refreshed, result.failed, result.remaining) == (3, 0, 1)
    assert stored_counts(owner).keys() == others
    late = host.workspace()
    procedure.resume()
    assert stored_counts(owner).keys() == others | {held, late}
    assert drain(database.dsn).refreshed == 0
    assert verify(database.dsn).healthy


def test_a_call_that_meets_another_collector_waits_for_what_it_finds(
    stage: Stage, host: Host, owner: Connection
) -> None:
    """Or it would end with everything still to be done, and the other one may die."""
    workspace = host.workspace()
    collector = stage.session()
    collector.execute("begin")
    assert collector.execute("select inboxdb.claim_next()").fetchall() == [(workspace,)]
    session = stage.session()
    call = stage.start(session, "call inboxdb.drain_dirty()")
    asleep = "select from pg_stat_activity where pid = %s and wait_event = 'PgSleep'"
    until(lambda: owner.execute(asleep, [session.info.backend_pid]).rowcount)
    collector.close()
    call.finish()
    assert stored_counts(owner).keys() == {workspace}


def test_a_workspace_taken_after_the_claim_is_skipped_and_tried_again(
    database: Database, host: Host, monkeypatch: pytest.MonkeyPatch, owner: Connection, clock: Clock
) -> None:
    workspace = host.workspace()
    somebody = database.connect(autocommit=False)
    outcomes: list[str] = []

    def in_one_trip(connection: Connection, *statements: Any) -> Any:
        refreshes = "drain_next" in statements[0][1].as_string(connection)
        if refreshes and not outcomes:
            assert somebody.execute("select inboxdb.try_lock_workspace(%s)", [workspace]).fetchall() == [(True,)]
        answers = connection_module.in_one_trip(connection, *statements)
        if refreshes:
            outcomes.append(answers[0][0][0])
            somebody.rollback()
        return answers

    monkeypatch.setattr("inboxdb.drain.passes.in_one_trip", in_one_trip)
    result = drain(database.dsn)
    assert outcomes == ["skipped", "refreshed"]
    assert (result.refreshed, result.failed, result.skipped, result.remaining) == (1, 0, 1, 0)
    assert stored_counts(owner).keys() == {workspace}


# Ended from outside


def test_ctrl_c_ends_it_cleanly(database: Database, host: Host, owner: Connection, start: Start) -> None:
    slow, other = host.workspace(), host.workspace()
    drain(database.dsn)
    host.lead(slow)
    host.lead(other)
    let_go = hold_up(database, slow, other)
    running = start("drain-dirty", "--workers", "2")
    until_held_up(owner, 2)
    running.signal(signal.SIGINT)
    assert running.end() == (130, "", "interrupted\n")
    assert owner.execute("select from inboxdb.job_status where last_status = 'failed'").rowcount == 0
    assert owner.execute("select from inboxdb.inbox_counts_dirty where last_error is not null").rowcount == 0
    let_go()
    result = drain(database.dsn)
    assert (result.refreshed, result.remaining) == (2, 0)


def test_a_backend_that_ends_is_a_failure_of_its_workspace(
    database: Database, host: Host, owner: Connection, start: Start
) -> None:
    workspace = host.workspace()
    drain(database.dsn)
    host.lead(workspace)
    let_go = hold_up(database, workspace)
    running = start("drain-dirty", "--json")
    owner.execute("select pg_terminate_backend(%s)", until_held_up(owner))
    until(lambda: owner.execute("select from inboxdb.job_status where last_status = 'failed'").rowcount == 1)
    let_go()
    status, stdout, stderr = running.end()
    assert (status, json.loads(stdout)["refreshed"], stderr) == (0, 1, "")


def test_killed_at_any_moment_and_run_again_nothing_is_lost(
    database: Database, owner: Connection, start: Start
) -> None:
    """Each round has workspaces of its own, written while drains of them are killed: later rounds heal no loss."""
    seed = int(os.environ.get("INBOXDB_TEST_SEED", random.SystemRandom().randrange(1_000_000)))
    print(f"INBOXDB_TEST_SEED={seed}")  # noqa: T201
    dice = random.Random(seed)
    writer = database.writer()
    killed = 0
    for _ in range(5):
        running = [start("drain-dirty", "--workers", "2") for _ in range(3)]
        workspaces = [Host(writer).workspace() for _ in range(20)]
        until(lambda: len(drains(owner)) > 0)
        die_at = time.monotonic() + dice.uniform(0, 0.4)
        while time.monotonic() < die_at:
            writer.execute(
                """
                insert into "Lead" (id, "clientId", "updatedAt", status, "assignedToUserId")
                select gen_random_uuid(), %s, now(), %s, %s from generate_series(1, 200)
                """,
                [dice.choice(workspaces), dice.choice(["new", "blacklisted"]), dice.choice(["a", "b", None])],
            )
        for each in dice.sample(running, 3):
            each.kill()
            time.sleep(dice.uniform(0, 0.05))
        for each in running:
            killed += each.end()[0] == -signal.SIGKILL
    assert killed > 0
    Host(writer).lead(workspaces[0])

    status, stdout, stderr = start("drain-dirty", "--json").end()
    assert status == 0, stderr
    assert json.loads(stdout)["refreshed"] > 0
    result = verify(database.dsn)
    assert (result.workspaces, result.healthy) == (100, True)

"""The drain's ways to run: for a time, watching, several at once; and what a run outlives."""

import json
import logging
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from itertools import pairwise
from threading import Event
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import Composable
from structlog.testing import capture_logs

from inboxdb.counts.verify import verify
from inboxdb.database import logs
from inboxdb.database.connection import Connection, session
from inboxdb.database.errors import CannotConnect, DatabaseRefused
from inboxdb.drain import announce, pace, passes
from inboxdb.drain.announce import Announcer
from inboxdb.drain.options import ONCE, WATCH, DrainOptions, Schedule
from inboxdb.drain.redis import Cache
from inboxdb.drain.refresh import Refresh
from inboxdb.drain.run import Failure, drain
from inboxdb.drain.state import RunState
from inboxdb.watch import status
from tests.chaos import MortalServer, mortal_database
from tests.interleave import DEADLINE, Stage, until
from tests.parts import one_in
from tests.redis_server import RedisServer
from tests.rows import Host, set_clock, stored_counts
from tests.running import Start, drains, hold_up, own_postgres, programs, until_held_up, watching
from tests.servers import DRAINER, WRITER, Database

LIMIT_HIT = "57014: the refresh was cancelled, or hit its time limit"
LOST = "08006: the connection was lost"


@pytest.fixture
def said() -> Iterator[list[MutableMapping[str, Any]]]:
    """The lines that drains in this process log."""
    logs.configure(level=logging.INFO)
    with capture_logs() as lines:
        yield lines
    logs.configure()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes drains in this process wait for nothing long."""
    monkeypatch.setattr(announce, "HEARTBEAT", 0.1)
    monkeypatch.setattr(announce, "REST", 0.1)
    monkeypatch.setattr(announce, "AT_RANDOM", 0.1)
    monkeypatch.setattr(pace, "RECONNECT_FIRST", 0.1)
    monkeypatch.setattr(pace, "RECONNECT_MOST", 0.2)


Said = list[MutableMapping[str, Any]]


def times(said: Said, field: str, value: str) -> int:
    """Count the lines with this value of a field."""
    return [line.get(field) for line in said].count(value)


def value(owner: Connection, query: str, *parameters: object) -> Any:
    [(found,)] = owner.execute(query.encode(), parameters).fetchall()
    return found


def total(owner: Connection, workspace: str) -> int | None:
    """How many leads the stored counts know of, None where there are none."""
    query = "select (select total from inboxdb.inbox_counts where client_id = %s and is_global)"
    found: int | None = value(owner, query, workspace)
    return found


def until_counted(owner: Connection, workspace: str, leads: int) -> None:
    """Wait until the stored counts know of so many leads."""
    until(lambda: total(owner, workspace) == leads)


def job(owner: Connection, workspace: str) -> tuple[Any, ...] | None:
    query = "select last_status, last_error, attempt from inboxdb.job_status where client_id = %s"
    return owner.execute(query, [workspace]).fetchone()


def a_run(owner: Connection, kind: str = "watch") -> str:
    """Wait for a worker of a run of a kind to look for work, and return the run's id."""
    query = """
        select (
          select distinct r.run_id
          from inboxdb.run as r
          inner join pg_stat_activity as a on a.application_name = 'inboxdb drain-dirty ' || r.run_id
          where r.kind = %s and a.query like '%%claim_set%%'
        )
    """
    return str(until(lambda: value(owner, query, kind)))


def looking(owner: Connection) -> list[int]:
    """List the backends that a worker has claimed with."""
    rows = owner.execute(
        "select pid from pg_stat_activity where datname = current_database() and query like 'begin%claim_set%'"
    )
    return [pid for (pid,) in rows]


def refresh_slowly(stage: Stage, seconds: float) -> None:
    """Let every refresh take some time."""
    stage.always_at("counts stored", f"perform pg_sleep({seconds})")


# The first fill


def line_up(owner: Connection, *workspaces: str) -> None:
    """Put workspaces on the work list, to be refreshed in this order."""
    owner.execute("select inboxdb.collect()")
    for place, workspace in enumerate(workspaces):
        owner.execute(
            "update inboxdb.inbox_counts_dirty set next_attempt_at = next_attempt_at + %s * interval '1 us'"
            " where client_id = %s",
            [place, workspace],
        )


def hold_up_first(database: Database, workspace: str) -> Callable[[], None]:
    """Store counts without a commit, so that the first refresh of a workspace waits; return what takes them back."""
    connection = database.connect(autocommit=False)
    connection.execute(
        "insert into inboxdb.inbox_counts (client_id, is_global, scope_user_id, computed_at, updated_at)"
        " values (%s, true, inboxdb.sentinel(), now(), now())",
        [workspace],
    )
    return connection.rollback


def test_one_that_is_killed_goes_on_where_it_was(
    database: Database, host: Host, owner: Connection, start: Start
) -> None:
    workspaces = [host.workspace() for _ in range(6)]
    for workspace in workspaces:
        host.lead(workspace)
    owner.execute("select inboxdb.mark_all_inbox_counts_dirty()")
    line_up(owner, *workspaces)
    let_go = hold_up_first(database, workspaces[3])
    running = start("drain-dirty")
    until_held_up(owner)
    running.signal(signal.SIGKILL)
    assert running.end()[0] == -signal.SIGKILL
    computed = "select client_id, computed_at from inboxdb.inbox_counts where client_id = any (%s)"
    before = owner.execute(computed, [workspaces]).fetchall()
    assert {workspace for workspace, _ in before} == set(workspaces[:3])
    owner.execute("select pg_terminate_backend(pid) from unnest(%s::int[]) as pid", [drains(owner)])
    until(lambda: not drains(owner))
    let_go()

    result = drain(database.dsn)
    assert (result.refreshed, result.failed, result.remaining) == (3, 0, 0)
    assert set(before) < set(owner.execute(computed, [workspaces]).fetchall())
    assert [total(owner, workspace) for workspace in workspaces] == [1] * 6
    assert verify(database.dsn).drifted == 0


def test_a_paced_worker_rests_with_nothing_in_its_hands(
    database: Database, host: Host, owner: Connection, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "LONGEST_REST", 300)
    refresh_slowly(stage, 0.5)
    first, second = host.workspace(), host.workspace()
    line_up(owner, first, second)
    stop = Event()
    with ThreadPoolExecutor() as pool:
        paced = pool.submit(drain, database.dsn, DrainOptions(pace=0.001), stop=stop)
        try:
            until_counted(owner, first, 0)
            state = "select state from pg_stat_activity where pid = any (%s) and query not like '%%heartbeat%%'"
            until(lambda: {state for (state,) in owner.execute(state, [drains(owner)])} == {"idle"})
            assert owner.execute("select client_id, attempts from inboxdb.inbox_counts_dirty").fetchall() == [
                (second, 0)
            ]
            assert drain(database.dsn).refreshed == 1
            assert not paced.done()
        finally:
            stop.set()
        # ten minutes before it would
        result = paced.result(DEADLINE)
    assert (result.refreshed, result.remaining) == (1, 0)


def test_how_long_the_rest_takes_goes_by_leads(
    database: Database, host: Host, owner: Connection, stage: Stage, hasty: None
) -> None:
    small, large = host.workspace(), host.workspace()
    for workspace in (small, large, large, large):
        host.lead(workspace)
    owner.execute('analyze public."Lead"')
    left = "select workspaces, leads from inboxdb.work_left()"
    assert owner.execute(left).fetchall() == [(2, 4)]
    said: list[tuple[int, int, float | None]] = []
    line_up(owner, small, large)
    let_go = hold_up_first(database, large)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(drain, database.dsn, on_progress=lambda *far: said.append(far))
        try:
            until_held_up(owner)
            began = time.monotonic()
            assert owner.execute(left).fetchall() == [(1, 3)]
            until(lambda: said[-1][2] is not None and time.monotonic() - began > 1)
        finally:
            let_go()
        assert running.result(DEADLINE).refreshed == 2
    [*_, (_, of, seconds)] = [far for far in said if far[0] == 1]
    assert of == 2
    assert seconds is not None
    # three of four leads are to be counted; the first took a second
    assert seconds > 3
    assert owner.execute(left).fetchall() == [(0, 0)]
    owner.execute("select inboxdb.mark_all_inbox_counts_dirty()")
    assert owner.execute(left).fetchall() == [(2, 4)]


# For a time


def test_a_run_for_a_time_goes_on_until_it_is_over(
    database: Database, host: Host, owner: Connection, start: Start
) -> None:
    running = start("drain-dirty", "--for", "3", "--every", "0.5", "--json")
    a_run(owner, "for")
    for _ in range(2):
        until_counted(owner, host.workspace(), 0)
    assert running.runs
    returned, stdout, _ = running.end()
    assert (returned, json.loads(stdout)["refreshed"]) == (0, 2)
    assert json.loads(stdout)["duration_ms"] >= 2500
    assert value(owner, "select ended_at - started_at between '2.4 s' and '10 s' from inboxdb.run")


def test_a_run_for_a_time_exits_with_3_when_a_workspace_failed(
    database: Database, host: Host, owner: Connection, start: Start
) -> None:
    workspace = host.workspace()
    owner.execute("alter table inboxdb.inbox_counts add check (total < 0)")
    returned, stdout, _ = start("drain-dirty", "--for", "1", "--every", "0.5").end()
    assert returned == 3
    assert "failed 1, skipped 0, remaining 1" in stdout
    assert f"\nworkspace {workspace} failed: 23514: " in stdout


@pytest.mark.parametrize(
    ("schedule", "times"),
    [(ONCE, 2), (Schedule("watch", every=5), 2), (WATCH, 1), (Schedule("for", 60), 1)],
    ids=["once", "watch every 5 s", "watch", "for 60 s"],
)
def test_a_busy_workspace_is_refreshed_once_a_pass_where_the_next_follows(
    schedule: Schedule, times: int, database: Database, host: Host
) -> None:
    workspace = host.workspace()
    host.lead(workspace)
    drain(database.dsn)
    refreshed = []

    def write_again(refresh: Refresh) -> None:
        refreshed.append(refresh.client_id)
        host.lead(workspace)

    host.lead(workspace)
    with session(database.dsn, application_name="inboxdb test") as connection:
        passes.Refresher(RunState(DrainOptions(schedule), Event(), None), write_again).make_pass(connection)
    assert refreshed == [workspace] * times


def test_passes_start_as_often_as_asked_for(database: Database, host: Host, stage: Stage) -> None:
    """The pause makes up for what a pass has taken; the run ends when the next one would start too late."""
    refresh_slowly(stage, 0.3)
    host.workspace()
    pauses: list[float] = []

    class Stop(Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            pauses.append(timeout)
            if len(pauses) == 3:
                self.set()
            return self.is_set()

    drain(database.dsn, DrainOptions(Schedule("for", 3600, 60)), stop=Stop())
    assert pauses == [pytest.approx(60, abs=30)] * 3
    assert pauses[0] <= 59.7
    drain(database.dsn, DrainOptions(Schedule("for", 30, 60)), stop=Stop())
    assert len(pauses) == 3


def test_time_is_over_in_the_middle_of_a_backlog_too(database: Database, host: Host, stage: Stage) -> None:
    refresh_slowly(stage, 0.3)
    for _ in range(30):
        host.workspace()
    result = drain(database.dsn, DrainOptions(schedule=Schedule("for", 1, 1)))
    assert 0 < result.refreshed < 6
    assert result.remaining == 30 - result.refreshed


# Watching


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_watching_run_counts_what_comes_and_finishes_what_it_has_at_hand(
    number: signal.Signals, database: Database, host: Host, owner: Connection, start: Start
) -> None:
    running = start("drain-dirty", "--watch", "--json")
    run_id = a_run(owner)
    workspace = host.workspace()
    until_counted(owner, workspace, 0)
    assert running.runs

    let_go = hold_up(database, workspace)
    host.lead(workspace)
    until_held_up(owner)
    late = host.workspace()
    owner.execute("select inboxdb.collect()")  # so that it may be claimed with the commit of the one at hand
    running.signal(number)
    owner.execute("select pg_sleep(0.3)")  # it has the time to do it wrong
    assert running.runs
    let_go()
    returned, stdout, stderr = running.end()
    assert returned == 0
    result = json.loads(stdout)
    assert (result["run_id"], result["refreshed"], result["failed"], result["remaining"]) == (run_id, 2, 0, 1)
    assert (total(owner, workspace), total(owner, late)) == (1, None)
    assert "ended" in stderr.splitlines()[-1]
    ended = "select ended_at is not null, refreshed, failed from inboxdb.run where run_id = %s"
    assert owner.execute(ended, [run_id]).fetchall() == [(True, 2, 0)]
    assert status.read(owner).workers_seen == 0


def test_a_second_signal_undoes_what_is_at_hand(
    database: Database, host: Host, owner: Connection, start: Start
) -> None:
    workspace = host.workspace()
    drain(database.dsn)
    let_go = hold_up(database, workspace)
    host.lead(workspace)
    running = start("drain-dirty", "--watch")
    until_held_up(owner)
    for _ in range(2):
        running.signal(signal.SIGINT)
        owner.execute("select pg_sleep(0.3)")
    returned, stdout, stderr = running.end()
    assert (returned, stdout) == (130, "")
    assert "interrupted" in stderr.splitlines()[-1]
    let_go()
    assert job(owner, workspace) == ("succeeded", None, 1)
    assert drain(database.dsn).refreshed == 1


def test_sigterm_ends_a_single_run_after_the_workspace_at_hand(
    database: Database, host: Host, owner: Connection, start: Start
) -> None:
    first = host.workspace()
    drain(database.dsn)
    let_go = hold_up(database, first)
    host.lead(first)
    owner.execute("select inboxdb.collect()")
    host.workspace()
    running = start("drain-dirty", "--json")
    until_held_up(owner)
    running.signal(signal.SIGTERM)
    owner.execute("select pg_sleep(0.3)")
    let_go()
    returned, stdout, stderr = running.end()
    assert (returned, json.loads(stdout)["refreshed"], json.loads(stdout)["remaining"]) == (0, 1, 1), stderr


@pytest.mark.usefixtures("hasty")
def test_the_sign_of_life_is_kept_up_whatever_the_workers_are_busy_with(
    database: Database, host: Host, owner: Connection
) -> None:
    workspace = host.workspace()
    drain(database.dsn)
    host.lead(workspace)
    let_go = hold_up(database, workspace)
    with watching(database.dsn):
        until_held_up(owner)
        seen_at = "select seen_at from inboxdb.run where kind = 'watch'"
        for _ in range(3):
            last = value(owner, seen_at)
            until(lambda last=last: value(owner, seen_at) > last)  # type: ignore[misc]
        assert len(drains(owner, held_up=True)) == 1
        assert status.read(owner).workers_seen == 1
        let_go()
    assert status.read(owner).workers_seen == 0


def test_one_that_was_killed_is_not_seen_for_long(
    database: Database, host: Host, owner: Connection, start: Start
) -> None:
    running = start("drain-dirty", "--watch", "--workers", "3")
    a_run(owner)
    assert status.read(owner).workers_seen == 3
    running.signal(signal.SIGKILL)
    assert running.end()[0] == -signal.SIGKILL
    [(seen_at, ended_at)] = owner.execute("select seen_at, ended_at from inboxdb.run").fetchall()
    assert ended_at is None
    for seconds, seen in ((29, 3), (31, 0)):
        set_clock(owner, (seen_at + timedelta(seconds=seconds)).isoformat())
        assert status.read(owner).workers_seen == seen


def test_a_run_has_one_id_everywhere(database: Database, host: Host, owner: Connection, start: Start) -> None:
    workspace = host.workspace()
    running = start("drain-dirty", "--watch", "--log-format", "json")
    until(lambda: job(owner, workspace) is not None)
    run_id = a_run(owner)
    assert re.fullmatch("[0-9a-f]{8}", run_id)
    assert value(owner, "select run_id from inboxdb.job_status") == run_id
    sessions = owner.execute(
        "select distinct application_name from pg_stat_activity where pid = any (%s)", [drains(owner)]
    )
    assert sessions.fetchall() == [(f"inboxdb drain-dirty {run_id}",)]
    running.signal(signal.SIGTERM)
    returned, _, stderr = running.end()
    assert returned == 0
    assert {json.loads(line)["run"] for line in stderr.splitlines()} == {run_id}


def test_pauses_grow_where_there_is_nothing_to_do(database: Database, host: Host) -> None:
    """The pauses between passes are counted, not timed: a test's event stands for the one that ends the run."""
    pauses: list[float] = []

    class Stop(Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            pauses.append(timeout)
            match len(pauses):
                case 8:
                    host.workspace()
                case 11:
                    self.set()
            return self.is_set()

    assert drain(database.dsn, DrainOptions(schedule=WATCH), stop=Stop()).refreshed == 1
    expected = [0.2, 0.4, 0.8, 1, 1, 1, 1, 1, 0.1, 0.2, 0.4]
    for pause, most in zip(pauses, expected, strict=True):
        # the pass that refreshed took some of its pause
        assert 0.74 * most < pause <= most or pause <= most == 0.1


# What a run outlives


def worker_backends(owner: Connection) -> list[int]:
    return until_held_up(owner, 2)


def one_of_them(owner: Connection) -> list[int]:
    return until_held_up(owner, 2)[:1]


def announcer_backend(owner: Connection) -> list[int]:
    held = until_held_up(owner, 2)
    return until(lambda: [pid for pid in drains(owner) if pid not in held])


def all_backends(owner: Connection) -> list[int]:
    return announcer_backend(owner) + until_held_up(owner, 2)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("chosen", one_in(2, [one_of_them, worker_backends, announcer_backend, all_backends]))
def test_lost_connections_are_made_anew(
    chosen: Callable[[Connection], list[int]], database: Database, host: Host, owner: Connection, said: Said
) -> None:
    workspaces = [host.workspace(), host.workspace()]
    drain(database.dsn)
    with watching(database.dsn, workers=2):
        before = host.workspace()
        until_counted(owner, before, 0)  # there is an announcer now
        let_go = hold_up(database, *workspaces)
        for workspace in workspaces:
            host.lead(workspace)
        lost = chosen(owner)
        ended = len(lost) if chosen in (worker_backends, one_of_them) else len(lost) - 1
        owner.execute("select pg_terminate_backend(pid, 10000) from unnest(%s::integer[]) as pid", [lost])
        until(lambda: times(said, "outcome", "lost") == ended)
        # one that the other worker has taken up by then is not recorded
        recorded = [job(owner, workspace) for workspace in workspaces].count(("failed", LOST, 1))
        assert min(ended, 1) <= recorded <= ended
        let_go()
        for workspace in workspaces:
            until_counted(owner, workspace, 1)
        later = host.workspace()
        until_counted(owner, later, 0)
    assert times(said, "action", "refresh") == ended
    assert times(said, "event", "connected again") == ended
    assert value(owner, "select failed from inboxdb.run where kind = 'watch'") == ended


def test_a_single_run_whose_workspace_keeps_losing_its_connection_says_so(
    database: Database, host: Host, owner: Connection, stage: Stage
) -> None:
    killer, others = host.workspace(), {host.workspace() for _ in range(3)}
    stage.always_at("counts stored", "perform pg_terminate_backend(pg_backend_pid())", about=killer)
    result = drain(database.dsn)
    assert (result.refreshed, result.failed, result.remaining) == (3, 1, 1)
    assert result.failures == [Failure(killer, LOST)]
    assert stored_counts(owner).keys() == others


@pytest.fixture(scope="module")
def mortal(request: pytest.FixtureRequest) -> Iterator[tuple[MortalServer, Database]]:
    with mortal_database(own_postgres(request.config), "synthetic", pooled=False) as server_and_database:
        yield server_and_database


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("wholly", [False, True], ids=["stopped", "killed"])
def test_a_server_that_is_away_for_a_while_is_waited_for(
    wholly: bool, mortal: tuple[MortalServer, Database], said: Said
) -> None:
    server, database = mortal
    host, owner = Host(database.writer()), database.connect()
    workspace = host.workspace()
    drain(database.dsn)
    with watching(database.dsn, workers=2):
        a_run(owner)
        hold_up(database, workspace)
        host.lead(workspace)
        until_held_up(owner)
        server.crash(wholly=wholly)
        until(lambda: times(said, "event", "trying again") >= 3)
        server.start()
        owner = database.connect()
        until_counted(owner, workspace, 1)
        late = Host(database.writer()).workspace()
        until_counted(owner, late, 0)
    assert times(said, "outcome", "lost") == 1
    assert value(owner, "select attempt from inboxdb.job_status where client_id = %s", workspace) > 1


def test_a_run_told_to_end_while_the_server_is_away_ends(mortal: tuple[MortalServer, Database]) -> None:
    server, database = mortal
    with programs(database.dsn) as start:
        running = start("drain-dirty", "--watch", "--json")
        a_run(database.connect())
        server.crash(wholly=False)
        try:
            until(lambda: "trying again" in running.stderr)
            running.signal(signal.SIGTERM)
            returned, stdout, _ = running.end()
        finally:
            server.start()
    assert (returned, json.loads(stdout)["remaining"]) == (0, None)


@pytest.mark.usefixtures("hasty")
def test_a_server_that_does_not_answer_is_taken_for_gone(
    mortal: tuple[MortalServer, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No limit of the server's own ends a backend that stands still, on a disk that hangs or behind a dead pooler."""
    monkeypatch.setattr(passes, "GRACE", 0.2)
    _, database = mortal
    host, owner = Host(database.writer()), database.connect()
    frozen = host.workspace()
    drain(database.dsn)
    let_go = hold_up(database, frozen)
    host.lead(frozen)
    with watching(database.dsn, time_limit=1):
        [pid] = until_held_up(owner)
        os.kill(pid, signal.SIGSTOP)
        try:
            other = host.workspace()
            until_counted(owner, other, 0)
        finally:
            let_go()
            os.kill(pid, signal.SIGCONT)
        until_counted(owner, frozen, 1)


@pytest.mark.parametrize("arguments", [["--watch"], ["--for", "5"], []], ids=str)
def test_a_first_connection_that_fails_is_an_error_at_once(
    arguments: list[str], database: Database, start: Start
) -> None:
    dsn = make_conninfo(database.dsn, dbname="absent")
    returned, stdout, stderr = start("drain-dirty", *arguments, INBOXDB_DSN=dsn).end()
    assert (returned, stdout) == (1, "")
    assert stderr.count("\n") == (2 if arguments else 1)
    assert "cannot connect to absent on " in stderr.splitlines()[-1]
    assert "trying again" not in stderr


def test_a_worker_that_is_started_before_the_server_waits_for_it(mortal: tuple[MortalServer, Database]) -> None:
    server, database = mortal
    workspace = Host(database.writer()).workspace()
    server.crash(wholly=False)
    with programs(database.dsn) as start:
        try:
            running = start("drain-dirty", "--watch")
            until(lambda: "nothing listens there" in running.stderr)
        finally:
            server.start()
        until_counted(database.connect(), workspace, 0)
        running.signal(signal.SIGTERM)
        assert running.end()[0] == 0


@pytest.mark.usefixtures("hasty")
def test_a_run_that_does_not_watch_gives_up_in_the_end(
    mortal: tuple[MortalServer, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "RECONNECT_PATIENCE", 0.5)
    server, database = mortal
    host, owner = Host(database.writer()), database.connect()
    for schedule in (ONCE, Schedule("for", 60, 1)):
        workspace = host.workspace()
        drain(database.dsn)
        hold_up(database, workspace)
        host.lead(workspace)
        with ThreadPoolExecutor() as pool:
            running = pool.submit(drain, database.dsn, DrainOptions(schedule))
            until_held_up(owner)
            server.crash(wholly=False)
            try:
                with pytest.raises(CannotConnect):
                    running.result(DEADLINE)
            finally:
                server.start()
        host, owner = Host(database.writer()), database.connect()


def test_a_refusal_that_does_not_pass_ends_it(database: Database, host: Host, owner: Connection, start: Start) -> None:
    running = start("drain-dirty", "--watch", INBOXDB_DSN=database.server.dsn_of(database.name, DRAINER))
    workspace = host.workspace()
    until_counted(owner, workspace, 0)
    owner.execute("revoke execute on function inboxdb.claim_set from inboxdb_drainer")
    returned, stdout, stderr = running.end()
    assert (returned, stdout) == (1, "")
    draining, refused = stderr.splitlines()
    assert "draining" in draining
    assert "the role lacks a right" in refused
    assert "42501" in refused


@pytest.mark.usefixtures("hasty")
def test_a_refusal_that_may_pass_is_outlived_by_a_run_that_goes_on(
    database: Database, host: Host, owner: Connection, said: Said
) -> None:

    def pauses() -> list[float]:
        return [line["pause"] for line in said if "pause" in line]

    with watching(database.dsn):
        a_run(owner)
        superuser = database.superuser()
        superuser.execute(f"alter database {database.name} set default_transaction_read_only = on")
        until(lambda: drains(owner))
        owner.execute("select pg_terminate_backend(pid) from unnest(%s::integer[]) as pid", [drains(owner)])
        # heartbeats are refused, too, and have no pause
        until(lambda: len(pauses()) >= 2)
        superuser.execute(f"alter database {database.name} reset default_transaction_read_only")
        workspace = host.workspace()
        until_counted(owner, workspace, 0)
    assert pauses()[:2] == [0.1, 0.2]  # a connection that was made is not yet one that works


def test_a_worker_that_cannot_go_on_ends_the_others(
    database: Database, host: Host, owner: Connection, stage: Stage
) -> None:
    bad, slow = host.workspace(), host.workspace()
    stop = Event()
    with ThreadPoolExecutor() as pool, ExitStack() as ends:
        running = pool.submit(drain, database.dsn, DrainOptions(WATCH, workers=2), stop=stop)
        ends.callback(stop.set)
        until_counted(owner, slow, 0)
        until(lambda: len(drains(owner)) == 3)  # with the announcer
        let_go = hold_up(database, slow)
        ends.callback(let_go)
        host.lead(slow)
        until_held_up(owner)
        [idle] = until(lambda: [pid for pid in looking(owner) if pid not in drains(owner, held_up=True)])
        stage.always_at("candidate chosen", f"if pg_backend_pid() = {idle} then raise no_data_found; end if")
        host.lead(bad)
        until(lambda: len(drains(owner)) == 2)
        let_go()
        with pytest.raises(DatabaseRefused):
            running.result(DEADLINE)
    assert (total(owner, slow), total(owner, bad)) == (1, 0)


def test_a_time_limit_that_was_hit_is_doubled(
    database: Database, host: Host, owner: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []

    def in_one_trip(connection: Connection, *statements: tuple[float, Composable]) -> Any:
        limits.extend(limit for limit, statement in statements if "drain_next" in statement.as_string())
        return original(connection, *statements)

    original = passes.in_one_trip  # type: ignore[attr-defined]
    monkeypatch.setattr(passes, "in_one_trip", in_one_trip)
    monkeypatch.setattr(pace, "PATIENCE", 0.0)
    slow = host.workspace()
    drain(database.dsn)
    owner.execute("update inboxdb.job_status set duration_ms = 10")
    limits.clear()
    host.lead(slow)
    let_go = hold_up(database, slow)
    expected = [0.5]
    for attempt in (1, 2):
        assert drain(database.dsn, DrainOptions(time_limit=0.5)).failed == 1
        assert job(owner, slow) == ("failed", LIMIT_HIT, attempt)
        # of what the attempt took, which is a little more than its limit
        expected.append(2 * value(owner, "select duration_ms from inboxdb.job_status") / 1000)
        owner.execute("update inboxdb.inbox_counts_dirty set next_attempt_at = inboxdb.clock()")
        owner.execute("update inboxdb.drain_state set claim_from = '-infinity'")
    assert expected[1] >= 1
    assert expected[2] >= 2 * expected[1]
    let_go()
    assert drain(database.dsn, DrainOptions(time_limit=0.5)).refreshed == 1
    owner.execute("update inboxdb.job_status set duration_ms = 10")
    host.lead(slow)
    drain(database.dsn, DrainOptions(time_limit=0.5))
    assert limits == [*map(pytest.approx, expected), 0.5]
    owner.execute("update inboxdb.job_status set duration_ms = 890000")
    for least, limit in ((1, 900), (1000, 1000)):
        assert value(owner, "select inboxdb.time_limit(%s, %s)", slow, least) == limit


# Several at once


def test_any_mixture_shares_the_work(
    database: Database, host: Host, owner: Connection, stage: Stage, start: Start
) -> None:
    """One workspace is held up: whoever has it waits, and nobody else does. No two refresh a workspace at once."""
    owner.execute(
        "create table public.refreshed (workspace text, by_pid integer, began timestamptz, ended timestamptz)"
    )
    refresh_slowly(stage, 0.01)
    stage.always_at("workspace locked", "perform set_config('test.began', clock_timestamp()::text, true)")
    began = "current_setting('test.began')::timestamptz"
    stage.always_at(
        "versions bumped",
        f"insert into public.refreshed values (about, pg_backend_pid(), {began}, clock_timestamp())",
    )
    held = host.workspace()
    workspaces = [host.workspace() for _ in range(20)]
    drain(database.dsn)
    owner.execute("truncate public.refreshed")
    let_go = hold_up(database, held)
    host.lead(held)
    owner.execute("select inboxdb.collect()")
    running = [
        start("drain-dirty", "--watch", "--workers", "2"),
        start("drain-dirty", "--for", "5", "--every", "0.2"),
        start("drain-dirty", "--workers", "2"),
    ]
    until_held_up(owner)
    procedure = stage.start(database.connect(), "call inboxdb.drain_dirty(max_seconds => 5)")
    for leads in (1, 2, 3):
        for workspace in workspaces:
            host.lead(workspace)
        for workspace in workspaces:
            until_counted(owner, workspace, leads)
        assert len(drains(owner, held_up=True)) == 1
    let_go()
    until_counted(owner, held, 1)
    procedure.finish()
    assert [one.end()[0] for one in running[1:]] == [0, 0]
    running[0].signal(signal.SIGTERM)
    assert running[0].end()[0] == 0
    assert value(owner, "select count(distinct by_pid) from public.refreshed") > 2
    overlapping = """
        select from public.refreshed as one
        inner join public.refreshed as other using (workspace)
        where one.ctid <> other.ctid and one.began <= other.began and one.ended > other.began
    """
    assert owner.execute(overlapping).rowcount == 0
    assert value(owner, "select count(*) from inboxdb.run where ended_at is null") == 0
    assert verify(database.dsn).healthy


# Redis and realtime


class Ear:
    """An application that listens for signals."""

    def __init__(self, database: Database) -> None:
        """Listen from now on."""
        self.connection = database.connect(WRITER, direct=True)
        self.connection.execute("listen inboxdb")
        self.heard: list[dict[str, Any]] = []

    def next(self, timeout: float = DEADLINE) -> dict[str, Any] | None:
        """Return the next signal, None if none comes in time, in seconds."""
        if not self.heard:
            self.heard += [json.loads(one.payload) for one in self.connection.notifies(timeout=timeout, stop_after=1)]
        return self.heard.pop(0) if self.heard else None


def published(redis: RedisServer, workspace: str) -> int:
    return int(redis.contents().get(f"inbox:v1:ver:{workspace}") or 0)


def test_versions_are_in_redis_before_the_signal(
    database: Database, host: Host, owner: Connection, redis: RedisServer
) -> None:
    ear = Ear(database)
    cache = Cache(f"{redis.url}?socket_timeout=60")
    with watching(database.dsn, cache=cache):
        redis.stop()
        for _ in range(2):  # and no refresh waits for it
            workspace = host.workspace()
            until_counted(owner, workspace, 0)
        assert ear.next(timeout=0.3) is None
        redis.go_on()
        for _ in range(2):
            signalled = ear.next()
            assert signalled
            assert published(redis, signalled["workspace"]) == signalled["version"]


@pytest.mark.usefixtures("hasty")
def test_a_redis_that_hangs_delays_no_refresh_and_no_signal_for_long(
    database: Database, host: Host, owner: Connection, redis: RedisServer
) -> None:
    ear = Ear(database)
    with watching(database.dsn, cache=Cache(f"{redis.url}?socket_timeout=0.5")):
        first = host.workspace()
        until(lambda: published(redis, first) > 0)
        assert ear.next()
        redis.stop()
        for _ in range(3):
            workspace = host.workspace()
            until_counted(owner, workspace, 0)
            last = ear.next() or {}
            assert last["workspace"] == workspace
        redis.go_on()
        until(lambda: published(redis, workspace) == last["version"])
    assert value(owner, "select count(*) from inboxdb.unpublished()") == 0


@pytest.mark.usefixtures("hasty")
def test_a_redis_that_is_away_is_warned_of_and_loses_nothing(
    database: Database, host: Host, owner: Connection, redis: RedisServer, said: list[Any]
) -> None:
    def times(event: str) -> int:
        return [line["event"] for line in said].count(event)

    redis.kill()
    first = host.workspace()
    with watching(database.dsn, cache=Cache(redis.url)):
        until_counted(owner, first, 0)
        until(lambda: times("could not publish") == 1)
        redis.start()
        until(lambda: published(redis, first) > 0)
        until(lambda: times("publishing again") == 1)
        redis.kill()
        host.lead(first)
        until_counted(owner, first, 1)
        until(lambda: times("could not publish") == 2)
    redis.start()
    drain(database.dsn, DrainOptions(cache=Cache(redis.url)))
    version = value(owner, "select version from inboxdb.cache_version where client_id = %s and family = 'inbox'", first)
    assert published(redis, first) == version


@pytest.mark.usefixtures("hasty")
def test_keys_that_redis_lost_come_back_by_themselves(database: Database, host: Host, redis: RedisServer) -> None:
    workspace = host.workspace()
    with watching(database.dsn, cache=Cache(redis.url)):
        until(lambda: published(redis, workspace) > 0)
        before = redis.contents()
        redis.client.flushall()
        until(lambda: redis.contents() == before)


@pytest.mark.usefixtures("hasty")
def test_a_refused_key_delays_no_other(
    database: Database, host: Host, owner: Connection, redis: RedisServer, said: list[Any]
) -> None:
    redis.client.execute_command("ACL", "SETUSER", "default", "resetkeys", "~inbox:*")
    with watching(database.dsn, cache=Cache(redis.url)):
        workspace = host.workspace()
        for number in range(3):
            host.lead(workspace)
            until_counted(owner, workspace, number + 1)
            version = value(owner, "select max(version) from inboxdb.cache_version where family = 'inbox'")
            until(lambda: published(redis, workspace) == version)  # noqa: B023
    assert [line["event"] for line in said].count("could not publish") >= 1
    assert value(owner, "select count(*) from inboxdb.unpublished()") == 2


def test_a_run_publishes_what_drains_without_redis_have_left(
    database: Database, host: Host, owner: Connection, redis: RedisServer
) -> None:
    for schedule in (ONCE, Schedule("for", 1, 0.5)):
        workspace = host.workspace()
        owner.execute("call inboxdb.drain_dirty()")
        assert drain(database.dsn, DrainOptions(cache=Cache(redis.url), schedule=schedule)).refreshed == 0
        assert published(redis, workspace) > 0
    with watching(database.dsn, cache=Cache(redis.url)):
        workspace = host.workspace()
        owner.execute("call inboxdb.drain_dirty()")
        until(lambda: published(redis, workspace) > 0)


@pytest.mark.usefixtures("hasty")
def test_a_realtime_that_hangs_delays_no_refresh(
    database: Database, host: Host, owner: Connection, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "SIGNALS_LIMIT", 600)
    ear = Ear(database)
    with watching(database.dsn):
        with stage.at("signalling", "perform pg_sleep(60)"):
            for _ in range(3):
                workspace = host.workspace()
                until_counted(owner, workspace, 0)
            sleeping = "select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'"
            until(lambda: owner.execute(sleeping).rowcount == 1)
        owner.execute(f"select pg_cancel_backend(pid) {sleeping.removeprefix('select')}")
        until(lambda: host.lead(workspace) and ear.next(timeout=0.5))


def test_what_waits_to_be_told_is_told_once_per_workspace(database: Database, host: Host, owner: Connection) -> None:
    workspace = host.workspace()
    drain(database.dsn)
    ear = Ear(database)
    announcer = Announcer(database.dsn, None, lambda _: None, application_name="inboxdb test")
    for version, scopes in ((1, ["a"]), (3, ["c"]), (2, ["b", "a"]), (None, None)):
        announcer.enqueue(Refresh(workspace, "refreshed", version, scopes))
    with announcer:
        pass
    heard = [ear.next() for _ in range(4)]
    assert {(one["scope"], one["version"]) for one in heard if one} >= {("a", 3), ("b", 3), ("c", 3)}
    assert ear.next(timeout=0.1) is None


@pytest.mark.usefixtures("hasty")
def test_an_announcer_that_cannot_connect_waits_between(
    database: Database, monkeypatch: pytest.MonkeyPatch, said: list[Any]
) -> None:
    tries: list[float] = []
    enough = Event()

    def connect(dsn: str, *, application_name: str) -> Connection:
        tries.append(time.monotonic())
        if len(tries) == 4:
            enough.set()
        return original(dsn, application_name=application_name)

    original = announce.connect  # type: ignore[attr-defined]
    monkeypatch.setattr(announce, "connect", connect)
    absent = make_conninfo(database.dsn, dbname="absent")
    with Announcer(absent, None, lambda _: None, application_name="inboxdb test"):
        assert enough.wait(DEADLINE)
    assert min(later - earlier for earlier, later in pairwise(tries)) > 0.09
    assert [line["event"] for line in said] == ["could not announce what was refreshed"]


def test_an_announcer_that_cannot_go_on_does(
    database: Database, host: Host, monkeypatch: pytest.MonkeyPatch, said: list[Any]
) -> None:
    """A mistake of ours is said once, and costs no later signal."""
    ear = Ear(database)
    mistaken = [True, True]

    def send_signals(connection: Connection, done: list[Refresh]) -> int | None:
        if mistaken:
            mistaken.pop()
            raise KeyError("secret")
        return original(connection, done)

    original = announce.send_signals
    monkeypatch.setattr(announce, "send_signals", send_signals)
    with watching(database.dsn):
        workspace = host.workspace()
        until(lambda: host.lead(workspace) and ear.next(timeout=0.5))
    warnings = [(line["event"], line["reason"]) for line in said if line["log_level"] == "warning"]
    assert warnings == [("could not announce what was refreshed", "internal error: KeyError")]

"""Runs of the drain: once, for a while, or watching until told to stop."""

import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import inf
from threading import Event
from time import monotonic

from inboxdb import logs, status
from inboxdb.announce import Announcer
from inboxdb.cache import Cache
from inboxdb.connection import Connection, session, transaction
from inboxdb.drain import TIME_LIMIT, Drain, Progress
from inboxdb.errors import CannotConnect, ConnectionLost, DatabaseRefused

# How long a single run waits, in all, for workspaces that are not due yet: those whose last claim came to nothing,
# because its process was killed or somebody else had the workspace. Five seconds cover the delays after a first and a
# second such claim (1 s and 2 s), and a refresh in progress elsewhere; the next run takes what needs longer.
PATIENCE = 5.0  # seconds

HEARTBEAT = 5.0  # seconds
PAUSES = (0.1, 1.0)  # seconds between passes of a watching run: after work, and doubled up to where there is none

# Connections that were lost are made anew after such pauses, doubled and by chance a little shorter; a run that is not
# a watching one gives up after the last figure.
RECONNECT_FIRST, RECONNECT_MOST, RECONNECT_PATIENCE = 0.5, 30.0, 20.0  # seconds

# Refusals that a run which goes on may outlive: timeouts and deadlocks, resources, a server that became a standby.
MAY_PASS = ("57014", "40001", "40P01", "55P03", "53", "25006")


@dataclass(frozen=True)
class Schedule:
    """How long a run goes on: `kind` is once, for or watch; `seconds` and the least time between two passes, `every`,
    are for the last two.
    """

    kind: str = "once"
    seconds: float = inf
    every: float | None = None


ONCE = Schedule()
WATCH = Schedule("watch")


@dataclass(frozen=True)
class Failure:
    """A workspace that could not be refreshed; `error` is the SQLSTATE and our own sentence."""

    client_id: str
    error: str


@dataclass(frozen=True)
class DrainResult:
    """What a run did. Counted in workspaces: refreshed, once for each time; failed and not refreshed since; left
    because somebody else had them; still waiting when it ended.
    """

    run_id: str
    refreshed: int
    failed: int
    skipped: int
    remaining: int
    duration_ms: int
    failures: list[Failure]


def drain(
    dsn: str,
    *,
    schedule: Schedule = ONCE,
    limit: int | None = None,
    workers: int = 1,
    time_limit: float = TIME_LIMIT,
    cache: Cache | None = None,
    run_id: str | None = None,
    stop: Event | None = None,
    on_progress: Progress | None = None,
) -> DrainResult:
    """Refresh workspaces.

    A single run takes every workspace that waits when it begins. Workspaces that become dirty meanwhile are taken too,
    until one comes up that it had before: under steady writes it would never end otherwise. It waits a little for those
    that are not due yet (PATIENCE), except for those that it saw fail. A connection that is lost is made anew, and its
    workspace waits for its next attempt.

    Parameters: dsn; schedule; limit, how many workspaces at most; workers, how many connections work side by side;
    time_limit, what each workspace has at least, in seconds; cache, where versions are published; run_id, eight
    hexadecimal digits; stop, set when no further workspace is to be started; on_progress.
    Raises CannotConnect, ConnectionLost and DatabaseRefused, where that is not outlived. On KeyboardInterrupt the
    refreshes at hand are undone and it is raised again.
    """
    run = _Run(dsn, schedule, workers, run_id or new_run_id(), stop or Event())
    with Announcer(dsn, cache, application_name=run.application_name) as announcer:
        shared = Drain(
            announce=announcer.tell, limit=limit, time_limit=time_limit, stop=run.stop, on_progress=on_progress
        )
        return run.go(shared)


def new_run_id() -> str:
    """Make one up."""
    return f"{random.getrandbits(32):08x}"


class _Run:
    def __init__(self, dsn: str, schedule: Schedule, workers: int, run_id: str, stop: Event) -> None:
        self.dsn = dsn
        self.schedule = schedule
        self.workers = workers
        self.run_id = run_id
        self.stop = stop
        self.application_name = f"inboxdb drain-dirty {run_id}"
        self.started = monotonic()
        self.beat_at = 0.0

    def go(self, drain: Drain) -> DrainResult:
        """Run to the end, over as many connections as it takes."""
        pause, lost_at, connected = RECONNECT_FIRST, inf, False
        while True:
            try:
                with ExitStack() as stack:
                    connections = [
                        stack.enter_context(session(self.dsn, application_name=self.application_name))
                        for _ in range(self.workers)
                    ]
                    connected = True
                    drain.record_lost(connections[0])
                    self.beat(connections[0], drain)
                    if lost_at < inf:
                        logs.logger.info("connected again", action="connect")
                    pause, lost_at = RECONNECT_FIRST, inf
                    if self.schedule.kind == "once":
                        self.drain_once(connections, drain)
                    else:
                        self.keep_draining(connections, drain)
                    self.beat(connections[0], drain, is_over=True)
                    return self.result(drain, connections[0])
            except (CannotConnect, ConnectionLost, DatabaseRefused) as error:
                lost_at = min(lost_at, monotonic())
                given_up = self.schedule.kind != "watch" and monotonic() - lost_at > RECONNECT_PATIENCE
                if not connected or given_up or not self.may_pass(error):
                    raise
                if self.stop.is_set():
                    return self.result(drain)
                logs.logger.warning("trying again", action="connect", reason=str(error), pause=round(pause, 1))
                self.stop.wait(pause * random.uniform(0.75, 1))
                pause = min(2 * pause, RECONNECT_MOST)

    def may_pass(self, error: CannotConnect | ConnectionLost | DatabaseRefused) -> bool:
        """Tell whether this run may outlive an error."""
        if isinstance(error, DatabaseRefused):
            return self.schedule.kind != "once" and (error.sqlstate or "").startswith(MAY_PASS)
        return True

    def drain_once(self, connections: Sequence[Connection], drain: Drain) -> None:
        """Take what waits, and wait a little for what is not due yet."""
        first = connections[0]
        if drain.on_progress and not drain.total:
            drain.total = status.read(first).dirty_workspaces
        waited = 0.0
        while not drain.is_over:
            drain.pass_over(connections)
            pause = self.seconds_to_next_attempt(first, drain)
            if pause is None or waited + pause > PATIENCE:
                break
            self.stop.wait(pause)
            waited += pause

    def seconds_to_next_attempt(self, connection: Connection, drain: Drain) -> float | None:
        """Say how long until a workspace is due that this run has had no result for; None when there is none."""
        ((seconds,),) = connection.execute(
            "select inboxdb.seconds_to_next_attempt(%s::text[])", (list(drain.refreshed | drain.failed),)
        ).fetchall()
        # due already, but not to be had just now: somebody else is claiming it, or about to commit its refresh
        return None if seconds is None else max(seconds, 0.2)

    def keep_draining(self, connections: Sequence[Connection], drain: Drain) -> None:
        """Make one pass after the other, until the time is over or somebody wants an end."""
        ends_at = self.started + self.schedule.seconds
        pause = PAUSES[0]
        while not drain.is_over:
            began = monotonic()
            worked = drain.pass_over(connections)
            if monotonic() >= self.beat_at:
                self.beat(connections[0], drain)
            pause = PAUSES[0] if worked else min(2 * pause, PAUSES[1])
            if self.schedule.every is not None:
                pause = self.schedule.every - (monotonic() - began)
            if monotonic() + pause >= ends_at:
                break
            self.stop.wait(max(pause, 0))

    def beat(self, connection: Connection, drain: Drain, *, is_over: bool = False) -> None:
        """Give a sign of life, and see to the change log's slices."""
        samples, drain.samples = drain.samples, []
        with transaction(connection, drain.time_limit):
            connection.execute(
                "select inboxdb.heartbeat(%s, %s, %s, %s, %s, %s::real[], %s)",
                (self.run_id, self.schedule.kind, self.workers, drain.refreshes, drain.failures, samples, is_over),
            )
        with transaction(connection, drain.time_limit):
            connection.execute("select inboxdb.empty_slice()")
        self.beat_at = monotonic() + HEARTBEAT

    def result(self, drain: Drain, connection: Connection | None = None) -> DrainResult:
        """Sum up; what waits still is not known without a connection, and taken for nothing."""
        failures = status.failing(connection) if connection and drain.failed else []
        return DrainResult(
            run_id=self.run_id,
            refreshed=drain.refreshes,
            failed=len(drain.failed),
            skipped=drain.skipped,
            remaining=status.read(connection).dirty_workspaces if connection else 0,
            duration_ms=round((monotonic() - self.started) * 1000),
            failures=[Failure(one.client_id, one.last_error) for one in failures if one.client_id in drain.failed],
        )

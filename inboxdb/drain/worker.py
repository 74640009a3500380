"""Runs of the drain: once, for a while, or watching until told to stop."""

import random
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import inf
from os import dup
from socket import SHUT_RDWR, socket
from threading import Event
from time import monotonic

import psycopg
from psycopg.sql import SQL

from inboxdb.database import logs
from inboxdb.database.connection import Connection, in_one_trip, session
from inboxdb.database.errors import CannotConnect, ConnectionLost, DatabaseRefused
from inboxdb.drain.announce import Announcer
from inboxdb.drain.options import DrainOptions
from inboxdb.drain.passes import Drain, Progress, Shared
from inboxdb.watch import status

# How long a single run waits, in all, for workspaces that are not due yet: those whose last claim came to nothing,
# because its process was killed or somebody else had the workspace. Five seconds cover the delays after a first and a
# second such claim (1 s and 2 s), and a refresh in progress elsewhere; the next run takes what needs longer.
PATIENCE = 5.0  # seconds

HEARTBEAT_LIMIT = 5.0  # seconds
PAUSES = (0.1, 1.0)  # seconds between passes of a watching run: after work, and doubled up to where there is none

# Connections that were lost are made anew after such pauses, doubled and by chance a little shorter; a run that is not
# a watching one gives up after the last figure.
RECONNECT_FIRST, RECONNECT_MOST, RECONNECT_PATIENCE = 0.5, 30.0, 20.0  # seconds

# Refusals that a run which goes on may outlive: timeouts and deadlocks, resources, a server that became a standby.
MAY_PASS = ("57014", "40001", "40P01", "55P03", "53", "25006")


@dataclass(frozen=True)
class Failure:
    """A workspace that could not be refreshed; `error` is the SQLSTATE and our own sentence."""

    client_id: str
    error: str


@dataclass(frozen=True)
class DrainResult:
    """The outcome of a run. Counted in workspaces: refreshed, once for each time; failed and not refreshed since; left
    because somebody else had them; audited; still waiting when it ended, None where the database was not there to say.
    `suspended_since` says since when nothing is to be drained, None where it is.
    """

    run_id: str
    refreshed: int
    failed: int
    skipped: int
    audited: int
    remaining: int | None
    duration_ms: int
    failures: list[Failure]
    suspended_since: datetime | None = None


def drain(
    dsn: str,
    options: DrainOptions | None = None,
    *,
    stop: Event | None = None,
    on_progress: Progress | None = None,
) -> DrainResult:
    """Refresh workspaces.

    A single run takes every workspace that waits when it begins. Workspaces that become dirty meanwhile are taken too,
    until one comes up that it had before: under steady writes it would never end otherwise. It waits a little for those
    that are not due yet (PATIENCE), except for those that it saw fail. A connection that is lost is made anew, and its
    workspace waits for its next attempt.

    Parameters: dsn; options; stop, set when no further workspace is to be started; on_progress.
    Raises CannotConnect, ConnectionLost and DatabaseRefused, where that is not outlived. On KeyboardInterrupt the
    refreshes at hand are undone and it is raised again.
    """
    options = options or DrainOptions()
    run = _Run(dsn, options)
    announcer = Announcer(dsn, options.cache, run.beat, application_name=run.application_name)
    run.shared = Shared(options, announce=announcer.tell, stop=stop or Event(), on_progress=on_progress)
    return run.go(announcer)


class _Run:
    shared: Shared

    def __init__(self, dsn: str, options: DrainOptions) -> None:
        self.dsn = dsn
        self.options = options
        self.schedule = options.schedule
        self.run_id = options.run_id
        self.application_name = f"inboxdb drain-dirty {options.run_id}"
        self.started = monotonic()
        self.leads: int | None = None  # to be counted, when it began
        self.has_been_there = False  # the first connection was made

    def go(self, announcer: Announcer) -> DrainResult:
        """Let the workers work, each in a thread, and sum up."""
        # Whether there is such a database shows here; from then on whatever is lost is made anew.
        try:
            with suppress(ConnectionLost), session(self.dsn, application_name=self.application_name) as first:
                self.has_been_there = True
                self.beat(first)
        except CannotConnect as error:
            if self.schedule.kind != "watch" or not error.may_pass:
                raise
        except DatabaseRefused as error:
            if not self.outlives(error):
                raise
        workers = [_Worker(self) for _ in range(self.options.workers)]
        with announcer, ThreadPoolExecutor(self.options.workers) as pool:
            working = [pool.submit(worker.work, joins=worker is not workers[0]) for worker in workers]
            try:
                while wait(working, timeout=1).not_done:
                    for worker in workers:
                        worker.give_up_what_hangs()
            except BaseException:
                self.shared.is_interrupted = True
                self.shared.stop.set()
                # again and again: a worker may just have been between two statements
                while wait(working, timeout=0.1).not_done:
                    for worker in workers:
                        worker.cancel()
                raise
        for done in working:
            done.result()
        return self.result()

    def outlives(self, error: DatabaseRefused) -> bool:
        """Tell whether this run goes on after a refusal."""
        return self.schedule.kind != "once" and (error.sqlstate or "").startswith(MAY_PASS)

    def beat(self, connection: Connection, *, is_over: bool = False) -> None:
        """Give a sign of life, and see to the change log's slices."""
        shared = self.shared
        samples = shared.samples[:]
        heartbeat = SQL("select inboxdb.heartbeat({}, {}, {}, {}, {}, {}::real[], {})").format(
            self.run_id, self.schedule.kind, self.options.workers, shared.refreshes, shared.failures, samples, is_over
        )
        # In one trip, each: were this machine lost with a slice locked, every drain and soon every writer would wait.
        in_one_trip(connection, (HEARTBEAT_LIMIT, heartbeat))
        del shared.samples[: len(samples)]
        in_one_trip(connection, (HEARTBEAT_LIMIT, SQL("select inboxdb.empty_slice()")))
        if shared.on_progress and not is_over:
            self.estimate(connection)

    def estimate(self, connection: Connection) -> None:
        """Tell how far the run is, and how long the rest takes if leads go on being counted as fast as until now."""
        [[(workspaces, leads)]] = in_one_trip(
            connection, (self.options.time_limit, SQL("select workspaces, leads from inboxdb.work_left()"))
        )
        shared = self.shared
        with shared.lock:
            if self.leads is None:
                self.leads, shared.total = leads, workspaces
            elif leads < self.leads:
                shared.seconds_left = (monotonic() - self.started) * leads / (self.leads - leads)
            shared.tell_progress()

    def result(self) -> DrainResult:
        """Sum up; what waits still is not known without a connection."""
        shared = self.shared
        failing: list[status.FailingWorkspace] = []
        remaining = suspended_since = None
        with suppress(CannotConnect, ConnectionLost), session(self.dsn, application_name=self.application_name) as last:
            self.beat(last, is_over=True)
            now = status.read(last)
            remaining, suspended_since = now.dirty_workspaces, now.suspended_since
            failing = status.failing(last) if shared.failed else []
        return DrainResult(
            run_id=self.run_id,
            refreshed=shared.refreshes,
            failed=len(shared.failed),
            skipped=shared.skipped,
            audited=shared.audited,
            remaining=remaining,
            duration_ms=round((monotonic() - self.started) * 1000),
            failures=[Failure(one.client_id, one.last_error) for one in failing if one.client_id in shared.failed],
            suspended_since=suspended_since,
        )


class _Worker:
    """A worker of a run, independent of the others: a workspace or a connection that hangs holds up no other worker."""

    def __init__(self, run: _Run) -> None:
        self.run = run
        self.schedule = run.schedule
        self.shared = run.shared
        self.drain = Drain(run.shared)
        self.connection: Connection | None = None
        self.idle_pause = PAUSES[0]
        self.waited = 0.0

    def work(self, *, joins: bool) -> None:
        """Drain until the run is over. Where that cannot be, the other workers finish what they have at hand.

        Parameters: joins, whether another worker goes first: while that one collects there is nothing to be seen.
        """
        if joins:
            self.shared.begun.wait()
        try:
            self.keep_connected()
        except BaseException:
            self.shared.stop.set()
            raise
        finally:
            self.shared.begun.set()

    def keep_connected(self) -> None:
        """Drain over as many connections as it takes."""
        pause, lost_at, failed = RECONNECT_FIRST, inf, False
        while True:
            answers = self.drain.answers
            try:
                with session(self.run.dsn, application_name=self.run.application_name) as self.connection:
                    if failed:
                        logs.logger.info("connected again", action="connect")
                    self.keep_draining(self.connection)
                    return
            except (CannotConnect, ConnectionLost, DatabaseRefused) as error:
                failed = True
                if self.drain.answers > answers:
                    pause, lost_at = RECONNECT_FIRST, inf
                lost_at = min(lost_at, monotonic())
                if self.shared.has_ended:
                    return
                if not self.may_pass(error, lost_at):
                    raise
                logs.logger.warning("trying again", action="connect", reason=str(error), pause=round(pause, 1))
                self.shared.stop.wait(pause * random.uniform(0.75, 1))
                pause = min(2 * pause, RECONNECT_MOST)
            finally:
                self.connection = None

    def may_pass(self, error: CannotConnect | ConnectionLost | DatabaseRefused, lost_at: float) -> bool:
        """Tell whether this run may outlive an error."""
        if self.schedule.kind != "watch" and monotonic() - lost_at > RECONNECT_PATIENCE:
            return False
        if (
            isinstance(error, CannotConnect)
            and not error.may_pass
            and not (self.run.has_been_there or self.drain.answers)
        ):
            return False  # there never was such a database
        if isinstance(error, DatabaseRefused):
            return self.run.outlives(error)
        return True

    def keep_draining(self, connection: Connection) -> None:
        """Make pass after pass, with pauses between."""
        while True:
            began = monotonic()
            worked = self.drain.pass_over(connection)
            if self.schedule.kind == "once":
                pause = self.pause_for_what_is_not_due(connection)
            elif self.schedule.every is None:
                pause = self.pause_by_pace(worked)
            else:
                pause = max(self.schedule.every - (monotonic() - began), 0)
            if pause is None or self.shared.is_over or monotonic() + pause >= self.shared.ends_at:
                break
            self.shared.stop.wait(pause)

    def pause_by_pace(self, worked: bool) -> float:
        """Wait a moment after work, and longer and longer where there is none."""
        self.idle_pause = PAUSES[0] if worked else min(2 * self.idle_pause, PAUSES[1])
        # a little by chance, so that the workers of an idle run do not all look at once
        return self.idle_pause * random.uniform(0.75, 1)

    def pause_for_what_is_not_due(self, connection: Connection) -> float | None:
        """Say how long until a workspace is due that this run has had no result for; None when not to wait for it."""
        shared = self.shared
        with shared.lock:
            known = [*(shared.refreshed | shared.failed | shared.at_hand) - shared.lost]
        ((seconds,),) = connection.execute("select inboxdb.seconds_to_next_attempt(%s::text[])", (known,)).fetchall()
        if seconds is None:
            return None
        # due already, but locked: another drain is claiming it, or about to commit its refresh
        pause = max(seconds, 0.2)
        self.waited += pause
        return pause if self.waited <= PATIENCE else None

    def give_up_what_hangs(self) -> None:
        """Cut a connection whose server has been silent beyond every limit: the server may be gone for good."""
        connection = self.connection
        if connection and monotonic() > self.drain.give_up_at:
            with suppress(OSError, psycopg.Error), socket(fileno=dup(connection.fileno())) as cut:
                cut.shutdown(SHUT_RDWR)

    def cancel(self) -> None:
        """Undo the refresh at hand."""
        connection = self.connection
        if connection:
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=5)

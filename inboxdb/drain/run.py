"""Runs of the drain: once, for a while, or watching until told to stop."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from time import monotonic, sleep

import psycopg
from psycopg.sql import SQL

from inboxdb.database.connection import Connection, in_one_trip, session, translated
from inboxdb.database.errors import CannotConnect, ConnectionLost, is_lost
from inboxdb.database.logs import logger, output
from inboxdb.drain import pace
from inboxdb.drain.announce import Announcer
from inboxdb.drain.maintenance import Maintenance
from inboxdb.drain.options import DrainOptions
from inboxdb.drain.state import Progress, RunState
from inboxdb.drain.worker import Worker
from inboxdb.watch import status

HEARTBEAT_LIMIT = 5.0  # seconds


@dataclass(frozen=True)
class Failure:
    """A workspace that could not be refreshed; `error` is the SQLSTATE and our own sentence."""

    client_id: str
    error: str


@dataclass(frozen=True)
class DrainResult:
    """The outcome of a run. Counted in workspaces: refreshed, once for each time; failed and not refreshed since; left
    because somebody else had them; audited; still waiting when it ended, None where the database was not there to say.
    Of a run of a job alone all these are the job's; `failures` lists those of counts.
    `suspended_since` says since when nothing is to be drained, None where it is; `suspended_because` what the host has
    changed, where inboxdb suspended itself.
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
    suspended_because: str | None = None

    @property
    def is_healthy(self) -> bool:
        """Whether no workspace failed, and inboxdb did not suspend itself."""
        return self.failed == 0 and self.suspended_because is None


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
    run = _Run(dsn, options or DrainOptions(), stop or Event(), on_progress)
    with run.state.spans as spans:
        result = run.work()
        spans.tell_run(result.refreshed, result.failed)
        return result


class _Run:
    def __init__(self, dsn: str, options: DrainOptions, stop: Event, on_progress: Progress | None) -> None:
        self.dsn = dsn
        self.options = options
        self.state = RunState(options, stop, on_progress)
        self.announcer: Announcer | None = None
        self.maintenance = Maintenance(at_rest=False, job=options.job)
        self.leads: int | None = None  # to be counted, when it began

    def work(self) -> DrainResult:
        """Let the workers work, with pauses between if the run is sparse, and sum up."""
        began = monotonic()
        self.let_work()
        schedule = self.options.schedule
        while schedule.is_sparse and self.rest(pace.pause_until_next(schedule.every or 0, monotonic() - began)):
            began = monotonic()
            self.state.begin_pass()
            self.let_work()
        return self.result()

    def let_work(self) -> None:
        """Let the workers work, each in a thread, until they end."""
        options = self.options
        self.connect_first()
        self.announcer = Announcer(self.dsn, options.cache, self.heartbeat, application_name=options.application_name)
        workers = [Worker(self.dsn, self.state, self.announcer.enqueue) for _ in range(options.workers)]
        with self.announcer, ThreadPoolExecutor(options.workers) as pool:
            working = [pool.submit(worker.work, is_first=worker is workers[0]) for worker in workers]
            self.wait_for(self.announcer, workers, working)
        for done in working:
            done.result()

    def rest(self, pause: float) -> bool:
        """Pause without a connection; return whether the run goes on."""
        ends_at = monotonic() + pause
        # not stop.wait: set by a signal's handler in this very thread, an event may be waiting for itself
        while not self.state.stop.is_set() and monotonic() < ends_at:
            sleep(min(1, max(ends_at - monotonic(), 0)))
        return not self.state.stop.is_set()

    def connect_first(self) -> None:
        """See whether the database answers; later on a lost connection is made anew."""
        try:
            with suppress(ConnectionLost), session(self.dsn, application_name=self.options.application_name) as first:
                self.state.was_connected = True
                self.try_heartbeat(first)
        except CannotConnect as error:
            if self.options.schedule.kind == "once" or not (error.may_pass or self.state.was_connected):
                raise

    def try_heartbeat(self, connection: Connection, *, is_over: bool = False) -> None:
        """Send a heartbeat; a run without heartbeats drains as well, and its workers say what they may not do."""
        try:
            self.heartbeat(connection, is_over=is_over)
        except psycopg.Error as error:
            if is_lost(error) or isinstance(error, psycopg.errors.InvalidSchemaName):  # not installed: nothing to drain
                raise
            reason = str(translated(error, self.dsn, connection))
            logger.warning("could not send a heartbeat", action="announce", reason=reason)

    def wait_for(self, announcer: Announcer, workers: list[Worker], working: list[Future[None]]) -> None:
        """Wait for the workers to end; where interrupted, undo the refreshes at hand."""
        try:
            while wait(working, timeout=1).not_done:
                for worker in workers:
                    worker.cut_if_hanging()
                announcer.cut_if_hanging()
        except BaseException:
            self.state.is_interrupted = True
            self.state.stop.set()
            # again and again: a worker may just have been between two statements
            while wait(working, timeout=0.1).not_done:
                for worker in workers:
                    worker.cancel()
            raise

    def heartbeat(self, connection: Connection, *, is_over: bool = False) -> None:
        """Send a heartbeat, and do the maintenance beside refreshes; a run without refreshes is no sign of a drain."""
        if self.options.refreshes:
            self.send_heartbeat(connection, is_over=is_over)
        self.maintain(connection)
        if self.state.on_progress and not is_over:
            self.estimate(connection)

    def send_heartbeat(self, connection: Connection, *, is_over: bool) -> None:
        """Say that the run is alive, how far it is, and what it cannot do."""
        state, options = self.state, self.options
        samples = state.samples[:]
        undone_by = state.undone_by
        troubles = [
            *(self.announcer.troubles if self.announcer else []),
            *filter(None, [output.trouble()]),
        ]
        heartbeat = SQL("select inboxdb.heartbeat({}, {}, {}, {}, {}, {}::real[], {}, {}, {})").format(
            *(options.run_id, options.kind, options.workers, state.refreshes, state.failures, samples),
            *(is_over, "; ".join(troubles) or None, undone_by),
        )
        # In one trip, each: were this machine lost with a slice locked, every drain and soon every writer would wait.
        in_one_trip(connection, (HEARTBEAT_LIMIT, heartbeat))
        del state.samples[: len(samples)]
        state.undone_is_told(undone_by)

    def maintain(self, connection: Connection) -> None:
        """Do the due maintenance; an item past its time limit is recorded, and left."""
        while item := self.maintenance.choose(connection, HEARTBEAT_LIMIT):
            try:
                self.maintenance.run(connection, item)
            except psycopg.errors.QueryCanceled as error:
                self.maintenance.give_up(connection, HEARTBEAT_LIMIT, error.sqlstate)

    def estimate(self, connection: Connection) -> None:
        """Report how far the run is, and how long the rest takes if leads go on being counted as fast as until now."""
        work_left = SQL("select workspaces, leads from inboxdb.work_left()")
        [[(workspaces, leads)]] = in_one_trip(connection, (self.options.time_limit, work_left))
        state = self.state
        with state.lock:
            if self.leads is None:
                self.leads, state.total = leads, workspaces
            else:
                estimated = pace.seconds_left(monotonic() - state.started, self.leads, leads)
                state.seconds_left = state.seconds_left if estimated is None else estimated
            state.show_progress()

    def result(self) -> DrainResult:
        """Sum up; without a connection the number of waiting workspaces is unknown."""
        state, application_name = self.state, self.options.application_name
        failing: list[status.FailingWorkspace] = []
        remaining = suspended_since = suspended_because = None
        with suppress(CannotConnect, ConnectionLost), session(self.dsn, application_name=application_name) as last:
            self.try_heartbeat(last, is_over=True)
            now = status.read(last)
            remaining = now.due_aggregates if self.options.job else now.dirty_workspaces
            suspended_since, suspended_because = now.suspended_since, now.suspended_because
            failing = status.failing(last) if state.failed and not self.options.job else []
        return DrainResult(
            run_id=self.options.run_id,
            refreshed=state.refreshes,
            failed=len(state.failed),
            skipped=state.skipped,
            audited=state.audited,
            remaining=remaining,
            duration_ms=round((monotonic() - state.started) * 1000),
            failures=[Failure(row.client_id, row.last_error) for row in failing if row.client_id in state.failed],
            suspended_since=suspended_since,
            suspended_because=suspended_because,
        )

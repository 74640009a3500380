"""Bring the counts of waiting workspaces up to date, each in a transaction of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Lock
from time import monotonic, sleep

import psycopg

from inboxdb import status
from inboxdb.connection import Connection, naming, session, transaction

TIME_LIMIT = 60.0  # seconds for one workspace; a scan of 1,000,000 leads takes about one

SIGNALS_LIMIT = 5.0  # seconds for the signals of one workspace

# How long one run waits, in all, for workspaces that are not due yet: those whose last claim came to nothing, because
# its process was killed or somebody else had the workspace. Five seconds cover the delays after a first and a second
# such claim (1 s and 2 s), and a refresh in progress elsewhere; the next run takes what needs longer.
PATIENCE = 5.0  # seconds

Progress = Callable[[int, int], None]
"""Called with how many workspaces are done, and how many there are in all."""


@dataclass(frozen=True)
class Failure:
    """A workspace that could not be refreshed; `error` is the SQLSTATE and our own sentence."""

    client_id: str
    error: str


@dataclass(frozen=True)
class DrainResult:
    """What a run did, counted in workspaces: refreshed; failed and not refreshed since; left because somebody else
    had them; still waiting when it ended.
    """

    refreshed: int
    failed: int
    skipped: int
    remaining: int
    duration_ms: int
    failures: list[Failure]


def drain(
    dsn: str,
    *,
    limit: int | None = None,
    workers: int = 1,
    time_limit: float = TIME_LIMIT,
    on_progress: Progress | None = None,
) -> DrainResult:
    """Refresh every workspace that waits when the run begins.

    Workspaces that become dirty meanwhile are taken too, until one comes up that this run has refreshed before: under
    steady writes it would never end otherwise. It waits a little for those that are not due yet (PATIENCE), except for
    those that it saw fail.

    Parameters: dsn; limit, how many workspaces at most; workers, how many connections work side by side; time_limit
    for one workspace, in seconds; on_progress.
    Raises CannotConnect; ConnectionLost and DatabaseRefused once the other workers are done. On KeyboardInterrupt
    the refreshes at hand are undone and it is raised again.
    """
    started = monotonic()
    with ExitStack() as stack:
        connections = [
            stack.enter_context(session(dsn, application_name="inboxdb drain-dirty")) for _ in range(workers)
        ]
        first = connections[0]
        total = status.read(first).dirty_workspaces if on_progress else 0
        run = _Run(limit, time_limit, on_progress, total)

        waited = 0.0
        while True:
            run.pass_over(connections)
            pause = run.seconds_to_next_attempt(first)
            if pause is None or waited + pause > PATIENCE:
                break
            sleep(pause)
            waited += pause

        with transaction(first, time_limit):
            first.execute("select inboxdb.empty_slice()")
        return DrainResult(
            refreshed=run.refreshes,
            failed=len(run.failed),
            skipped=run.skipped,
            remaining=status.read(first).dirty_workspaces,
            duration_ms=round((monotonic() - started) * 1000),
            failures=run.failures(first),
        )


class _Run:
    """What the workers of one run share."""

    def __init__(self, limit: int | None, time_limit: float, on_progress: Progress | None, total: int) -> None:
        self.limit = limit
        self.time_limit = time_limit
        self.on_progress = on_progress
        self.total = total
        self.lock = Lock()
        self.claimed = 0
        self.refreshes = 0
        self.skipped = 0
        self.refreshed: set[str] = set()
        self.failed: set[str] = set()
        self.enough = Event()
        self.interrupted = Event()
        self.silent = Event()  # set once realtime hangs

    def pass_over(self, connections: Sequence[Connection]) -> None:
        """Let a worker on each connection refresh workspaces until none is due."""
        # once for all: a worker that finds another one collecting takes it that nothing is due
        with transaction(connections[0], self.time_limit):
            connections[0].execute("select inboxdb.collect()")
        with ThreadPoolExecutor(len(connections)) as pool:
            working = [pool.submit(self.work, connection) for connection in connections]
            try:
                wait(working)
            except BaseException:
                self.interrupted.set()
                # again and again: a worker may just have been between two statements
                while wait(working, timeout=0.1).not_done:
                    for connection in connections:
                        connection.cancel_safe()
                raise
        for worker in working:
            worker.result()

    def work(self, connection: Connection) -> None:
        """Claim a workspace and refresh it, until none is due."""
        while self.may_claim():
            with transaction(connection, self.time_limit):
                ((client_id, started_at),) = connection.execute(
                    "select claimed::text, inboxdb.clock() from inboxdb.claim_next() as claimed"
                ).fetchall()
            if client_id is None:
                with self.lock:
                    self.claimed -= 1
                return
            self.note(client_id, self.refresh(connection, client_id, started_at))

    def may_claim(self) -> bool:
        """Take one of the claims that the limit allows."""
        with self.lock:
            if self.enough.is_set() or self.interrupted.is_set() or self.claimed == self.limit:
                return False
            self.claimed += 1
            return True

    def refresh(self, connection: Connection, client_id: str, started_at: datetime) -> str:
        """Refresh a claimed workspace, and record why if that was cancelled: what is rolled back cannot say so."""
        try:
            return drain_workspace(connection, client_id, self.time_limit, silent=self.silent)
        except psycopg.Error as error:
            if self.interrupted.is_set():
                raise
            with transaction(connection, self.time_limit):
                connection.execute("select inboxdb.record_failure(%s, %s, %s)", (client_id, started_at, error.sqlstate))
            return "failed"

    def note(self, client_id: str, outcome: str) -> None:
        """Count an outcome of drain_next."""
        with self.lock:
            match outcome:
                case "refreshed":
                    if client_id in self.refreshed:
                        self.enough.set()
                    self.refreshes += 1
                    self.refreshed.add(client_id)
                    self.failed.discard(client_id)
                case "failed":
                    self.failed.add(client_id)
                case "skipped":
                    self.skipped += 1
            if self.on_progress:
                done = len(self.refreshed | self.failed)
                self.on_progress(done, max(done, self.total))

    def seconds_to_next_attempt(self, connection: Connection) -> float | None:
        """Say how long until a workspace is due that this run has had no result for; None when there is none."""
        if self.enough.is_set() or self.claimed == self.limit:
            return None
        seconds = connection.execute(
            "select inboxdb.seconds_to_next_attempt(%s::text[])", (list(self.refreshed | self.failed),)
        ).fetchall()[0][0]
        # due already, but not to be had just now: somebody else is claiming it, or about to commit its refresh
        return None if seconds is None else max(seconds, 0.2)

    def failures(self, connection: Connection) -> list[Failure]:
        """Say why the failed workspaces failed."""
        return [
            Failure(one.client_id, one.last_error) for one in status.failing(connection) if one.client_id in self.failed
        ]


def drain_workspace(
    connection: Connection, client_id: str, time_limit: float = TIME_LIMIT, *, silent: Event | None = None
) -> str:
    """Refresh one workspace, due or not, and tell its clients.

    Parameters: connection; client_id; time_limit, in seconds; silent, nobody is told while it is set, and it is set
    when realtime hangs.
    Returns the outcome: refreshed, failed (recorded), skipped (somebody else has it).
    Raises psycopg.errors.QueryCanceled past the time limit; that is not recorded.
    """
    with transaction(connection, time_limit):
        ((outcome, version, scopes),) = connection.execute(
            "select outcome, version, changed_scopes::text[] from inboxdb.drain_next(%s)", (client_id,)
        ).fetchall()
    if scopes is not None and not (silent and silent.is_set()):
        sent = None
        # The refresh stands whatever becomes of its signals: clients without one poll.
        with suppress(psycopg.Error), transaction(connection, SIGNALS_LIMIT):
            ((sent,),) = connection.execute(
                "select inboxdb.send_signals(%s, %s, %s::text[]::inboxdb.user_id[])", (client_id, version, scopes)
            ).fetchall()
        if sent is None and silent:
            silent.set()
    return str(outcome)


def mark(connection: Connection, client_ids: Sequence[str]) -> None:
    """Ask for a refresh of workspaces: all of them, or none if one id is wrong.

    Raises MalformedId; DatabaseRefused (IB002, through the session) for an unknown workspace.
    """
    with connection.transaction():
        for client_id in client_ids:
            with naming(client_id):
                connection.execute("select inboxdb.mark_inbox_counts_dirty(%s)", (client_id,))


def recompute(connection: Connection, client_ids: Sequence[str], time_limit: float = TIME_LIMIT) -> None:
    """Bring workspaces up to date now, dirty or not, each in a transaction of its own; none if one id is wrong.

    Raises MalformedId; DatabaseRefused (through the session): IB002 for an unknown workspace, IB003 for one that stays
    locked, 57014 past the time limit, in seconds; those before it stay recomputed.
    """
    for client_id in client_ids:
        with naming(client_id):
            connection.execute("select inboxdb.require_workspace(%s)", (client_id,))
    for client_id in client_ids:
        with transaction(connection, time_limit):
            connection.execute("select inboxdb.recompute_inbox_counts(%s)", (client_id,))

"""Bring the counts of waiting workspaces up to date, each in a transaction of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat
from threading import Event, Lock

import psycopg
from psycopg.sql import SQL, Literal

from inboxdb import logs
from inboxdb.connection import Connection, in_one_trip, naming, transaction
from inboxdb.errors import is_lost

TIME_LIMIT = 60.0  # seconds for one workspace; a scan of 1,000,000 leads takes about one

Progress = Callable[[int, int], None]
"""Called with how many workspaces are done, and how many there are in all."""


@dataclass(frozen=True)
class Claim:
    """A workspace that is ours to refresh: since when, and how many seconds that may take."""

    client_id: str
    started_at: datetime
    time_limit: float


@dataclass(frozen=True)
class Refresh:
    """What became of a claim: refreshed, failed (recorded), skipped (somebody else has it).

    After a refresh that took a change, the new version, the users whose counts or leads changed, and how many seconds
    the oldest change had waited.
    """

    client_id: str
    outcome: str
    version: int | None = None
    changed_scopes: list[str] | None = None
    seconds_waited: float | None = None


def refresh(connection: Connection, client_id: str, time_limit: float = TIME_LIMIT) -> Refresh:
    """Refresh one workspace, due or not.

    Parameters: connection; client_id; time_limit, in seconds.
    Raises psycopg.errors.QueryCanceled past the time limit; that is not recorded.
    """
    (row,) = in_one_trip(
        connection,
        time_limit,
        SQL(
            "select outcome, version, changed_scopes::text[], seconds_waited "
            "from inboxdb.drain_next({}::text::inboxdb.client_id)"
        ).format(Literal(client_id)),
    )
    return Refresh(client_id, *row)


class Drain:
    """What the connections of one run share."""

    def __init__(
        self,
        *,
        announce: Callable[[Refresh], None],
        limit: int | None,
        time_limit: float,
        stop: Event,
        on_progress: Progress | None,
    ) -> None:
        """Take note of what to do.

        Parameters: announce, called with each refresh; limit, how many workspaces at most; time_limit, what each
        workspace has at least, in seconds; stop, set when no further workspace is to be started; on_progress.
        """
        self.announce = announce
        self.limit = limit
        self.time_limit = time_limit
        self.stop = stop
        self.on_progress = on_progress
        self.total = 0  # to be done, for on_progress
        self.claims = 0
        self.refreshes = 0
        self.failures = 0
        self.skipped = 0
        self.refreshed: set[str] = set()
        self.failed: set[str] = set()
        self.samples: list[float] = []  # of how long changes waited, in seconds
        self._lost: list[Claim] = []
        self._lock = Lock()
        self._enough = Event()
        self._interrupted = Event()

    def pass_over(self, connections: Sequence[Connection]) -> bool:
        """Refresh on all connections until nothing is due, or a workspace comes up that this pass had before.

        Returns whether there was anything to do: where not, one query said so.
        Raises psycopg.Error of a connection once the others are done. On KeyboardInterrupt the refreshes at hand are
        undone and it is raised again.
        """
        self._enough.clear()
        seen: set[str] = set()
        first = self._claim(connections[0])
        if first is None:
            return False
        with ThreadPoolExecutor(len(connections)) as pool:
            working = [
                pool.submit(self._work, connection, claim, seen)
                for connection, claim in zip(connections, chain([first], repeat(None)), strict=False)
            ]
            try:
                wait(working)
            except BaseException:
                self._interrupted.set()
                # again and again: a worker may just have been between two statements
                while wait(working, timeout=0.1).not_done:
                    for connection in connections:
                        connection.cancel_safe()
                raise
        for worker in working:
            worker.result()
        return True

    @property
    def is_over(self) -> bool:
        """Whether the limit is reached, or somebody wants an end."""
        return self.stop.is_set() or self.claims == self.limit

    def record_lost(self, connection: Connection) -> None:
        """Record the refreshes whose connection was lost, so that they wait for their next attempt."""
        while self._lost:
            self._record(connection, self._lost[-1], "08006")
            self._lost.pop()

    def _work(self, connection: Connection, claim: Claim | None, seen: set[str]) -> None:
        while claim := claim or self._claim(connection):
            if claim.client_id in seen:
                self._enough.set()
            seen.add(claim.client_id)
            self._note(claim, self._attempt(connection, claim))
            claim = None

    def _claim(self, connection: Connection) -> Claim | None:
        with self._lock:
            if self.is_over or self._enough.is_set() or self._interrupted.is_set():
                return None
            self.claims += 1
        ((client_id, started_at, time_limit),) = in_one_trip(
            connection,
            self.time_limit,
            SQL("select c::text, inboxdb.clock(), inboxdb.time_limit(c, {}) from inboxdb.claim_next() as c").format(
                Literal(self.time_limit)
            ),
        )
        if client_id is None:
            with self._lock:
                self.claims -= 1
            return None
        return Claim(client_id, started_at, time_limit)

    def _attempt(self, connection: Connection, claim: Claim) -> Refresh:
        """Refresh a claimed workspace, and record why if that was cancelled: what is rolled back cannot say so."""
        try:
            return refresh(connection, claim.client_id, claim.time_limit)
        except psycopg.Error as error:
            if self._interrupted.is_set():
                raise
            if is_lost(error):
                self._lost.append(claim)
                raise
            self._record(connection, claim, error.sqlstate)
            return Refresh(claim.client_id, "failed")

    def _record(self, connection: Connection, claim: Claim, sqlstate: str | None) -> None:
        with transaction(connection, self.time_limit):
            connection.execute(
                "select inboxdb.record_failure(%s, %s, %s)", (claim.client_id, claim.started_at, sqlstate)
            )

    def _note(self, claim: Claim, done: Refresh) -> None:
        with self._lock:
            match done.outcome:
                case "refreshed":
                    self.refreshes += 1
                    self.refreshed.add(done.client_id)
                    self.failed.discard(done.client_id)
                case "failed":
                    self.failures += 1
                    self.failed.add(done.client_id)
                case "skipped":
                    self.skipped += 1
            if done.seconds_waited is not None:
                self.samples.append(done.seconds_waited)
            if self.on_progress:
                finished = len(self.refreshed | self.failed)
                self.on_progress(finished, max(finished, self.total))
        logs.logger.log(
            *logs.OUTCOMES[done.outcome],
            action="refresh",
            workspace=done.client_id,
            outcome=done.outcome,
            version=done.version,
            seconds_waited=done.seconds_waited,
        )
        self.announce(done)


def mark(connection: Connection, client_ids: Sequence[str]) -> None:
    """Ask for a refresh of workspaces: all of them, or none if one id is wrong.

    Raises MalformedId; DatabaseRefused (IB002, through the session) for an unknown workspace.
    """
    with connection.transaction():
        for client_id in client_ids:
            with naming(client_id):
                connection.execute("select inboxdb.mark_inbox_counts_dirty(%s)", (client_id,))


def requeue(connection: Connection, client_ids: Sequence[str]) -> int:
    """Put quarantined workspaces back on the work list: those named, or none if one id is wrong; all if none is named.

    Returns how many.
    Raises MalformedId; DatabaseRefused (through the session): IB002 for an unknown workspace, IB011 for one that is not
    quarantined.
    """
    requeued = 0
    with connection.transaction():
        for client_id in client_ids or (None,):
            with naming(*filter(None, [client_id])):
                ((number,),) = connection.execute("select inboxdb.requeue_inbox_counts(%s)", (client_id,)).fetchall()
            requeued += number
    return requeued


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

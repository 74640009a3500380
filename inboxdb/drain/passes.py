"""Bring the counts of waiting workspaces up to date, each in a transaction of its own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from math import inf
from threading import Event, Lock
from time import monotonic
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed, Literal

from inboxdb.database import logs
from inboxdb.database.connection import Connection, in_one_trip, naming
from inboxdb.database.errors import is_lost
from inboxdb.drain.options import TIME_LIMIT, DrainOptions

AUDIT_BURST, AUDIT_SHARE = 1.0, 0.1  # seconds of audits a worker does at a time, and the share of its time for them
GRACE = 10.0  # seconds beyond a time limit that the server itself is to keep
LONGEST_REST = 5.0  # seconds that a paced worker rests at most: changes are promised to be counted within 15

Progress = Callable[[int, int, float | None], None]
"""Called with how many workspaces are done, how many there are in all, and about how many seconds the rest takes, None
where that is not known.
"""


@dataclass(frozen=True)
class Claim:
    """A claimed workspace: since when, and how many seconds its refresh may take."""

    client_id: str
    started_at: datetime
    time_limit: float


@dataclass(frozen=True)
class Refresh:
    """The outcome of a claim: refreshed, failed (recorded), lost (with its connection), skipped (locked by another).

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
    Raises psycopg.errors.QueryCanceled past the time limit; the failure is not recorded.
    """
    [[row]] = in_one_trip(connection, (time_limit, _drain(client_id)))
    return Refresh(client_id, *row)


def _drain(client_id: str, *, is_audit: bool = False) -> Composed:
    return SQL(
        "select outcome, version, changed_scopes::text[], seconds_waited "
        "from inboxdb.drain_next({}::text::inboxdb.client_id, {})"
    ).format(Literal(client_id), Literal(is_audit))


class Shared:
    """What the workers of one run share: how far to go, and how far they came."""

    def __init__(
        self,
        options: DrainOptions,
        *,
        announce: Callable[[Refresh], None],
        stop: Event,
        on_progress: Progress | None,
    ) -> None:
        """Take note of what to do.

        Parameters: options; announce, called with each refresh; stop, once set no further workspace is started;
        on_progress.
        """
        self.options = options
        self.announce = announce
        self.ends_at = monotonic() + options.schedule.seconds
        self.stop = stop
        self.on_progress = on_progress
        self.is_interrupted = False  # what is at hand is to be undone, too
        self.begun = Event()  # set with the first claim's answer
        self.total = 0  # to be done, for on_progress
        self.seconds_left: float | None = None
        self.claims = 0
        self.refreshes = 0
        self.failures = 0
        self.skipped = 0
        self.audited = 0
        self.at_hand: set[str] = set()
        self.refreshed: set[str] = set()
        self.failed: set[str] = set()
        self.lost: set[str] = set()  # with their connections; of those that failed
        self.samples: list[float] = []  # of how long changes waited, in seconds
        self.lock = Lock()

    @property
    def has_ended(self) -> bool:
        """Whether nothing is to be started any more, also what is claimed."""
        return self.stop.is_set() or monotonic() >= self.ends_at

    @property
    def is_over(self) -> bool:
        """Whether nothing is to be claimed any more."""
        return self.has_ended or self.claims == self.options.limit

    def note(self, done: Refresh, error: str | None) -> None:
        """Count what became of a claim, and tell of it; `error` says why it failed, where it did."""
        with self.lock:
            self.at_hand.discard(done.client_id)
            match done.outcome:
                case "refreshed":
                    self.refreshes += 1
                    self.refreshed.add(done.client_id)
                    self.failed.discard(done.client_id)
                    self.lost.discard(done.client_id)
                case "failed":
                    self.failures += 1
                    self.failed.add(done.client_id)
                    self.lost.discard(done.client_id)
                case "lost":
                    self.failures += 1
                    self.failed.add(done.client_id)
                    self.lost.add(done.client_id)
                case "skipped":
                    self.skipped += 1
            if done.seconds_waited is not None:
                self.samples.append(done.seconds_waited)
            self.tell_progress()
        logs.logger.log(
            *logs.OUTCOMES[done.outcome],
            action="refresh",
            workspace=done.client_id,
            outcome=done.outcome,
            version=done.version,
            seconds_waited=done.seconds_waited,
            error=error,
        )
        self.announce(done)

    def note_audit(self, done: Refresh) -> None:
        """Count an audit, and tell of what it refreshed."""
        with self.lock:
            self.audited += done.outcome in ("audited", "refreshed")
        logs.logger.log(
            *logs.AUDIT_OUTCOMES[done.outcome], action="audit", workspace=done.client_id, outcome=done.outcome
        )
        self.announce(done)

    def tell_progress(self) -> None:
        """Report how far the run is to on_progress; the caller holds the lock."""
        if self.on_progress:
            finished = len(self.refreshed | self.failed)
            self.on_progress(finished, max(finished, self.total), self.seconds_left)


class Drain:
    """One worker's part, over as many connections as it takes."""

    def __init__(self, shared: Shared) -> None:
        """Begin with nothing at hand."""
        self.shared = shared
        self.answers = 0  # to claims; more of them show that a connection works, and was not only made
        self.give_up_at = inf  # when a silent server is taken for gone, by the monotonic clock
        self._at_hand: Claim | None = None
        self._audit_credit = AUDIT_BURST
        self._credited_at = monotonic()

    def pass_over(self, connection: Connection) -> bool:
        """Refresh until nothing is due, or a workspace comes up for the second time in this pass; then audit a little.

        Returns whether there was anything to refresh; if not, the pass was a single query.
        Raises psycopg.Error; the next pass, on another connection, records the workspace at hand as failed.
        """
        if lost := self._at_hand:
            self._record(connection, lost, "08006")
            self._at_hand = None
            self._finish(connection, Refresh(lost.client_id, "lost"))
        seen: set[str] = set()
        while claim := self._at_hand or self._claim(connection):
            if self.shared.has_ended and seen:
                # claimed with the last commit: due again in a second, for any drain
                self._leave(claim)
                break
            again = claim.client_id in seen
            began = monotonic()
            # a paced worker rests without a claim: a claimed workspace is due again in a second (D48)
            self._attempt(connection, claim, goes_on=not again and self.shared.options.pace == 1)
            if again:
                break
            seen.add(claim.client_id)
            self._rest(monotonic() - began)
        self._audit(connection)
        return bool(seen)

    def _audit(self, connection: Connection) -> None:
        """Audit workspaces, for a small share of this worker's time."""
        now = monotonic()
        self._audit_credit = min(AUDIT_BURST, self._audit_credit + AUDIT_SHARE * (now - self._credited_at))
        self._credited_at = now
        limit = self.shared.options.time_limit
        next_audit = SQL("select c::text, inboxdb.time_limit(c, {}) from inboxdb.next_audit() as c").format(limit)
        while self._audit_credit > 0 and not self.shared.is_over:
            began = monotonic()
            with self._bounded(limit):
                [[(client_id, time_limit)]] = in_one_trip(connection, (limit, next_audit))
            if client_id is None:
                break
            try:
                with self._bounded(time_limit):
                    [[row]] = in_one_trip(connection, (time_limit, _drain(client_id, is_audit=True)))
            except psycopg.errors.QueryCanceled:
                if self.shared.is_interrupted:
                    raise
                row = ("failed",)
            took = monotonic() - began
            self._audit_credit -= took
            self.shared.note_audit(Refresh(client_id, *row))
            self._rest(took)

    def _claim(self, connection: Connection) -> Claim | None:
        """Claim the workspace that is due longest, if any is due."""
        if not self._book():
            return None
        try:
            with self._bounded(self.shared.options.time_limit):
                [[row]] = in_one_trip(connection, (self.shared.options.time_limit, self._next(may_collect=True)))
            self.answers += 1
            self.shared.begun.set()
            self._take(row)
        finally:
            if not self._at_hand:
                self._unbook()
        return self._at_hand

    def _attempt(self, connection: Connection, claim: Claim, *, goes_on: bool) -> None:
        """Refresh a claimed workspace; record the failure if it was cancelled, because a rollback cannot record it.

        If the worker `goes_on` and another workspace is due, the same commit claims the next workspace.
        """
        statements = [(claim.time_limit, _drain(claim.client_id))]
        booked = goes_on and self._book()
        if booked:
            statements.append((self.shared.options.time_limit, self._next(may_collect=False)))
        following: tuple[Any, ...] = (None,)
        try:
            with self._bounded(claim.time_limit):
                [row], *claimed = in_one_trip(connection, *statements)
            done = Refresh(claim.client_id, *row)
            if claimed:
                [[following]] = claimed
        except psycopg.Error as error:
            if self.shared.is_interrupted or is_lost(error):
                raise
            if booked and not isinstance(error, psycopg.errors.QueryCanceled):
                # an error of the next claim, most likely: a failed refresh is an outcome, not an error
                return self._attempt(connection, claim, goes_on=False)
            self._record(connection, claim, error.sqlstate)
            done = Refresh(claim.client_id, "failed")
        finally:
            if booked and following[0] is None:
                self._unbook()
        self._at_hand = None
        self._take(following)
        self._finish(connection, done)

    def _rest(self, worked: float) -> None:
        """Keep the pace after so many seconds of work: outside of any transaction, with nothing claimed."""
        shared, pace = self.shared, self.shared.options.pace
        if pace < 1 and not shared.is_over:
            shared.stop.wait(max(0, min(worked * (1 / pace - 1), LONGEST_REST, shared.ends_at - monotonic())))

    def _next(self, *, may_collect: bool) -> Composed:
        return SQL(
            "select c::text, inboxdb.clock(), inboxdb.time_limit(c, {}) from inboxdb.claim_next({}) as c"
        ).format(Literal(self.shared.options.time_limit), Literal(may_collect))

    def _take(self, row: tuple[Any, ...]) -> None:
        """Keep the answer to a claim at hand, if it is a workspace."""
        if row[0] is not None:
            self._at_hand = Claim(*row)
            with self.shared.lock:
                self.shared.at_hand.add(self._at_hand.client_id)

    def _book(self) -> bool:
        """Use up one of the run's claims; return whether there was one left."""
        with self.shared.lock:
            if self.shared.is_over:
                return False
            self.shared.claims += 1
            return True

    def _unbook(self) -> None:
        with self.shared.lock:
            self.shared.claims -= 1

    def _record(self, connection: Connection, claim: Claim, sqlstate: str | None) -> None:
        failure = SQL("select inboxdb.record_failure({}::text::inboxdb.client_id, {}, {})").format(
            claim.client_id, claim.started_at, sqlstate
        )
        with self._bounded(self.shared.options.time_limit):
            # in one trip: if this machine were lost between two trips, the workspace would stay locked
            in_one_trip(connection, (self.shared.options.time_limit, failure))

    def _leave(self, claim: Claim) -> None:
        self._at_hand = None
        self._unbook()
        with self.shared.lock:
            self.shared.at_hand.discard(claim.client_id)

    def _finish(self, connection: Connection, done: Refresh) -> None:
        error = None
        if done.outcome in ("failed", "lost"):
            ((error,),) = connection.execute(
                "select pg_catalog.min(f.last_error) from inboxdb.failing_workspaces() as f "
                "where f.client_id = %s::text::inboxdb.client_id",
                (done.client_id,),
            ).fetchall()
        self.shared.note(done, error)

    @contextmanager
    def _bounded(self, time_limit: float) -> Iterator[None]:
        """Wait for an answer until shortly after the limit that the server itself keeps, if it is there at all."""
        self.give_up_at = monotonic() + time_limit + GRACE
        try:
            yield
        finally:
            self.give_up_at = inf


def mark(connection: Connection, client_ids: Sequence[str]) -> None:
    """Ask for a refresh of workspaces: all of them, or none if an id is wrong.

    Raises MalformedId; DatabaseRefused (IB002, through the session) for an unknown workspace.
    """
    with connection.transaction():
        for client_id in client_ids:
            with naming(client_id):
                connection.execute("select inboxdb.mark_inbox_counts_dirty(%s)", (client_id,))


def requeue(connection: Connection, client_ids: Sequence[str]) -> int:
    """Put quarantined workspaces back on the work list: the named ones, or none if an id is wrong; without ids all.

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
        recomputed = SQL("select inboxdb.recompute_inbox_counts({}::text::inboxdb.client_id)").format(client_id)
        in_one_trip(connection, (time_limit, recomputed))

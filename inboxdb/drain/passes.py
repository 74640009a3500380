"""Passes: refresh what is due, each workspace in a transaction of its own, then maintain a little."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic
from typing import Any

import psycopg
from psycopg.sql import SQL

from inboxdb.database import logs
from inboxdb.database.connection import Connection, in_one_trip
from inboxdb.database.errors import is_lost
from inboxdb.drain import pace
from inboxdb.drain.maintenance import Maintenance, Outcome
from inboxdb.drain.refresh import Claim, Refresh, claim_next, drain_next, record_failure
from inboxdb.drain.state import RunState

GRACE = 10.0  # seconds of grace beyond a time limit kept by the server


class Refresher:
    """Makes the passes of one worker, over as many connections as it takes."""

    def __init__(self, state: RunState, announce: Callable[[Refresh], None]) -> None:
        """Begin with nothing at hand.

        Parameters: state, the run's; announce, called with each refresh after its commit.
        """
        self.state = state
        self.options = state.options
        self.answers = 0  # to claims; more of them show that a connection works, and was not only made
        self.deadline = inf  # when a silent server is taken for gone, by the monotonic clock
        self._announce = announce
        self._at_hand: Claim | None = None
        self._maintenance = Maintenance(at_rest=True)

    def make_pass(self, connection: Connection) -> bool:
        """Refresh until nothing is due, or a workspace comes up for the second time in this pass; then maintain.

        Returns whether there was anything to refresh; if not, the pass was a single query.
        Raises psycopg.Error; the next pass, on another connection, records the workspace at hand as failed.
        """
        self._record_lost(connection)
        seen: set[str] = set()
        while claim := self._at_hand or self._claim(connection):
            if self.state.has_ended and seen:
                # claimed with the last commit: due again in a second, for any drain
                self._at_hand = None
                self.state.leaves(claim.client_id)
                break
            again = claim.client_id in seen
            began = monotonic()
            # a paced worker rests without a claim: a claimed workspace is due again in a second (D48)
            self._refresh(connection, claim, claims_next=not again and self.options.pace == 1)
            if again:
                break
            seen.add(claim.client_id)
            self._rest(monotonic() - began)
        self._maintain(connection)
        return bool(seen)

    def _record_lost(self, connection: Connection) -> None:
        """Record that the last connection was lost with a workspace at hand."""
        if lost := self._at_hand:
            self._record_failure(connection, lost, "08006")
            self._at_hand = None
            self._finish(connection, Refresh(lost.client_id, "lost"))

    def _claim(self, connection: Connection) -> Claim | None:
        """Claim the workspace that is due longest, if any is due."""
        if not self.state.reserve_claim():
            return None
        limit = self.options.time_limit
        try:
            with self._bounded(limit):
                [[row]] = in_one_trip(connection, (limit, claim_next(limit, may_collect=True)))
            self.answers += 1
            self.state.first_claim_answered.set()
            self._keep_at_hand(row)
        finally:
            if not self._at_hand:
                self.state.return_claim()
        return self._at_hand

    def _refresh(self, connection: Connection, claim: Claim, *, claims_next: bool) -> None:
        """Refresh a claimed workspace; record the failure if it was cancelled, because a rollback cannot record it.

        If the worker `claims_next` and another workspace is due, the same commit claims the next workspace.
        """
        statements = [(claim.time_limit, drain_next(claim.client_id))]
        reserved = claims_next and self.state.reserve_claim()
        if reserved:
            statements.append((self.options.time_limit, claim_next(self.options.time_limit, may_collect=False)))
        following: tuple[Any, ...] = (None,)
        try:
            with self._bounded(claim.time_limit):
                [row], *claimed = in_one_trip(connection, *statements)
            refresh = Refresh(claim.client_id, *row)
            if claimed:
                [[following]] = claimed
        except psycopg.Error as error:
            if self.state.is_interrupted or is_lost(error):
                raise
            if reserved and not isinstance(error, psycopg.errors.QueryCanceled):
                # an error of the next claim, most likely: a failed refresh is an outcome, not an error
                return self._refresh(connection, claim, claims_next=False)
            self._record_failure(connection, claim, error.sqlstate)
            refresh = Refresh(claim.client_id, "failed")
        finally:
            if reserved and following[0] is None:
                self.state.return_claim()
        self._at_hand = None
        self._keep_at_hand(following)
        self._finish(connection, refresh)

    def _maintain(self, connection: Connection) -> None:
        """Do what is done at rest, as audits: the database keeps the share of this worker's time."""
        limit = self.options.time_limit
        while self.state.may_claim:
            began = monotonic()
            with self._bounded(limit):
                item = self._maintenance.choose(connection, limit)
            if item is None:
                break
            try:
                with self._bounded(max(item.time_limit, limit)):
                    outcome = self._maintenance.run(connection, item, limit)
            except psycopg.errors.QueryCanceled as error:
                if self.state.is_interrupted:
                    raise
                with self._bounded(limit):
                    self._maintenance.give_up(connection, limit, error.sqlstate)
                outcome = Outcome("failed")
            if item.client_id is not None:
                refresh = Refresh(item.client_id, outcome.outcome, outcome.version, outcome.changed_scopes)
                self._finish_audit(refresh)
            self._rest(monotonic() - began)

    def _keep_at_hand(self, row: tuple[Any, ...]) -> None:
        """Keep a claimed workspace at hand, if the claim found a workspace."""
        if row[0] is not None:
            self._at_hand = Claim(*row)
            self.state.has_at_hand(self._at_hand.client_id)

    def _rest(self, worked: float) -> None:
        """Keep the pace after so many seconds of work: outside of any transaction, with nothing claimed."""
        if self.options.pace < 1 and self.state.may_claim:
            self.state.stop.wait(pace.rest(worked, self.options.pace, self.state.ends_at - monotonic()))

    def _record_failure(self, connection: Connection, claim: Claim, sqlstate: str | None) -> None:
        with self._bounded(self.options.time_limit):
            # in one trip: if this machine were lost between two trips, the workspace would stay locked
            in_one_trip(connection, (self.options.time_limit, record_failure(claim, sqlstate)))

    def _finish(self, connection: Connection, refresh: Refresh) -> None:
        """Count, log and announce the outcome of a claim."""
        error = None
        if refresh.outcome in ("failed", "lost"):
            last_error = SQL(
                "select pg_catalog.min(f.last_error) from inboxdb.failing_workspaces() as f "
                "where f.client_id = {}::text::inboxdb.client_id"
            ).format(refresh.client_id)
            [[(error,)]] = in_one_trip(connection, (self.options.time_limit, last_error))
        self.state.count(refresh)
        logs.logger.log(
            *logs.OUTCOMES[refresh.outcome],
            action="refresh",
            workspace=refresh.client_id,
            outcome=refresh.outcome,
            version=refresh.version,
            seconds_waited=refresh.seconds_waited,
            error=error,
        )
        self._announce(refresh)

    def _finish_audit(self, audit: Refresh) -> None:
        """Count and log the outcome of an audit, and announce the refresh, if any."""
        self.state.count_audit(audit)
        logs.logger.log(
            *logs.AUDIT_OUTCOMES[audit.outcome], action="audit", workspace=audit.client_id, outcome=audit.outcome
        )
        self._announce(audit)

    @contextmanager
    def _bounded(self, time_limit: float) -> Iterator[None]:
        """Wait for an answer until shortly after the server's own time limit, in case the server is gone."""
        self.deadline = monotonic() + time_limit + GRACE
        try:
            yield
        finally:
            self.deadline = inf

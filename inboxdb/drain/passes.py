"""Passes: refresh what is due, each workspace in a transaction of its own or with others in a set, then maintain a
little.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import inf
from time import monotonic, time_ns
from typing import Any

import psycopg
from psycopg.sql import SQL, Composed

from inboxdb.database import logs
from inboxdb.database.connection import Connection, in_one_trip
from inboxdb.database.errors import is_lost
from inboxdb.drain import pace
from inboxdb.drain.maintenance import Maintenance, Outcome
from inboxdb.drain.refresh import Claim, Refresh, claim_set, drain_next, drain_set, record_failure
from inboxdb.drain.state import RunState

GRACE = 10.0  # seconds of grace beyond a time limit kept by the server
SET_MOST = 50  # workspaces
SET_LIMIT = 1.0  # seconds for a set, whose workspaces then get a refresh, and a time limit, each
CLAIM_LASTS = 0.5  # seconds at least until a claimed workspace is due again, for any drain: see retry_delay


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
        self._at_hand: list[Claim] = []
        self._is_set = False  # the claims at hand are to be refreshed together
        self._began_at = time_ns()  # the step at hand, for spans
        self._set_claimed_at = inf  # by the monotonic clock; inf for a workspace claimed alone
        self._maintenance = Maintenance(at_rest=True, job=state.options.job)

    def make_pass(self, connection: Connection) -> bool:
        """Refresh until nothing is due, or a workspace comes up for the second time in this pass; then maintain.

        A steady run collects changes once a pass, because a second time would refresh a busy workspace twice as often,
        at twice the cost to its writers, while its changes are counted as soon as promised anyway.

        Returns whether there was anything to refresh, or to maintain; if not, the pass was a single query.
        Raises psycopg.Error; the next pass, on another connection, records the workspace at hand as failed.
        """
        self._record_lost(connection)
        is_steady = self.options.schedule.is_steady
        seen: set[str] = set()
        is_last = False
        while self._at_hand or (not is_last and self._claim(connection, may_collect=not (is_steady and seen))):
            has_lapsed = not self._is_set and monotonic() - self._set_claimed_at > CLAIM_LASTS
            if has_lapsed or (self.state.has_ended and seen):
                # due again in a second, for any drain
                self._leave_at_hand()
                continue
            claims = self._at_hand if self._is_set else self._at_hand[:1]
            is_last = is_last or not seen.isdisjoint(claim.client_id for claim in claims)
            seen.update(claim.client_id for claim in claims)
            began, self._began_at = monotonic(), time_ns()
            if self._is_set:
                self._refresh_set(connection)
                # a workspace that the set left comes up for the first time alone
                seen.difference_update(claim.client_id for claim in self._at_hand)
            else:
                # a paced worker rests without a claim: a claimed workspace is due again in a second (D48)
                claims_next = not is_last and self.options.pace == 1 and len(self._at_hand) == 1
                self._refresh(connection, claims[0], claims_next=claims_next)
                is_last = is_last or (is_steady and claims_next and not self._at_hand)
            self._rest(monotonic() - began)
        has_more = self._maintain(connection)
        return bool(seen) or has_more

    def _record_lost(self, connection: Connection) -> None:
        """Record that the last connection was lost with a workspace at hand; with a set at hand, whose fault that was
        is not known.
        """
        if self._is_set:
            self._leave_at_hand()
        elif self._at_hand:
            lost = self._at_hand[0]
            self._record_failure(connection, lost, "08006")
            self._at_hand.remove(lost)
            self._finish(connection, Refresh(lost.client_id, "lost"))

    def _claim(self, connection: Connection, *, may_collect: bool) -> bool:
        """Claim the workspaces that are due longest; return whether any is due."""
        reserved = self.state.reserve_claims(SET_MOST)
        if not reserved:
            return False
        limit = self.options.time_limit
        try:
            with self._bounded(limit):
                [rows] = in_one_trip(connection, (limit, self._claim_set(reserved, may_collect=may_collect)))
            self.answers += 1
            self.state.first_claim_answered.set()
            self._keep_at_hand(rows)
        finally:
            self.state.return_claims(reserved - len(self._at_hand))
        return bool(self._at_hand)

    def _claim_set(self, at_most: int, *, may_collect: bool) -> Composed:
        return claim_set(self.options.time_limit, at_most, self.options.workers, may_collect=may_collect)

    def _refresh_set(self, connection: Connection) -> None:
        """Refresh the workspaces at hand together; those left stay at hand, for a refresh each."""
        client_ids = [claim.client_id for claim in self._at_hand]
        try:
            with self._bounded(SET_LIMIT):
                [rows] = in_one_trip(connection, (SET_LIMIT, drain_set(client_ids, self.options.time_limit)))
        except psycopg.errors.QueryCanceled:
            if self.state.is_interrupted:
                raise
            self._tell_undone("57014")
            self._leave_at_hand()
            return
        for undone_by in {code for *_, code, _ in rows if code}:
            self._tell_undone(undone_by)
        limits = {client_id: limit for client_id, *_, limit in rows}
        left = {client_id for client_id, outcome, *_ in rows if outcome == "left"}
        self._at_hand = [
            replace(claim, time_limit=limits[claim.client_id]) for claim in self._at_hand if claim.client_id in left
        ]
        self._is_set = False
        for client_id, *row, _, _ in rows:
            if client_id not in left:
                self._finish(connection, Refresh(client_id, *row))

    def _tell_undone(self, sqlstate: str) -> None:
        """Log that a set was undone, once for each SQLSTATE in a run."""
        if self.state.set_is_undone(sqlstate):
            logs.logger.warning(
                "undid the refresh of a set of workspaces, which are refreshed one by one",
                action="refresh",
                error=sqlstate,
            )

    def _refresh(self, connection: Connection, claim: Claim, *, claims_next: bool) -> None:
        """Refresh a claimed workspace; record the failure if it was cancelled, because a rollback cannot record it.

        If the worker `claims_next` and other workspaces are due, the same commit claims them.
        """
        statements = [(claim.time_limit, drain_next(claim.client_id))]
        reserved = self.state.reserve_claims(SET_MOST) if claims_next else 0
        if reserved:
            statements.append((self.options.time_limit, self._claim_set(reserved, may_collect=False)))
        following: list[tuple[Any, ...]] = []
        try:
            with self._bounded(claim.time_limit):
                [row], *claimed = in_one_trip(connection, *statements)
            refresh = Refresh(claim.client_id, *row)
            if claimed:
                [following] = claimed
        except psycopg.Error as error:
            if self.state.is_interrupted or is_lost(error):
                raise
            if reserved and not isinstance(error, psycopg.errors.QueryCanceled):
                # an error of the next claim, most likely: a failed refresh is an outcome, not an error
                return self._refresh(connection, claim, claims_next=False)
            self._record_failure(connection, claim, error.sqlstate)
            refresh = Refresh(claim.client_id, "failed")
        finally:
            self.state.return_claims(reserved - len(following))
        self._at_hand.remove(claim)
        self._keep_at_hand(following)
        self._finish(connection, refresh)

    def _maintain(self, connection: Connection) -> bool:
        """Do what is done at rest, as audits: the database keeps the share of this worker's time.

        Returns whether more is left to do: by a steady run, which refreshes before what is due by then, or by one
        without refreshes, which waits until its share of time allows more. A run of a job ends as one of refreshes
        does: once a workspace comes up that it refreshed before.
        """
        limit = self.options.time_limit
        unfinished: set[str] = set()
        while self.state.may_claim:
            began, self._began_at = monotonic(), time_ns()
            with self._bounded(limit):
                item = self._maintenance.choose(connection, limit)
            if item is None:
                return bool(unfinished) and not self.options.refreshes
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
                finish = self._finish_audit if item.name == "audit" else self._finish_aggregates
                had_before = item.client_id in self.state.refreshed
                finish(refresh)
                if self.options.job and had_before:
                    return False
            self._rest(monotonic() - began)
            unfinished.discard(item.name)
            if outcome.outcome == "more":
                unfinished.add(item.name)
            if outcome.outcome in ("more", "refreshed") and self.options.schedule.is_steady:
                return True
        return False

    def _keep_at_hand(self, rows: list[tuple[Any, ...]]) -> None:
        """Keep claimed workspaces at hand, if the claim found any."""
        if rows:
            self._at_hand = [Claim(*row) for row in rows]
            self._is_set = len(rows) > 1
            self._set_claimed_at = monotonic() if self._is_set else inf
            for claim in self._at_hand:
                self.state.has_at_hand(claim.client_id)

    def _leave_at_hand(self) -> None:
        """Leave the claimed workspaces to any drain."""
        for claim in self._at_hand:
            self.state.leaves(claim.client_id)
        self._at_hand = []
        self._is_set = False

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
        self.state.spans.tell("inboxdb.refresh", self._began_at, refresh, error)
        self._announce(refresh)

    def _finish_audit(self, audit: Refresh) -> None:
        """Count and log the outcome of an audit, and announce the refresh, if any."""
        self.state.count_audit(audit)
        logs.logger.log(
            *logs.AUDIT_OUTCOMES[audit.outcome], action="audit", workspace=audit.client_id, outcome=audit.outcome
        )
        self.state.spans.tell("inboxdb.audit", self._began_at, audit)
        self._announce(audit)

    def _finish_aggregates(self, refresh: Refresh) -> None:
        """Log the outcome of a refresh of aggregates, and announce the new version; a run of the job counts it."""
        if self.options.job:
            self.state.count(refresh)
        logs.logger.log(
            *logs.AGGREGATES_OUTCOMES[refresh.outcome],
            action="analytics",
            workspace=refresh.client_id,
            outcome=refresh.outcome,
            version=refresh.version,
        )
        self.state.spans.tell("inboxdb.refresh_aggregates", self._began_at, refresh)
        self._announce(refresh)

    @contextmanager
    def _bounded(self, time_limit: float) -> Iterator[None]:
        """Wait for an answer until shortly after the server's own time limit, in case the server is gone."""
        self.deadline = monotonic() + time_limit + GRACE
        try:
            yield
        finally:
            self.deadline = inf

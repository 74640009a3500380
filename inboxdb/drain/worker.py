"""One worker of a run: passes, pauses, and connections made anew."""

import random
from collections.abc import Callable
from contextlib import suppress
from math import inf
from time import monotonic

import psycopg
from psycopg.sql import SQL

from inboxdb.database import logs
from inboxdb.database.connection import Connection, cut, in_one_trip, session
from inboxdb.database.errors import CannotConnect, ConnectionLost, DatabaseRefused
from inboxdb.drain import pace
from inboxdb.drain.passes import Refresher
from inboxdb.drain.refresh import Refresh
from inboxdb.drain.state import RunState


class Worker:
    """A worker of a run, independent of the others: a workspace or a connection that hangs holds up no other worker."""

    def __init__(self, dsn: str, state: RunState, announce: Callable[[Refresh], None]) -> None:
        """Prepare.

        Parameters: dsn; state, the run's; announce, called with each refresh after its commit.
        """
        self._dsn = dsn
        self._state = state
        self._options = state.options
        self._refresher = Refresher(state, announce)
        self._connection: Connection | None = None
        self._idle_pause = pace.IDLE_FIRST
        self._waited = 0.0
        self._answers_at_rest = -1  # the refresher's, when the last pass ended; -1 before

    def work(self, *, is_first: bool) -> None:
        """Drain until the run is over. After an error the other workers finish what they have at hand.

        Parameters: is_first; the others wait for its first claim, because nothing can be seen while it collects.
        """
        if not is_first:
            self._state.first_claim_answered.wait()
        try:
            self._keep_connected()
        except BaseException:
            self._state.stop.set()
            raise
        finally:
            self._state.first_claim_answered.set()

    def _keep_connected(self) -> None:
        """Drain over as many connections as it takes."""
        application_name = self._options.application_name
        pause, lost_at, failed = pace.RECONNECT_FIRST, inf, False
        while True:
            answers = self._refresher.answers
            try:
                with session(self._dsn, application_name=application_name) as self._connection:
                    if failed:
                        logs.logger.info("connected again", action="connect")
                    self._make_passes(self._connection)
                    return
            except (CannotConnect, ConnectionLost, DatabaseRefused) as error:
                if isinstance(error, ConnectionLost) and self._was_idle and not self._state.has_ended:
                    logs.logger.debug("connecting again", action="connect", reason="closed while it was idle")
                    continue
                failed = True
                if self._refresher.answers > answers:
                    pause, lost_at = pace.RECONNECT_FIRST, inf
                lost_at = min(lost_at, monotonic())
                if self._state.has_ended:
                    return
                was_connected = self._state.was_connected or self._refresher.answers > 0
                if not pace.may_reconnect(error, self._options.schedule.kind, monotonic() - lost_at, was_connected):
                    raise
                logs.logger.warning("trying again", action="connect", reason=str(error), pause=round(pause, 1))
                self._state.stop.wait(pace.spread(pause, random.random()))
                pause = pace.next_reconnect_pause(pause)
            finally:
                self._connection = None

    @property
    def _was_idle(self) -> bool:
        """Whether nothing was answered since a pass ended: its connection may have been closed in the pause."""
        if self._refresher.answers != self._answers_at_rest:
            return False
        self._answers_at_rest = -1  # the next one is not idle before its first pass ended
        return True

    def _make_passes(self, connection: Connection) -> None:
        """Make pass after pass, with pauses between."""
        while True:
            began = monotonic()
            worked = self._refresher.make_pass(connection)
            self._answers_at_rest = self._refresher.answers
            pause = self._pause(connection, worked, monotonic() - began)
            if pause is None or not self._state.may_claim or monotonic() + pause >= self._state.ends_at:
                break
            self._state.stop.wait(pause)

    def _pause(self, connection: Connection, worked: bool, took: float) -> float | None:
        """Return how long to pause after a pass; None after the last pass."""
        schedule = self._options.schedule
        if not self._options.refreshes and (schedule.kind == "once" or not worked):
            return None
        if schedule.kind == "once" or schedule.is_sparse:
            return self._wait_for_attempt(connection)
        if schedule.every is not None:
            return pace.pause_until_next(schedule.every, took)
        self._idle_pause = pace.idle_pause(self._idle_pause, worked)
        pause = pace.spread(self._idle_pause, random.random())
        return pace.pause_until_next(pause, took) if worked else pause

    def _wait_for_attempt(self, connection: Connection) -> float | None:
        """Return the seconds until the next workspace without a result in this run is due; None for no wait."""
        query = SQL("select inboxdb.seconds_to_next_attempt({}::text[])").format(self._state.not_waited_for())
        [[(due_in,)]] = in_one_trip(connection, (self._options.time_limit, query))
        pause = pace.wait_for_attempt(due_in, self._waited)
        self._waited += pause or 0
        return pause

    def cut_if_hanging(self) -> None:
        """Cut a connection whose server has been silent beyond every limit: the server may be gone for good."""
        if monotonic() > self._refresher.deadline:
            cut(self._connection)

    def cancel(self) -> None:
        """Undo the refresh at hand."""
        connection = self._connection
        if connection:
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=5)

"""Tell the world what was refreshed: after the commit, first Redis, then the clients. Never in the drain's way."""

from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from types import TracebackType
from typing import Self

import psycopg
from psycopg.sql import SQL, Literal

from inboxdb import logs
from inboxdb.cache import Cache, publish
from inboxdb.connection import Connection, connect, in_one_trip
from inboxdb.drain import Refresh
from inboxdb.errors import CacheUnavailable, DatabaseRefused, InboxdbError

SIGNALS_LIMIT = 5.0  # seconds for the signals of one workspace

# How long a Redis or a realtime that did not answer is left alone, and how often what others left unpublished (drains
# with nothing but SQL, processes that were killed) is looked for; in seconds.
REST = 10.0


def send_signals(connection: Connection, done: Refresh) -> bool:
    """Signal what a refresh changed; return whether realtime took it in time. Clients without a signal poll."""
    if done.changed_scopes is None:
        return True
    statement = SQL(
        "select inboxdb.send_signals({}::text::inboxdb.client_id, {}, {}::text[]::inboxdb.user_id[])"
    ).format(Literal(done.client_id), Literal(done.version), Literal(done.changed_scopes))
    try:
        ((sent,),) = in_one_trip(connection, SIGNALS_LIMIT, statement)
    except psycopg.errors.QueryCanceled:
        return False
    return sent is not None


class Announcer(Thread):
    """A thread with a connection of its own: however slow Redis or realtime is, no refresh waits for it.

    What could not be published stays unpublished in Postgres, for the next one that publishes.
    """

    def __init__(self, dsn: str, cache: Cache | None, *, application_name: str) -> None:
        """Prepare; it starts with the `with` block, and connects once there is something to tell.

        Parameters: dsn; cache, None where nothing is to be published; application_name.
        """
        super().__init__(daemon=True, name="announcer")
        self._dsn = dsn
        self._cache = cache
        self._application_name = application_name
        self._told: SimpleQueue[Refresh | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._publish_at = 0.0
        self._signal_at = 0.0

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell what is left, then end."""
        self._told.put(None)
        self.join()

    def tell(self, done: Refresh) -> None:
        """Have a refresh announced, soon. Call it once that is committed."""
        self._told.put(done)

    def run(self) -> None:
        """Announce what comes, and at first what others left."""
        batch: list[Refresh] = []
        is_over = False
        while True:
            if self._cache or batch:
                self._announce(batch)
            if is_over:
                break
            batch, is_over = self._next()
        if self._connection:
            self._connection.close()

    def _next(self) -> tuple[list[Refresh], bool]:
        """Wait for something to tell; return all there is, and whether that was the last of it."""
        batch: list[Refresh] = []
        try:
            told = self._told.get(timeout=REST if self._cache else None)
            while told:
                batch.append(told)
                told = self._told.get_nowait()
        except Empty:
            return batch, False
        return batch, True

    def _announce(self, batch: list[Refresh]) -> None:
        try:
            if self._connection is None:
                self._connection = connect(self._dsn, application_name=self._application_name)
            self._publish(self._connection)
            for done in batch:
                if monotonic() >= self._signal_at and not send_signals(self._connection, done):
                    self._signal_at = monotonic() + REST
                    logs.logger.warning("realtime hangs: clients poll", action="signal", workspace=done.client_id)
        except (InboxdbError, psycopg.Error) as error:
            # the refreshes stand whatever becomes of this
            said = error if isinstance(error, InboxdbError) else DatabaseRefused(error)
            logs.logger.warning("could not announce what was refreshed", action="announce", reason=str(said))
            if self._connection and self._connection.closed:
                self._connection = None

    def _publish(self, connection: Connection) -> None:
        if self._cache is None or monotonic() < self._publish_at:
            return
        try:
            keys = publish(connection, self._cache)
        except CacheUnavailable as error:
            self._publish_at = monotonic() + REST
            logs.logger.warning("could not publish", action="publish", reason=str(error))
        else:
            logs.logger.debug("published", action="publish", keys=keys)

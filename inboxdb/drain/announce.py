"""Announce refreshes after their commit: first to Redis, then to the clients. Never in the drain's way."""

import json
from collections.abc import Callable
from dataclasses import replace
from math import inf
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from types import TracebackType
from typing import Self

import psycopg
from psycopg.sql import SQL

from inboxdb.database import logs
from inboxdb.database.connection import Connection, connect, cut, in_one_trip, translated
from inboxdb.database.errors import CacheUnavailable, CannotConnect, ConnectionLost, InboxdbError, KeysRefused, is_lost
from inboxdb.drain.publish import Publisher
from inboxdb.drain.redis import Cache
from inboxdb.drain.refresh import Refresh

HEARTBEAT = 5.0  # seconds between heartbeats, and between looks for keys left unpublished by others
TOLD_AT_ONCE = 50  # workspaces whose signals are sent in one transaction
SIGNALS_LIMIT = 5.0  # seconds for these signals
AT_RANDOM = 10.0  # seconds between keys published once more, taken by chance
REST = 10.0  # seconds without a new try after Redis or realtime did not answer
SILENCE = 120.0  # seconds for any one step over a connection
LAST_WORDS = 5.0  # seconds, at the end of a run, for signals not yet sent


def send_signals(connection: Connection, refreshes: list[Refresh]) -> int | None:
    """Signal the changes of refreshes; return how many are through, None where realtime did not take signals in time.

    Clients without a signal poll.
    """
    news = [
        {"client_id": refresh.client_id, "version": refresh.version, "changed_scopes": refresh.changed_scopes}
        for refresh in refreshes
        if refresh.changed_scopes is not None
    ]
    if not news:
        return len(refreshes)
    # not in ASCII: a database that is not in UTF8 takes no escapes
    statement = SQL("select inboxdb.send_all_signals({}::jsonb)").format(json.dumps(news, ensure_ascii=False))
    try:
        [[(sent,)]] = in_one_trip(connection, (SIGNALS_LIMIT, statement))
    except psycopg.errors.QueryCanceled:
        return None
    return len(refreshes) if sent == len(news) else sent


class Announcer(Thread):
    """A thread with a connection of its own, so that no refresh waits for a slow Redis or realtime (D42).

    Also sends the run's heartbeat, because a refresh may take long. Keys that could not be published stay unpublished
    in Postgres, for the next publisher.
    """

    def __init__(
        self, dsn: str, cache: Cache | None, heartbeat: Callable[[Connection], None], *, application_name: str
    ) -> None:
        """Prepare; the thread starts with the `with` block, and connects once there is something to do.

        Parameters: dsn; cache, None to publish nothing; heartbeat, which sends one; application_name.
        """
        super().__init__(daemon=True, name="announcer")
        self._dsn = dsn
        self._publisher = Publisher(cache) if cache else None
        self._heartbeat = heartbeat
        self._application_name = application_name
        self._queue: SimpleQueue[Refresh | None] = SimpleQueue()
        self._connection: Connection | None = None
        self._heartbeat_at = monotonic() + HEARTBEAT
        self._publish_at = 0.0
        self._at_random_at = 0.0
        self._signal_at = 0.0
        self._silent_from = inf
        self._troubles: dict[str, str] = {}
        self._waiting: dict[str, Refresh] = {}  # by workspace, not told yet
        self._deadline = inf  # when a silent server is taken for gone, by the monotonic clock

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Announce the rest, for LAST_WORDS seconds at most, then end."""
        self._silent_from = monotonic() + LAST_WORDS
        self._queue.put(None)
        self.join(LAST_WORDS + SIGNALS_LIMIT)

    def enqueue(self, refresh: Refresh) -> None:
        """Have a refresh announced, soon. Call this after the refresh's commit."""
        self._queue.put(refresh)

    def run(self) -> None:
        """Announce refreshes as they come, and first the versions left unpublished by others."""
        batch: list[Refresh] = []
        is_over = False
        while True:
            if self._publisher or batch or monotonic() >= self._heartbeat_at:
                self._announce(batch)
            if is_over:
                break
            batch, is_over = self._next_batch()
        if self._connection:
            self._connection.close()

    def _next_batch(self) -> tuple[list[Refresh], bool]:
        """Wait for news; return all refreshes to announce, once per workspace, and whether the run has ended."""
        batch: dict[str, Refresh] = {}
        try:
            refresh = self._queue.get(timeout=self._pause(monotonic()))
            while refresh:
                batch[refresh.client_id] = _merged(batch.get(refresh.client_id), refresh)
                refresh = self._queue.get_nowait()
        except Empty:
            return list(batch.values()), False
        return list(batch.values()), True

    def _pause(self, now: float) -> float:
        """Give the seconds until the next heartbeat, or until Redis is tried again after a rest, if that is earlier."""
        ends_at = self._publish_at if self._publish_at > now else self._heartbeat_at
        return max(min(ends_at, self._heartbeat_at) - now, 0)

    def _announce(self, batch: list[Refresh]) -> None:
        """Tell what there is, over a new connection if the last one was closed while it was idle."""
        for refresh in batch:
            merged = _merged(self._waiting.pop(refresh.client_id, None), refresh)
            if merged.changed_scopes is not None:
                self._waiting[refresh.client_id] = merged
        is_due = self._heartbeat_is_due()
        try:
            if self._connection is None or not self._tell(self._connection, is_due, was_idle=True):
                self._connection = None
                self._connection = connect(self._dsn, application_name=self._application_name)
                self._tell(self._connection, is_due, was_idle=False)
        except Exception as error:  # of any kind: the refreshes stand, and the next ones are announced
            if isinstance(error, psycopg.Error) and self._connection:
                error = translated(error, self._dsn, self._connection)
            if not isinstance(error, CannotConnect | ConnectionLost):
                self._waiting.clear()
            self._warn(
                "announce",
                "could not announce what was refreshed",
                str(error) if isinstance(error, InboxdbError) else f"internal error: {type(error).__name__}",
            )
            if self._connection and self._connection.closed:
                self._connection = None
        else:
            self._troubles.pop("announce", None)

    def _tell(self, connection: Connection, is_due: bool, *, was_idle: bool) -> bool:
        """Send a heartbeat if due, publish, and signal; return False where the connection was closed while idle."""
        try:
            if is_due:
                self._bounded(self._heartbeat, connection)
            self._bounded(self._publish, connection)
            while self._waiting:
                if self._heartbeat_is_due():
                    self._bounded(self._heartbeat, connection)
                self._bounded(self._signal, connection)
        except psycopg.Error as error:
            if not (was_idle and is_lost(error)):
                raise
            connection.close()
            return False
        return True

    def _bounded(self, action: Callable[..., None], *arguments: object) -> None:
        self._deadline = monotonic() + SILENCE
        try:
            action(*arguments)
        finally:
            self._deadline = inf

    @property
    def troubles(self) -> list[str]:
        """What could not be announced, and why, until it can."""
        return [*self._troubles.values()]

    def cut_if_hanging(self) -> None:
        """Cut a connection whose server, or whose proxy, has been silent for too long."""
        if monotonic() > self._deadline:
            cut(self._connection)

    def _heartbeat_is_due(self) -> bool:
        """Say whether a heartbeat is due, and plan the next, even if this one fails."""
        if monotonic() < self._heartbeat_at:
            return False
        self._heartbeat_at = monotonic() + HEARTBEAT
        return True

    def _publish(self, connection: Connection) -> None:
        if self._publisher is None or monotonic() < self._publish_at:
            return
        keys, is_at_random = 0, monotonic() >= self._at_random_at
        refused: KeysRefused | None = None
        try:
            try:
                keys = self._publisher.publish(connection)
            except KeysRefused as error:
                refused = error
            if is_at_random:
                self._at_random_at = monotonic() + AT_RANDOM
                self._publisher.publish_at_random(connection)
        except CacheUnavailable as error:
            self._publish_at = monotonic() + REST
            self._warn("publish", "could not publish", str(error))
            return
        if refused:
            self._warn("publish", "could not publish", str(refused))
            return
        # with nothing to write, Redis was not asked
        if "publish" in self._troubles and (keys or is_at_random):
            del self._troubles["publish"]
            logs.logger.info("publishing again", action="publish")
        logs.logger.debug("published", action="publish", keys=keys)

    def _signal(self, connection: Connection) -> None:
        """Signal some of what is to be told."""
        refreshes = list(self._waiting.values())[:TOLD_AT_ONCE]
        told: int | None = len(refreshes)
        if self._signal_at <= monotonic() < self._silent_from:
            told = send_signals(connection, refreshes)
            if told is None:
                self._signal_at = monotonic() + REST
                self._warn("signal", "realtime hangs", "it took longer than 2 s; clients poll")
            else:
                self._troubles.pop("signal", None)
        for refresh in refreshes[:told]:
            del self._waiting[refresh.client_id]

    def _warn(self, action: str, event: str, reason: str) -> None:
        """Log a trouble once, until it passes or another one takes its place."""
        trouble = f"{event}: {reason}"
        if self._troubles.get(action) != trouble:
            logs.logger.warning(event, action=action, reason=reason)
        self._troubles[action] = trouble


def _merged(earlier: Refresh | None, refresh: Refresh) -> Refresh:
    """Merge two refreshes of a workspace; refreshes of two workers may be announced in any order."""
    if earlier is None or earlier.changed_scopes is None:
        return refresh
    if refresh.changed_scopes is None:
        return earlier
    return replace(
        refresh,
        version=max(earlier.version or 0, refresh.version or 0),
        changed_scopes=sorted({*earlier.changed_scopes, *refresh.changed_scopes}),
    )

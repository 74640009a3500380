"""Copy cache versions and job statuses from Postgres to Redis, where the application reads them.

Postgres holds the truth, and knows the keys not yet published. Publishing reads these keys, writes them to Redis and
confirms them afterwards: after a crash in between they are published again, and publishing twice does no harm (D43).
"""

from collections.abc import Sequence
from time import monotonic

from psycopg.rows import class_row
from psycopg.sql import SQL

from inboxdb.database.connection import LONGEST_STATEMENT, Connection, in_one_trip, transaction
from inboxdb.database.errors import KeysRefused
from inboxdb.drain.redis import Cache, Key

BATCH = 1000  # keys in one pipeline

REFUSED_FOR = 10.0  # seconds until refused keys are tried again, or ten times as long as the try took


class Publisher:
    """Publishes to one Redis, again and again; keys that it refuses do not hold up the others (D108)."""

    def __init__(self, cache: Cache) -> None:
        """Begin with the key that has waited longest."""
        self._cache = cache
        self._after: Key | None = None
        self._refused: dict[Key, str] = {}
        self._start_over_at = 0.0

    def publish(self, connection: Connection) -> int:
        """Publish until nothing is unpublished, except rows locked by other sessions, and refused keys.

        Parameters: connection, in autocommit.
        Returns how many keys were written.
        Raises CacheUnavailable; KeysRefused once the others are published, and until the refused ones are tried again.
        Keys not known to be in Redis stay unpublished.
        """
        started = monotonic()
        if started >= self._start_over_at:
            self._after, self._refused = None, {}
        is_whole = self._after is None

        count = 0
        before: list[Key] = []
        # The same rows again: another session has locked them, and will publish them.
        while (keys := self._unpublished(connection)) and keys != before:
            before, refused = keys, dict.fromkeys(keys, "")
            try:
                refused = self._cache.write(keys)
            finally:
                # of no key, too: from then on status tells how long keys have waited
                confirmed = _confirm(connection, [key for key in keys if key not in refused])
            count += len(keys) - len(refused)
            if refused:
                self._refused |= refused
                self._after = keys[-1]
            # A short batch is the last: asking again would go on for as long as others write.
            if confirmed + len(refused) == len(keys) < BATCH:
                break

        if self._refused:
            if is_whole:
                self._start_over_at = monotonic() + max(REFUSED_FOR, 10 * (monotonic() - started))
            key, reason = next(iter(self._refused.items()))
            example = key.redis_key.removesuffix(key.client_id) + "*"
            raise KeysRefused(self._cache.name, len(self._refused), example, reason)
        return count

    def publish_at_random(self, connection: Connection) -> None:
        """Write some keys once more, because Redis evicts keys, and loses the last ones in a failover (D108)."""
        with transaction(connection), connection.cursor(row_factory=class_row(Key)) as cursor:
            keys = cursor.execute(
                "select kind, client_id, item, rank, redis_key, value from inboxdb.keys_at_random()"
            ).fetchall()
        self._cache.write(keys)

    def _unpublished(self, connection: Connection) -> list[Key]:
        after = self._after
        with transaction(connection), connection.cursor(row_factory=class_row(Key)) as cursor:
            return cursor.execute(
                "select unpublished_since, kind, client_id, item, rank, redis_key, value "
                "from inboxdb.unpublished(%s, %s, %s, %s)",
                (BATCH, after.unpublished_since, after.client_id, after.redis_key)
                if after
                else (BATCH, "-infinity", None, ""),
            ).fetchall()


def _confirm(connection: Connection, keys: Sequence[Key]) -> int:
    columns = [[key.kind for key in keys], [key.client_id for key in keys], [key.item for key in keys]]
    confirm = SQL("select inboxdb.confirm_published({}::text[], {}::text[], {}::text[], {}::bigint[])")
    [[(confirmed,)]] = in_one_trip(
        connection, (LONGEST_STATEMENT, confirm.format(*columns, [key.rank for key in keys]))
    )
    return int(confirmed)

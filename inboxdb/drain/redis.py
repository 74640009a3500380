"""Copy cache versions and job statuses to Redis, where the application reads them.

Postgres holds the truth, and knows the keys not yet published. Publishing reads these keys, writes them to Redis and
confirms them afterwards: after a crash in between they are published again, and publishing twice does no harm (D43).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from urllib.parse import urlsplit

from psycopg.rows import class_row

from inboxdb.database.connection import Connection
from inboxdb.database.errors import CacheUnavailable, MissingExtra, UnusableCacheUrl

TIMEOUT = 1.0  # seconds for connecting, and for each answer; the URL's socket_timeout wins

IDLE = 5.0  # seconds after which a connection is not used again: a firewall may have forgotten it without a word

BATCH = 1000  # keys in one pipeline

# One key per call, so that no call spans the hash slots of a cluster. A number is compared as text of equal length:
# Lua's numbers round beyond 2^53. A value that is no version or status of ours (garbage, another type) is replaced.
WRITE = """
local key, value, kind = KEYS[1], ARGV[1], ARGV[2]

local function order(text)
  if kind == 'version' then
    return #text < 20 and text:match('^%d+$') and ('0'):rep(19 - #text) .. text
  end
  local read, status = pcall(cjson.decode, text)
  local started = read and type(status) == 'table' and status.lastStartedAt
  return type(started) == 'string' and started:match('^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%dZ$')
end

local new = assert(order(value), 'no ' .. kind)
local held = redis.call('TYPE', key).ok == 'string' and order(redis.call('GET', key))
if not held or held <= new then
  redis.call('SET', key, value)
end
"""


@dataclass(frozen=True)
class Unpublished:
    """A version or a job status not yet in Redis.

    `kind` is version or job, `item` the family or the job's name; `rank` grows with each change of the row; `redis_key`
    is without a prefix.
    """

    kind: str
    client_id: str
    item: str
    rank: int
    redis_key: str
    value: str


class Cache:
    """A Redis server; nothing is sent before `publish`."""

    def __init__(self, url: str, prefix: str = "") -> None:
        """Keep the URL and the prefix.

        Parameters: url, redis://, rediss:// or unix://; prefix, put before every key as it stands, as in ``preview:``.
        Raises UnusableCacheUrl; MissingExtra where the `redis` package is not installed.
        """
        try:
            from redis import Redis, RedisError
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ModuleNotFoundError as error:
            raise MissingExtra("publishing to Redis", "redis") from error

        try:
            parts = urlsplit(url)
            # a password's part behind a raw @, /, ? or # would be taken for one of these
            split = "@" in parts.path + parts.query or parts.fragment
            if split or not re.fullmatch("/.+" if parts.scheme == "unix" else r"/?\d*/?", parts.path):
                raise ValueError
            # No second try: publishing is repeated anyway.
            self._client = Redis.from_url(
                url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=Retry(NoBackoff(), 0)
            )
            # unknown parameters raise when the connection object is made, before it is opened
            pool = self._client.connection_pool
            pool.connection_class(**pool.connection_kwargs)
        except (ValueError, TypeError, RedisError):
            # not chained: it may quote the URL
            raise UnusableCacheUrl from None

        place = pool.connection_kwargs
        self._name = f"Redis on {place.get('path') or place.get('host', 'localhost')}"
        if "path" not in place:
            self._name += f":{place.get('port', 6379)}"
        self._prefix = prefix
        self._used_at = 0.0
        self._write = self._client.register_script(WRITE)

    def publish(self, rows: Sequence[Unpublished]) -> None:
        """Write rows to Redis, in one pipeline; newer values in Redis stay.

        Raises CacheUnavailable; some of the rows may have been written then.
        """
        from redis import RedisError

        if rows and monotonic() - self._used_at > IDLE:
            self._client.connection_pool.disconnect()
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for row in rows:
                    self._write(keys=[self._prefix + row.redis_key], args=[row.value, row.kind], client=pipeline)
                pipeline.execute()
            self._used_at = monotonic()
        # UnicodeError: an impossible host name
        except (RedisError, OSError, UnicodeError) as error:
            raise CacheUnavailable(self._name, _reason(error)) from error


def publish(connection: Connection, cache: Cache) -> int:
    """Publish until nothing is unpublished, except rows locked by other sessions.

    Parameters: connection, in autocommit; cache.
    Returns how many keys were written.
    Raises CacheUnavailable; keys not known to be in Redis stay unpublished.
    """
    keys = 0
    before: list[Unpublished] = []
    # The same rows again: another session has locked them, and will publish them.
    while (rows := _unpublished(connection)) and rows != before:
        cache.publish(rows)
        keys += len(rows)
        columns = [list(column) for column in zip(*((r.kind, r.client_id, r.item, r.rank) for r in rows), strict=True)]
        ((confirmed,),) = connection.execute(
            "select inboxdb.confirm_published(%s::text[], %s::text[], %s::text[], %s::bigint[])", columns
        ).fetchall()
        # A short batch is the last: asking again would go on for as long as others write.
        if confirmed == len(rows) < BATCH:
            break
        before = rows
    return keys


def _unpublished(connection: Connection) -> list[Unpublished]:
    with connection.cursor(row_factory=class_row(Unpublished)) as cursor:
        return cursor.execute(
            "select kind, client_id, item, rank, redis_key, value from inboxdb.unpublished(%s)", (BATCH,)
        ).fetchall()


def _reason(error: Exception) -> str:
    """Describe the failure without the message of Redis or its client: messages may quote keys and values."""
    from redis import exceptions

    match error:
        case exceptions.TimeoutError():
            return "it does not answer in time"
        case exceptions.AuthenticationError():
            return "it refuses the user or the password"
        case exceptions.OutOfMemoryError():
            return "it is out of memory"
        case exceptions.ReadOnlyError():
            return "it is a replica, which takes no writes"
        case exceptions.ResponseError():
            return "it refuses a command (the user needs EVALSHA, SCRIPT, TYPE, GET and SET on the keys)"
        case _:
            return "it cannot be reached, is still loading, or has closed the connection"

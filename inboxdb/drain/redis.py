"""Write cache versions and job statuses to Redis: one server, one behind sentinels, or a cluster."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from inboxdb.database.errors import CacheUnavailable, MissingExtra, UnusableCacheUrl

TIMEOUT = 1.0  # seconds for connecting, and for each answer; the URL's socket_timeout wins

IDLE = 5.0  # seconds after which a connection is not used again: a firewall may have forgotten it without a word

# One key per call, so that no call spans the hash slots of a cluster; the script with each call, because a node may be
# new, and know none by its hash. A number is compared as text of equal length: Lua's numbers round beyond 2^53.
# A value that is no version or status of ours (garbage, another type) is replaced.
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
class Key:
    """A version or a job status to be written to Redis.

    `kind` is version or job, `item` the family or the job's name; `rank` grows with each change of the row; `redis_key`
    is without a prefix; `unpublished_since` None where Redis has been told before.
    """

    kind: str
    client_id: str
    item: str
    rank: int
    redis_key: str
    value: str
    unpublished_since: datetime | None = None


class Cache:
    """A Redis; nothing is sent before `write`."""

    def __init__(self, url: str, prefix: str = "") -> None:
        """Keep the URL and the prefix.

        Parameters: url, redis://, rediss://, unix://, redis-sentinel:// or rediss-sentinel://; prefix, put before every
        key as it stands, as in ``preview:``.
        Raises UnusableCacheUrl; MissingExtra where the `redis` package is not installed.
        """
        try:
            from redis import RedisError
        except ModuleNotFoundError as error:
            raise MissingExtra("publishing to Redis", "redis") from error

        try:
            self._client, self.name = _sentinels(url) if "-sentinel://" in url else _server(url)
        except (ValueError, TypeError, RedisError):
            # not chained: it may quote the URL
            raise UnusableCacheUrl from None
        self._url = url
        self._prefix = prefix
        self._is_cluster = False  # found out by the first key that is elsewhere
        self._used_at = 0.0

    def write(self, keys: Sequence[Key]) -> dict[Key, str]:
        """Write keys to Redis, a pipeline for each server; newer values in Redis stay.

        Returns the keys that Redis refused, and why, while it took others.
        Raises CacheUnavailable where Redis took none for a reason that holds for all, or where it did not answer: some
        may have been written then.
        """
        if keys and monotonic() - self._used_at > IDLE:
            self._client.close()
        answers = self._send(keys)
        if self._finds_nodes_anew(answers) or _is_cut(answers):
            answers |= self._send([key for key in keys if isinstance(answers[key], Exception)])

        failed = {key: answer for key, answer in answers.items() if isinstance(answer, Exception)}
        if failed and len(failed) == len(keys) and all(map(_holds_for_all, failed.values())):
            raise CacheUnavailable(self.name, _reason(failed[keys[0]])) from failed[keys[0]]
        self._used_at = monotonic()
        return {key: _reason(error) for key, error in failed.items()}

    def _send(self, keys: Sequence[Key]) -> dict[Key, Any]:
        """Write keys; return each key's answer, which may be an error."""
        from redis import RedisError

        answers: dict[Key, Any] = {}
        for client, part in self._by_server(keys):
            try:
                with client.pipeline(transaction=False) as pipeline:
                    for key in part:
                        pipeline.eval(WRITE, 1, self._name(key), _exactly(key.value), key.kind)
                    answers |= zip(part, pipeline.execute(raise_on_error=False), strict=True)
            # UnicodeError: an impossible host name
            except (RedisError, OSError, UnicodeError) as error:
                answers |= dict.fromkeys(part, error)
        return answers

    def _by_server(self, keys: Sequence[Key]) -> Iterable[tuple[Any, list[Key]]]:
        """Sort keys by the server that holds them. A cluster's own pipeline sends nothing while one node is down."""
        if not self._is_cluster:
            return [(self._client, list(keys))]
        parts: dict[Any, list[Key]] = {}
        for key in keys:
            parts.setdefault(self._client.get_node_from_key(self._name(key)), []).append(key)
        return [(self._client.get_redis_connection(node), part) for node, part in parts.items()]

    def _name(self, key: Key) -> bytes:
        """The key as Redis gets it."""
        return _exactly(self._prefix + key.redis_key)

    def _finds_nodes_anew(self, answers: dict[Key, Any]) -> bool:
        """Ask a cluster for its nodes where a key was not found on its node; say whether it told."""
        from redis import ConnectionError, RedisError, TimeoutError
        from redis.exceptions import MovedError

        lost = (MovedError, ConnectionError, TimeoutError) if self._is_cluster else MovedError
        if not any(isinstance(answer, lost) for answer in answers.values()):
            return False
        try:
            if self._is_cluster:
                self._client.nodes_manager.initialize()
            else:
                self._client, self._is_cluster = _cluster(self._url), True
        except RedisError:
            return False
        return True


def _is_cut(answers: dict[Key, Any]) -> bool:
    """Say whether a connection was closed before it answered: another one may answer at once."""
    from redis import ConnectionError

    # exactly: one that loads, refuses a password or cannot be found, as its subclasses say, is not asked twice
    return any(type(answer) is ConnectionError for answer in answers.values())


def _exactly(text: str) -> bytes:
    """Encode text, and give bytes of an id that are not UTF-8 as the database has them."""
    return text.encode(errors="surrogateescape")


def _options() -> dict[str, Any]:
    """Give the options of all clients: no second try of theirs, which would ask sentinels that hang again."""
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "retry": Retry(NoBackoff(), 0)}


def _server(url: str) -> tuple[Any, str]:
    """Make the client of one server, and its name."""
    from redis import Redis

    parts = urlsplit(url)
    # a password's part behind a raw @, /, ? or # would be taken for one of these
    split = "@" in parts.path + parts.query or parts.fragment
    if split or not re.fullmatch("/.+" if parts.scheme == "unix" else r"/?\d*/?", parts.path):
        raise ValueError
    client = Redis.from_url(url, **_options())
    # unknown parameters raise when the connection object is made, before it is opened
    pool = client.connection_pool
    pool.connection_class(**pool.connection_kwargs)
    place = pool.connection_kwargs
    if "path" in place:
        return client, f"Redis on {place['path']}"
    return client, f"Redis on {place.get('host', 'localhost')}:{place.get('port', 6379)}"


def _sentinels(url: str) -> tuple[Any, str]:
    """Make the client of a master that sentinels know: redis-sentinel://user:password@host:26379,host/service/db."""
    from redis.sentinel import Sentinel

    found = re.fullmatch(
        r"redis(?P<tls>s?)-sentinel://(?:(?P<user>[^:@/]*):(?P<password>[^@/]*)@)?"
        r"(?P<hosts>[^@/?#]+)/(?P<service>[^/?#]+)(?:/(?P<db>\d+))?/?(?:\?(?P<query>[^#]*))?",
        url,
    )
    if not found:
        raise ValueError
    hosts = [
        (host, int(port or 26379)) for host, _, port in (each.partition(":") for each in found["hosts"].split(","))
    ]
    asked = dict(parse_qsl(found["query"] or "", strict_parsing=bool(found["query"])))
    sentinel_password = asked.pop("sentinel_password", None)
    if asked or not all(host for host, _ in hosts):
        raise ValueError
    options = _options() | {"ssl": bool(found["tls"])}
    known: Any = Sentinel  # its own types leave it out
    sentinels = known(hosts, sentinel_kwargs=options | {"password": sentinel_password}, **options)
    client = sentinels.master_for(
        unquote(found["service"]),
        db=int(found["db"] or 0),
        username=unquote(found["user"] or "") or None,
        password=unquote(found["password"] or "") or None,
    )
    return client, f"Redis {unquote(found['service'])} of the sentinels {found['hosts']}"


def _cluster(url: str) -> Any:
    """Make the client of the cluster that the server belongs to; it learns the nodes from that server."""
    from redis.cluster import RedisCluster

    return RedisCluster.from_url(url, **_options())


def _holds_for_all(error: Exception) -> bool:
    """Say whether the failure is of the server, not of the key."""
    from redis import exceptions

    of_the_server = (
        exceptions.OutOfMemoryError,
        exceptions.ReadOnlyError,
        exceptions.MasterDownError,
        exceptions.ClusterDownError,
    )
    return isinstance(error, of_the_server) or not isinstance(error, exceptions.ResponseError)


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
        case exceptions.ClusterDownError() | exceptions.MasterDownError():
            return "a part of it is down"
        case exceptions.MovedError() | exceptions.AskError() | exceptions.RedisClusterException():
            return "it is a cluster that does not tell its nodes (the user needs CLUSTER and COMMAND)"
        case exceptions.ResponseError():
            return "it refuses a command (the user needs EVAL, TYPE, GET and SET on the keys, with their prefix)"
        case _:
            return "it cannot be reached, is still loading, or has closed the connection"

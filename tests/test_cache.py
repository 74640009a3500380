"""The copy in Redis: it never goes back, and nothing is taken for published that is not."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from redis import Redis

from inboxdb.cache import TIMEOUT, Cache, Unpublished
from inboxdb.errors import CacheUnavailable, UnusableCacheUrl
from tests.redis_server import RedisServer, redis_server

VERSION = 1_767_225_600_000  # as of 2026
STARTED = datetime(2026, 1, 1, tzinfo=UTC)

VERSION_KEY = "inbox:v1:ver:one"
JOB = "recompute-inbox-counts"
JOB_KEY = f"jobs:v1:{JOB}:one"

PASSWORD = "s3cret"


def version(number: int, workspace: str = "one", family: str = "inbox") -> Unpublished:
    return Unpublished("version", workspace, family, number, f"{family}:v1:ver:{workspace}", str(number))


def status(started_at: datetime, **known: object) -> Unpublished:
    """Make a job's status, as inboxdb.unpublished does."""
    rank = (started_at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    value = json.dumps({"lastStartedAt": f"{started_at:%Y-%m-%dT%H:%M:%S.%fZ}", "lastStatus": "succeeded", **known})
    return Unpublished("job", "one", JOB, rank, JOB_KEY, value)


@pytest.fixture
def cache(redis: RedisServer) -> Cache:
    return Cache(redis.url)


# What is written


def test_values_are_plain(redis: RedisServer, cache: Cache) -> None:
    job = status(STARTED)
    cache.publish([version(VERSION), version(VERSION + 1, family="analytics"), job])
    assert redis.contents() == {
        VERSION_KEY: str(VERSION),
        "analytics:v1:ver:one": str(VERSION + 1),
        JOB_KEY: job.value,
    }
    assert redis.client.ttl(VERSION_KEY) == -1


def test_nothing_to_publish_is_nothing(redis: RedisServer, cache: Cache) -> None:
    cache.publish([])
    assert redis.contents() == {}


def test_a_prefix_keeps_preview_and_production_apart(redis: RedisServer, cache: Cache) -> None:
    preview = Cache(redis.url, prefix="preview:")
    cache.publish([version(VERSION)])
    preview.publish([version(VERSION - 1), status(STARTED)])
    cache.publish([version(VERSION + 1)])
    assert redis.contents() == {
        VERSION_KEY: str(VERSION + 1),
        f"preview:{VERSION_KEY}": str(VERSION - 1),
        f"preview:{JOB_KEY}": status(STARTED).value,
    }


def test_a_thousand_keys_go_in_one_pipeline(redis: RedisServer, cache: Cache) -> None:
    rows = [version(VERSION, workspace) for workspace in map(str, range(1000))]
    cache.publish(rows[:1])
    before = redis.client.info("stats")["total_reads_processed"]
    cache.publish(rows)
    reads = redis.client.info("stats")["total_reads_processed"] - before
    assert len(redis.contents()) == 1000
    assert reads < 50, "the pipeline in pieces of 16 kB, and no read for each key"


# Monotony


@pytest.mark.parametrize(
    "rising",
    [
        pytest.param((VERSION, VERSION + 1, VERSION + 2), id="as of 2026"),
        pytest.param((0, 9, 10), id="more digits"),
        pytest.param((2**53, 2**53 + 1, 2**63 - 1), id="beyond what a double holds"),
    ],
)
def test_a_version_never_goes_back(redis: RedisServer, cache: Cache, rising: tuple[int, ...]) -> None:
    for order in permutations(rising):
        redis.client.flushall()
        seen = 0
        for number in order:
            cache.publish([version(number)])
            seen = max(seen, number)
            assert redis.contents() == {VERSION_KEY: str(seen)}
        redis.client.flushall()
        cache.publish([version(number) for number in order])
        assert redis.contents() == {VERSION_KEY: str(seen)}


def test_a_status_never_goes_back(redis: RedisServer, cache: Cache) -> None:
    moments = [STARTED, STARTED + timedelta(microseconds=1), STARTED + timedelta(seconds=1), STARTED.replace(year=2027)]
    rising = [status(moment, attempt=10 - number) for number, moment in enumerate(moments)]
    for order in permutations(rising):
        redis.client.flushall()
        seen = order[0]
        for job in order:
            cache.publish([job])
            seen = max(seen, job, key=lambda job: job.rank)
            assert redis.contents() == {JOB_KEY: seen.value}


def test_a_status_of_the_same_attempt_may_be_written_again(redis: RedisServer, cache: Cache) -> None:
    cache.publish([status(STARTED, attempt=1)])
    cache.publish([status(STARTED, attempt=2)])
    assert redis.contents() == {JOB_KEY: status(STARTED, attempt=2).value}


def test_publishers_at_once_never_take_a_version_back(redis: RedisServer) -> None:
    numbers = [VERSION + number for number in range(300)]
    orders = [random.Random(seed).sample(numbers, len(numbers)) for seed in range(4)]

    def publish(order: list[int]) -> None:
        cache = Cache(redis.url)
        for number in order:
            cache.publish([version(number)])

    seen = [0]
    with ThreadPoolExecutor() as pool:
        publishers = [pool.submit(publish, order) for order in orders]
        while not all(publisher.done() for publisher in publishers):
            seen.append(int(redis.contents().get(VERSION_KEY) or 0))
        for publisher in publishers:
            publisher.result()
    assert seen == sorted(seen)
    assert redis.contents() == {VERSION_KEY: str(numbers[-1])}


# What is not ours


@pytest.mark.parametrize("found", ["", "soon", "-5", "1.5", "1e18", f" {VERSION + 1}", "9" * 20, "[]"])
def test_what_is_no_version_is_replaced(redis: RedisServer, cache: Cache, found: str) -> None:
    redis.client.set(VERSION_KEY, found)
    cache.publish([version(VERSION)])
    assert redis.contents() == {VERSION_KEY: str(VERSION)}


@pytest.mark.parametrize(
    "found",
    [
        "",
        "soon",
        "null",
        "9",
        '"9999"',
        "[]",
        "{}",
        '{"lastStartedAt": 9999}',
        '{"lastStartedAt": "soon"}',
        '{"lastStartedAt": "9999-01-01T00:00:00Z"}',
        '{"lastStartedAt": null}',
    ],
)
def test_what_is_no_status_is_replaced(redis: RedisServer, cache: Cache, found: str) -> None:
    redis.client.set(JOB_KEY, found)
    cache.publish([status(STARTED)])
    assert redis.contents() == {JOB_KEY: status(STARTED).value}


@pytest.mark.parametrize("row", [version(VERSION), status(STARTED)], ids=["version", "status"])
def test_a_key_of_another_type_is_replaced(redis: RedisServer, cache: Cache, row: Unpublished) -> None:
    for found in (["RPUSH", "1"], ["SADD", "1"], ["HSET", "field", "1"], ["ZADD", "1", "member"]):
        redis.client.flushall()
        redis.client.execute_command(found[0], row.redis_key, *found[1:])
        assert redis.contents() == {row.redis_key: None}
        cache.publish([row])
        assert redis.contents() == {row.redis_key: row.value}


def test_a_value_without_an_order_is_refused(redis: RedisServer, cache: Cache) -> None:
    for row in (
        Unpublished("version", "one", "inbox", 1, VERSION_KEY, "1.5"),
        Unpublished("job", "one", JOB, 1, JOB_KEY, '{"lastStartedAt": "2026-01-01T00:00:00Z"}'),
    ):
        with pytest.raises(CacheUnavailable):
            cache.publish([row])
    assert redis.contents() == {}


# Trouble


def unavailable(cache: Cache, rows: list[Unpublished] | None = None) -> str:
    """Fail to publish, in time; return what is said."""
    started = time.monotonic()
    with pytest.raises(CacheUnavailable) as caught:
        cache.publish(rows or [version(VERSION)])
    assert time.monotonic() - started < 2 * TIMEOUT
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_a_redis_that_was_killed(redis: RedisServer, cache: Cache) -> None:
    cache.publish([version(VERSION)])
    redis.kill()
    assert f"Redis on {redis.url.removeprefix('unix://')}: it cannot be reached" in unavailable(cache)
    assert "it cannot be reached" in unavailable(Cache(redis.url))

    redis.start()
    cache.publish([version(VERSION)])  # though the new one knows no script
    assert redis.contents() == {VERSION_KEY: str(VERSION)}


def test_a_restart_that_nobody_noticed(redis: RedisServer, cache: Cache) -> None:
    cache.publish([version(VERSION)])
    redis.kill()
    redis.start()
    cache.publish([version(VERSION)])
    assert redis.contents() == {VERSION_KEY: str(VERSION)}


def test_forgotten_scripts(redis: RedisServer, cache: Cache) -> None:
    cache.publish([version(VERSION)])
    redis.client.script_flush()
    cache.publish([version(VERSION + 1)])
    assert redis.contents() == {VERSION_KEY: str(VERSION + 1)}


@pytest.mark.parametrize("rows", [1, 20_000], ids=["few", "more than the socket takes"])
def test_a_redis_that_hangs(redis: RedisServer, cache: Cache, rows: int) -> None:
    cache.publish([version(VERSION)])
    redis.stop()
    many = [version(VERSION, workspace) for workspace in map(str, range(rows))]
    assert "it does not answer in time" in unavailable(cache, many)
    assert "it does not answer in time" in unavailable(Cache(redis.url), many)
    redis.go_on()
    cache.publish([version(VERSION + 1)])
    assert redis.contents()[VERSION_KEY] == str(VERSION + 1)


def test_a_redis_that_is_full(redis: RedisServer, cache: Cache) -> None:
    cache.publish([version(VERSION)])
    redis.client.config_set("maxmemory-policy", "noeviction")
    redis.client.config_set("maxmemory", "1")
    assert "it is out of memory" in unavailable(cache, [version(VERSION + 1)])
    assert redis.contents() == {VERSION_KEY: str(VERSION)}
    redis.client.config_set("maxmemory", "0")
    cache.publish([version(VERSION + 1)])
    assert redis.contents() == {VERSION_KEY: str(VERSION + 1)}


def test_a_replica(redis: RedisServer, cache: Cache) -> None:
    redis.client.replicaof("127.0.0.1", "1")
    assert "it is a replica" in unavailable(cache)


def test_one_row_that_fails_does_not_hide_behind_the_others(redis: RedisServer) -> None:
    redis.client.execute_command("ACL", "SETUSER", "default", "resetkeys", "~inbox:*")
    rows = [version(VERSION), version(VERSION, family="analytics"), version(VERSION, "two")]
    assert "it refuses a command" in unavailable(Cache(redis.url), rows)


@pytest.mark.parametrize("lacking", ["evalsha", "script", "type", "get", "set"])
def test_a_user_without_a_right(redis: RedisServer, lacking: str) -> None:
    needed = {"evalsha", "script", "type", "get", "set"}
    rights = [f"+{command}" for command in needed - {lacking}]
    redis.client.execute_command("ACL", "SETUSER", "weak", "on", f">{PASSWORD}", "~*", *rights)
    redis.client.set(VERSION_KEY, VERSION)
    with_password = redis.url.replace("unix://", f"unix://weak:{PASSWORD}@")
    said = unavailable(Cache(with_password), [version(VERSION + 1)])
    assert "it refuses a command" in said
    assert redis.contents() == {VERSION_KEY: str(VERSION)}

    redis.client.execute_command("ACL", "SETUSER", "weak", f"+{lacking}")
    Cache(with_password).publish([version(VERSION + 1)])
    assert redis.contents() == {VERSION_KEY: str(VERSION + 1)}


def test_a_password(redis: RedisServer, cache: Cache) -> None:
    redis.client.config_set("requirepass", f"@{PASSWORD}/#")
    assert "it refuses the user or the password" in unavailable(Cache(redis.url))
    wrong = redis.url.replace("unix://", f"unix://:{PASSWORD}@")
    assert "it refuses the user or the password" in unavailable(Cache(wrong))
    right = redis.url.replace("unix://", f"unix://:%40{PASSWORD}%2F%23@")
    Cache(right).publish([version(VERSION)])
    assert redis.client.get(VERSION_KEY) == str(VERSION)


# Where it is


@pytest.mark.parametrize(
    "url",
    [
        "",
        PASSWORD,
        f"{PASSWORD}@localhost",
        f"localhost:6379/{PASSWORD}",
        f"http://:{PASSWORD}@localhost",
        f"redis://:{PASSWORD}/x@localhost",
        f"redis://:12/{PASSWORD}@localhost",
        f"redis://:12#{PASSWORD}@localhost",
        f"redis://:12?{PASSWORD}@localhost",
        f"redis://:{PASSWORD}[x@localhost",
        f"redis://:{PASSWORD}@localhost:port",
        f"redis://:{PASSWORD}@localhost:99999",
        f"redis://:{PASSWORD}@localhost/production",
        f"redis://:{PASSWORD}@localhost?db=production",
        f"redis://:{PASSWORD}@localhost?unknown=1",
        f"redis://localhost?socket_timeout={PASSWORD}",
        f"rediss://:{PASSWORD}@localhost?ssl_cert_reqs=perhaps",
        f"unix://:{PASSWORD}@",
        f"unix://:{PASSWORD}/x@/tmp/redis.sock",
    ],
)
def test_a_malformed_url_is_not_quoted(url: str) -> None:
    with pytest.raises(UnusableCacheUrl) as caught:
        Cache(url)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://localhost",
        "redis://localhost:6379/",
        "redis://user@localhost/15",
        "redis://:a@b@localhost:6379/0",
        "redis://[::1]:6379/0?db=3&socket_timeout=5&protocol=3",
        "rediss://user:password@cache.example:6380/1?ssl_cert_reqs=none",
        "unix://user:password@/tmp/redis.sock?db=2",
    ],
)
def test_urls_that_can_be_used(url: str) -> None:
    Cache(url)


def test_a_database_in_the_url(redis: RedisServer) -> None:
    Cache(f"{redis.url}?db=2").publish([version(VERSION)])
    assert redis.contents() == {}
    with Redis.from_url(f"{redis.url}?db=2") as second:
        assert second.get(VERSION_KEY) == str(VERSION).encode()


def test_the_place_is_named_without_user_or_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    said = unavailable(Cache(f"redis://somebody:{PASSWORD}@127.0.0.1:{port}/0"))
    assert f"Redis on 127.0.0.1:{port}: it cannot be reached" in said
    assert "somebody" not in said


def test_a_host_name_that_cannot_be_one() -> None:
    assert "it cannot be reached" in unavailable(Cache(f"redis://:{PASSWORD}@cache..example"))


def test_rediss_speaks_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        port = listener.getsockname()[1]
        publishing = pool.submit(unavailable, Cache(f"rediss://:{PASSWORD}@127.0.0.1:{port}"))
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(1) == b"\x16", "a TLS handshake"
        publishing.result()


def test_the_extra_that_is_missing() -> None:
    code = "\n".join(
        [
            "import sys",
            "sys.modules['redis'] = None",
            "from inboxdb.cache import Cache",
            "from inboxdb.errors import MissingExtra",
            "try: Cache('redis://')",
            "except MissingExtra as error: print(error)",
        ]
    )
    said = subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True)
    assert "pip install 'inboxdb[redis]'" in said.stdout


# The tests' own


def test_where_there_is_no_redis_only_ci_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception), redis_server():
        pass
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception), redis_server():
        pass

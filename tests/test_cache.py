"""The copy in Redis: versions never go back, and no version is confirmed before Redis has it."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import psycopg
import pytest
from redis import Redis, RedisError

from inboxdb.database.errors import CacheUnavailable, KeysRefused, UnusableCacheUrl
from inboxdb.drain import publish as publish_module
from inboxdb.drain.publish import REFUSED_FOR, Publisher
from inboxdb.drain.redis import TIMEOUT, Cache, Key
from tests.interleave import until
from tests.programs import program
from tests.redis_server import RedisServer, free_ports, redis_program, redis_server, redis_servers
from tests.rows import Host, set_clock
from tests.servers import DRAINER, Database
from tests.tcp_proxy import proxy

VERSION = 1_767_225_600_000  # as of 2026
STARTED = datetime(2026, 1, 1, tzinfo=UTC)

VERSION_KEY = "inbox:v1:ver:one"
JOB = "recompute-inbox-counts"
JOB_KEY = f"jobs:v1:{JOB}:one"

PASSWORD = "s3cret"


def version(number: int, workspace: str = "one", family: str = "inbox") -> Key:
    return Key("version", workspace, family, number, f"{family}:v1:ver:{workspace}", str(number))


def status(started_at: datetime, **known: object) -> Key:
    """Make a job's status, as inboxdb.unpublished does."""
    rank = (started_at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    value = json.dumps({"lastStartedAt": f"{started_at:%Y-%m-%dT%H:%M:%S.%fZ}", "lastStatus": "succeeded", **known})
    return Key("job", "one", JOB, rank, JOB_KEY, value)


@pytest.fixture
def cache(redis: RedisServer) -> Cache:
    return Cache(redis.url)


# Keys and values


def test_values_are_plain(redis: RedisServer, cache: Cache) -> None:
    job = status(STARTED)
    cache.write([version(VERSION), version(VERSION + 1, family="analytics"), job])
    assert redis.contents() == {
        VERSION_KEY: str(VERSION),
        "analytics:v1:ver:one": str(VERSION + 1),
        JOB_KEY: job.value,
    }
    assert redis.client.ttl(VERSION_KEY) == -1


def test_nothing_to_publish_is_nothing(redis: RedisServer, cache: Cache) -> None:
    cache.write([])
    assert redis.contents() == {}


def test_a_prefix_keeps_preview_and_production_apart(redis: RedisServer, cache: Cache) -> None:
    preview = Cache(redis.url, prefix="preview:")
    cache.write([version(VERSION)])
    preview.write([version(VERSION - 1), status(STARTED)])
    cache.write([version(VERSION + 1)])
    assert redis.contents() == {
        VERSION_KEY: str(VERSION + 1),
        f"preview:{VERSION_KEY}": str(VERSION - 1),
        f"preview:{JOB_KEY}": status(STARTED).value,
    }


def test_a_thousand_keys_go_in_one_pipeline(redis: RedisServer, cache: Cache) -> None:
    rows = [version(VERSION, workspace) for workspace in map(str, range(1000))]
    cache.write(rows[:1])
    before = redis.client.info("stats")["total_reads_processed"]
    cache.write(rows)
    reads = redis.client.info("stats")["total_reads_processed"] - before
    assert len(redis.contents()) == 1000
    assert reads < 100, "the pipeline in pieces of 16 kB, and no read for each key"


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
            cache.write([version(number)])
            seen = max(seen, number)
            assert redis.contents() == {VERSION_KEY: str(seen)}
        redis.client.flushall()
        cache.write([version(number) for number in order])
        assert redis.contents() == {VERSION_KEY: str(seen)}


def test_a_status_never_goes_back(redis: RedisServer, cache: Cache) -> None:
    moments = [STARTED, STARTED + timedelta(microseconds=1), STARTED + timedelta(seconds=1), STARTED.replace(year=2027)]
    rising = [status(moment, attempt=10 - number) for number, moment in enumerate(moments)]
    for order in permutations(rising):
        redis.client.flushall()
        seen = order[0]
        for job in order:
            cache.write([job])
            seen = max(seen, job, key=lambda job: job.rank)
            assert redis.contents() == {JOB_KEY: seen.value}


def test_a_status_of_the_same_attempt_may_be_written_again(redis: RedisServer, cache: Cache) -> None:
    cache.write([status(STARTED, attempt=1)])
    cache.write([status(STARTED, attempt=2)])
    assert redis.contents() == {JOB_KEY: status(STARTED, attempt=2).value}


def test_publishers_at_once_never_take_a_version_back(redis: RedisServer) -> None:
    numbers = [VERSION + number for number in range(300)]
    orders = [random.Random(seed).sample(numbers, len(numbers)) for seed in range(4)]

    def publish(order: list[int]) -> None:
        cache = Cache(redis.url)
        for number in order:
            cache.write([version(number)])

    seen = [0]
    with ThreadPoolExecutor() as pool:
        publishers = [pool.submit(publish, order) for order in orders]
        while not all(publisher.done() for publisher in publishers):
            seen.append(int(redis.contents().get(VERSION_KEY) or 0))
        for publisher in publishers:
            publisher.result()
    assert seen == sorted(seen)
    assert redis.contents() == {VERSION_KEY: str(numbers[-1])}


# Keys of others


@pytest.mark.parametrize("found", ["", "soon", "-5", "1.5", "1e18", f" {VERSION + 1}", "9" * 20, "[]"])
def test_what_is_no_version_is_replaced(redis: RedisServer, cache: Cache, found: str) -> None:
    redis.client.set(VERSION_KEY, found)
    cache.write([version(VERSION)])
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
    cache.write([status(STARTED)])
    assert redis.contents() == {JOB_KEY: status(STARTED).value}


@pytest.mark.parametrize("row", [version(VERSION), status(STARTED)], ids=["version", "status"])
def test_a_key_of_another_type_is_replaced(redis: RedisServer, cache: Cache, row: Key) -> None:
    for found in (["RPUSH", "1"], ["SADD", "1"], ["HSET", "field", "1"], ["ZADD", "1", "member"]):
        redis.client.flushall()
        redis.client.execute_command(found[0], row.redis_key, *found[1:])
        assert redis.contents() == {row.redis_key: None}
        cache.write([row])
        assert redis.contents() == {row.redis_key: row.value}


def test_a_value_without_an_order_is_refused(redis: RedisServer, cache: Cache) -> None:
    for row in (
        Key("version", "one", "inbox", 1, VERSION_KEY, "1.5"),
        Key("job", "one", JOB, 1, JOB_KEY, '{"lastStartedAt": "2026-01-01T00:00:00Z"}'),
    ):
        assert list(cache.write([row])) == [row]
    assert redis.contents() == {}


# Trouble


def unavailable(cache: Cache, rows: list[Key] | None = None) -> str:
    """Fail to publish, in time; return the message."""
    started = time.monotonic()
    with pytest.raises(CacheUnavailable) as caught:
        cache.write(rows or [version(VERSION)])
    assert time.monotonic() - started < 3 * TIMEOUT
    assert PASSWORD not in str(caught.value)
    return str(caught.value)


def test_a_redis_that_was_killed(redis: RedisServer, cache: Cache) -> None:
    cache.write([version(VERSION)])
    redis.kill()
    assert f"Redis on {redis.url.removeprefix('unix://')}: it cannot be reached" in unavailable(cache)
    assert "it cannot be reached" in unavailable(Cache(redis.url))

    redis.start()
    cache.write([version(VERSION)])  # though the new Redis knows no script
    assert redis.contents() == {VERSION_KEY: str(VERSION)}


def test_a_restart_that_nobody_noticed(redis: RedisServer, cache: Cache) -> None:
    cache.write([version(VERSION)])
    redis.kill()
    redis.start()
    cache.write([version(VERSION)])
    assert redis.contents() == {VERSION_KEY: str(VERSION)}


def test_a_connection_that_is_closed_before_the_answer(redis: RedisServer) -> None:
    with proxy(redis.url.removeprefix("unix://")) as between:
        cache = Cache(f"redis://127.0.0.1:{between.port}")
        for number in range(2):
            between.cut_next_answer()  # to a new connection's greeting, then to a connection in use
            assert cache.write([version(VERSION + number)]) == {}
    assert redis.contents() == {VERSION_KEY: str(VERSION + 1)}


def test_forgotten_scripts(redis: RedisServer, cache: Cache) -> None:
    cache.write([version(VERSION)])
    redis.client.script_flush()
    cache.write([version(VERSION + 1)])
    assert redis.contents() == {VERSION_KEY: str(VERSION + 1)}


@pytest.mark.parametrize("rows", [1, 5_000], ids=["few", "more than the socket takes"])
def test_a_redis_that_hangs(redis: RedisServer, cache: Cache, rows: int) -> None:
    cache.write([version(VERSION)])
    redis.stop()
    many = [version(VERSION, workspace) for workspace in map(str, range(rows))]
    assert "it does not answer in time" in unavailable(cache, many)
    assert "it does not answer in time" in unavailable(Cache(redis.url), many)
    redis.go_on()
    cache.write([version(VERSION + 1)])
    assert redis.contents()[VERSION_KEY] == str(VERSION + 1)


def test_a_redis_that_is_full(redis: RedisServer, cache: Cache) -> None:
    cache.write([version(VERSION)])
    redis.client.config_set("maxmemory-policy", "noeviction")
    redis.client.config_set("maxmemory", "1")
    assert "it is out of memory" in unavailable(cache, [version(VERSION + 1)])
    assert redis.contents() == {VERSION_KEY: str(VERSION)}
    redis.client.config_set("maxmemory", "0")
    cache.write([version(VERSION + 1)])
    assert redis.contents() == {VERSION_KEY: str(VERSION + 1)}


def test_a_replica(redis: RedisServer, cache: Cache) -> None:
    redis.client.replicaof("127.0.0.1", "1")
    assert "it is a replica" in unavailable(cache)


def test_a_key_that_is_refused_does_not_hide_behind_the_others(redis: RedisServer) -> None:
    redis.client.execute_command("ACL", "SETUSER", "default", "resetkeys", "~inbox:*")
    keys = [version(VERSION), version(VERSION, family="analytics"), version(VERSION, "two")]
    assert list(Cache(redis.url).write(keys)) == [keys[1]]


@pytest.mark.parametrize("lacking", ["eval", "type", "get", "set"])
def test_a_user_without_a_right(redis: RedisServer, lacking: str) -> None:
    needed = {"eval", "type", "get", "set"}
    rights = [f"+{command}" for command in needed - {lacking}]
    redis.client.execute_command("ACL", "SETUSER", "weak", "on", f">{PASSWORD}", "~*", *rights)
    redis.client.set(VERSION_KEY, VERSION)
    with_password = redis.url.replace("unix://", f"unix://weak:{PASSWORD}@")
    [said] = Cache(with_password).write([version(VERSION + 1)]).values()
    assert "it refuses a command" in said
    assert redis.contents() == {VERSION_KEY: str(VERSION)}

    redis.client.execute_command("ACL", "SETUSER", "weak", f"+{lacking}")
    Cache(with_password).write([version(VERSION + 1)])
    assert redis.contents() == {VERSION_KEY: str(VERSION + 1)}


def test_a_password(redis: RedisServer, cache: Cache) -> None:
    redis.client.config_set("requirepass", f"@{PASSWORD}/#")
    assert "it refuses the user or the password" in unavailable(Cache(redis.url))
    wrong = redis.url.replace("unix://", f"unix://:{PASSWORD}@")
    assert "it refuses the user or the password" in unavailable(Cache(wrong))
    right = redis.url.replace("unix://", f"unix://:%40{PASSWORD}%2F%23@")
    Cache(right).write([version(VERSION)])
    assert redis.client.get(VERSION_KEY) == str(VERSION)


# URLs


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
        f"redis-sentinel://:{PASSWORD}@localhost",
        f"redis-sentinel://:{PASSWORD}@localhost:port/main",
        f"redis-sentinel://:{PASSWORD}/x@localhost/main",
        f"redis-sentinel://:{PASSWORD}@localhost/main/production",
        f"redis-sentinel://:{PASSWORD}@localhost/main?unknown=1",
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
        "redis-sentinel://one,two:26380/main",
        "rediss-sentinel://user:pass%40word@one/main/2?sentinel_password=other",
    ],
)
def test_urls_that_can_be_used(url: str) -> None:
    Cache(url)


def test_a_database_in_the_url(redis: RedisServer) -> None:
    Cache(f"{redis.url}?db=2").write([version(VERSION)])
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


def test_tls_with_a_certificate_of_ones_own(tmp_path: Path) -> None:
    program("redis-server", "redis-server")  # PyPI's Valkey has no TLS
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = [
        program("openssl", "openssl"),
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=127.0.0.1",
    ]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    [port] = free_ports(1)
    options = ["--tls-port", f"{port}", "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    with redis_servers(1, *options, "--tls-auth-clients", "no") as [(redis, _)]:
        Cache(f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}").write([version(VERSION)])
        assert redis.contents() == {VERSION_KEY: str(VERSION)}
        assert "it cannot be reached" in unavailable(Cache(f"rediss://127.0.0.1:{port}"))


def test_the_extra_that_is_missing() -> None:
    code = "\n".join(
        [
            "import sys",
            "sys.modules['redis'] = None",
            "from inboxdb.drain.redis import Cache",
            "from inboxdb.database.errors import MissingExtra",
            "try: Cache('redis://')",
            "except MissingExtra as error: print(error)",
        ]
    )
    said = subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True)
    assert "pip install 'inboxdb[redis]'" in said.stdout


# Several servers


def cluster_of(nodes: list[tuple[RedisServer, int]]) -> None:
    """Make two nodes one cluster, each with half of the slots."""
    (first, _), (second, port) = nodes
    first.client.execute_command("CLUSTER ADDSLOTSRANGE 0 8191")
    second.client.execute_command("CLUSTER ADDSLOTSRANGE 8192 16383")
    second.client.execute_command("CLUSTER SET-CONFIG-EPOCH 2")
    first.client.execute_command(f"CLUSTER MEET 127.0.0.1 {port}")
    until(lambda: all(redis.client.cluster("INFO")["cluster_state"] == "ok" for redis, _ in nodes))


def test_a_cluster() -> None:
    keys = [version(VERSION, workspace) for workspace in map(str, range(100))]
    options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no"]
    with redis_servers(2, *options) as nodes:
        cluster_of(nodes)
        cache = Cache(f"redis://127.0.0.1:{nodes[0][1]}")
        assert cache.write(keys) == {}
        held = [set(redis.client.keys()) for redis, _ in nodes]
        assert all(held), "each node has some"
        assert held[0] | held[1] == {key.redis_key for key in keys}

        # a node is lost: what the other one holds is written, and the rest is known as refused
        nodes[1][0].kill()
        again = [version(VERSION + 1, key.client_id) for key in keys]
        assert {key.redis_key for key in cache.write(again)} == held[1]
        assert {nodes[0][0].client.get(key) for key in held[0]} == {str(VERSION + 1)}


@pytest.mark.slow
def test_a_failover_by_sentinels(tmp_path: Path) -> None:
    with redis_servers(2) as [(first, port), (second, _)]:
        second.client.replicaof("127.0.0.1", f"{port}")
        until(lambda: second.client.info("replication")["master_link_status"] == "up")
        [sentinel_port] = free_ports(1)
        configuration = tmp_path / "sentinel.conf"
        configuration.write_text(
            f"port {sentinel_port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {port} 1\n"
            "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
        )
        command = [redis_program(), str(configuration), "--sentinel"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as sentinel, Redis(port=sentinel_port) as asked:
            try:
                until(lambda: answers(lambda: asked.sentinel_master("main")["num-slaves"] == 1))
                cache = Cache(f"redis-sentinel://127.0.0.1:{sentinel_port}/main")
                cache.write([version(VERSION)])
                assert first.contents() == {VERSION_KEY: str(VERSION)}

                until(lambda: answers(lambda: asked.sentinel_failover("main")))
                until(lambda: answers(lambda: first.client.info("replication")["role"] == "slave"))
                until(lambda: answers(lambda: cache.write([version(VERSION + 1)]) == {}))
                assert second.contents() == {VERSION_KEY: str(VERSION + 1)}
            finally:
                sentinel.kill()
    assert "Redis main of the sentinels 127.0.0.1" in unavailable(cache)


def answers(asks: Callable[[], bool]) -> bool:
    """Say whether a question is answered with yes, and not by an error of a server that is away for a moment."""
    try:
        return asks()
    except (RedisError, CacheUnavailable):
        return False


# From Postgres


class Scene:
    """A database, the host that writes it, and a drain role with no further rights."""

    def __init__(self, database: Database) -> None:
        self.host = Host(database.writer())
        self.owner = database.connect()
        self.publisher = database.connect(DRAINER)

    def refresh(self, *workspaces: str) -> None:
        """Have the workspaces' versions bumped, by a drain in SQL alone."""
        for workspace in workspaces:
            self.host.lead(workspace)
        self.publisher.execute("call inboxdb.drain_dirty()")

    def fail(self, workspace: str, started_at: datetime) -> None:
        """Have a status of a failed attempt written."""
        self.owner.execute(
            "select inboxdb.record_job(%s, %s, %s, 3, '57014: the refresh was cancelled')", [JOB, workspace, started_at]
        )

    def unpublished(self) -> list[Key]:
        rows = self.publisher.execute("select * from inboxdb.unpublished()")
        return [
            Key(kind, client, item, rank, key, value, since) for since, kind, client, item, rank, key, value in rows
        ]

    def confirm(self, rows: Sequence[Key]) -> int:
        columns = zip(*((row.kind, row.client_id, row.item, row.rank) for row in rows), strict=True)
        ((confirmed,),) = self.publisher.execute(
            "select inboxdb.confirm_published(%s, %s, %s, %s::bigint[])", [list(column) for column in columns]
        ).fetchall()
        return int(confirmed)

    def truth(self) -> dict[str, object]:
        """Return the right content of Redis, by the tables."""
        with self.owner.transaction():
            self.owner.execute("set local timezone = 'UTC'")
            versions = self.owner.execute("select family, client_id::text, version from inboxdb.cache_version")
            jobs = self.owner.execute(
                "select job_name, client_id::text, last_started_at, last_finished_at, last_status, last_error, "
                "duration_ms, attempt, case when last_status = 'failed' then null "
                "when recount_reason is null then 'by_change' else 'recount' end, recount_reason, run_id "
                "from inboxdb.job_status"
            )
            names = ["lastStartedAt", "lastFinishedAt", "lastStatus", "lastError", "durationMs", "attempt"]
            names += ["mode", "recountReason", "runId"]
            return {f"{family}:v1:ver:{workspace}": str(version) for family, workspace, version in versions} | {
                f"jobs:v1:{job}:{workspace}": dict(
                    zip(names, [iso(started), iso(finished), *rest], strict=True),
                )
                for job, workspace, started, finished, *rest in jobs
            }


def iso(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def copy(redis: RedisServer) -> dict[str, object]:
    """Read the content of Redis, in the form of `Scene.truth`."""
    return {key: json.loads(value or "") if "jobs:" in key else value for key, value in redis.contents().items()}


class Meddled(Cache):
    """A Redis with a hook after each write, before the write is confirmed."""

    def __init__(self, url: str, meddle: Callable[[], object]) -> None:
        super().__init__(url)
        self.meddle = meddle
        self.published: list[list[Key]] = []

    def write(self, keys: Sequence[Key]) -> dict[Key, str]:
        refused = super().write(keys)
        self.published.append(list(keys))
        self.meddle()
        return refused


def publish(connection: psycopg.Connection[Any], cache: Cache) -> int:
    return Publisher(cache).publish(connection)


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


@pytest.mark.all_hosts
def test_any_publisher_copies_what_drains_left(database: Database, redis: RedisServer, cache: Cache) -> None:
    scene = Scene(database)
    workspaces = [scene.host.workspace() for _ in range(3)]
    scene.refresh(*workspaces)
    scene.fail(workspaces[0], datetime.now(UTC))
    assert publish(scene.publisher, cache) == 9
    assert len(redis.contents()) == 9
    assert copy(redis) == scene.truth()
    assert scene.unpublished() == []
    assert publish(scene.publisher, cache) == 0

    scene.refresh(workspaces[1])
    assert publish(scene.publisher, cache) == 3
    assert copy(redis) == scene.truth()


def test_times_are_in_utc(database: Database, redis: RedisServer, cache: Cache, scene: Scene) -> None:
    scene.refresh(scene.host.workspace())
    set_clock(scene.owner, "2026-07-01 12:00:00.000001+00")
    publish(database.connect(DRAINER, direct=True, options="-c timezone=Asia/Tokyo"), cache)
    assert copy(redis) == scene.truth()


def test_more_than_a_batch(redis: RedisServer, cache: Cache, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish_module, "BATCH", 6)
    scene.refresh(*(scene.host.workspace() for _ in range(4)))  # full batches only
    assert publish(scene.publisher, cache) == 12
    assert copy(redis) == scene.truth()
    assert scene.unpublished() == []


def test_what_moves_on_meanwhile_is_published_too(redis: RedisServer, scene: Scene) -> None:
    workspaces = [scene.host.workspace() for _ in range(2)]
    scene.refresh(*workspaces)
    moves = [workspaces[0]]
    cache = Meddled(redis.url, lambda: scene.refresh(moves.pop()) if moves else None)
    assert publish(scene.publisher, cache) == 9
    assert [len(rows) for rows in cache.published] == [6, 3]
    assert copy(redis) == scene.truth()
    assert scene.unpublished() == []


def test_what_moves_on_after_the_copy_stays_unpublished(redis: RedisServer, cache: Cache, scene: Scene) -> None:
    workspace, other = scene.host.workspace(), scene.host.workspace()
    scene.refresh(workspace, other)
    rows = scene.unpublished()
    cache.write(rows)
    scene.refresh(workspace)
    assert scene.confirm(rows) == 3
    assert {row.client_id for row in scene.unpublished()} == {workspace}
    assert {row.redis_key for row in scene.unpublished()} == {row.redis_key for row in rows if row.client_id != other}


def test_steady_writes_do_not_keep_a_publisher(redis: RedisServer, cache: Cache, scene: Scene) -> None:
    workspaces = [scene.host.workspace() for _ in range(20)]
    scene.refresh(*workspaces)
    publish(scene.publisher, cache)
    scene.refresh(workspaces.pop())
    busy = Meddled(redis.url, lambda: scene.refresh(workspaces.pop()))
    assert publish(scene.publisher, busy) == 3
    assert len(scene.unpublished()) == 3, "left to the drain that wrote them"


def test_an_older_publisher_takes_nothing_back(redis: RedisServer, cache: Cache, scene: Scene) -> None:
    workspace = scene.host.workspace()
    scene.refresh(workspace)
    older = scene.unpublished()
    scene.refresh(workspace)
    newer = scene.unpublished()
    truth = scene.truth()

    cache.write(newer)
    cache.write(older)
    assert copy(redis) == truth
    assert scene.confirm(older) == 0
    assert scene.unpublished() == newer
    assert scene.confirm(newer) == 3
    cache.write(older)
    assert scene.confirm(older) == 0
    assert copy(redis) == truth
    assert scene.unpublished() == []


def test_rows_that_somebody_is_writing_are_not_waited_for(
    database: Database, redis: RedisServer, cache: Cache, scene: Scene
) -> None:
    busy, free = scene.host.workspace(), scene.host.workspace()
    scene.refresh(busy, free)
    before = scene.truth()
    writer = database.connect(autocommit=False)
    writer.execute("select inboxdb.bump_versions(%s, %s)", [JOB, busy])
    scene.publisher.execute("set statement_timeout = '5s'")
    publish(scene.publisher, cache)
    assert copy(redis) == before
    assert {(row.kind, row.client_id) for row in scene.unpublished()} == {("version", busy)}

    writer.commit()
    assert publish(scene.publisher, cache) == 2
    assert copy(redis) == scene.truth() != before
    assert scene.unpublished() == []


def test_a_publisher_that_dies_before_it_confirms(
    database: Database, redis: RedisServer, cache: Cache, scene: Scene
) -> None:
    scene.refresh(scene.host.workspace())
    doomed = database.connect(DRAINER, direct=True)
    deadly = Meddled(
        redis.url, lambda: scene.publisher.execute("select pg_terminate_backend(%s, 5000)", [doomed.info.backend_pid])
    )
    before = scene.unpublished()
    with pytest.raises(psycopg.OperationalError):
        publish(doomed, deadly)
    assert copy(redis) == scene.truth()
    assert scene.unpublished() == before
    assert publish(scene.publisher, cache) == 3
    assert scene.unpublished() == []


def test_a_flushed_redis_is_filled_again(redis: RedisServer, cache: Cache, scene: Scene) -> None:
    workspaces = [scene.host.workspace() for _ in range(3)]
    scene.refresh(*workspaces)
    publish(scene.publisher, cache)
    redis.client.flushall()
    scene.refresh(workspaces[0])
    publish(scene.publisher, cache)
    assert len(redis.contents()) == 3

    scene.publisher.execute("select inboxdb.mark_all_unpublished()")
    assert publish(scene.publisher, cache) == 9
    assert copy(redis) == scene.truth()


@pytest.mark.parametrize(
    ("harm", "mend"),
    [
        pytest.param(RedisServer.kill, RedisServer.start, id="down"),
        pytest.param(RedisServer.stop, RedisServer.go_on, id="hanging"),
        pytest.param(
            lambda redis: redis.client.config_set("maxmemory", "1"),
            lambda redis: redis.client.config_set("maxmemory", "0"),
            id="full",
        ),
        pytest.param(
            lambda redis: redis.client.replicaof("127.0.0.1", "1"),
            lambda redis: redis.client.replicaof("NO", "ONE"),
            id="read-only",
        ),
    ],
)
def test_nothing_counts_as_published_that_redis_did_not_take(
    redis: RedisServer,
    cache: Cache,
    scene: Scene,
    harm: Callable[[RedisServer], object],
    mend: Callable[[RedisServer], object],
) -> None:
    workspace = scene.host.workspace()
    scene.refresh(workspace)
    publish(scene.publisher, cache)
    scene.refresh(workspace, scene.host.workspace())
    before = scene.unpublished()
    assert len(before) == 6

    harm(redis)
    started = time.monotonic()
    with pytest.raises(CacheUnavailable):
        publish(scene.publisher, cache)
    assert time.monotonic() - started < 3 * TIMEOUT
    assert scene.unpublished() == before

    mend(redis)
    assert publish(scene.publisher, cache) == 6
    assert copy(redis) == scene.truth()
    assert scene.unpublished() == []


def test_refused_keys_hold_up_no_others(redis: RedisServer, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused keys stand in front of the others, in more than a batch."""
    monkeypatch.setattr(publish_module, "BATCH", 4)
    now = [0.0]
    monkeypatch.setattr(publish_module, "monotonic", lambda: now[0])
    redis.client.execute_command("ACL", "SETUSER", "default", "resetkeys", "~jobs:*", "~inbox:*")
    workspaces = [scene.host.workspace() for _ in range(6)]
    scene.refresh(*workspaces)
    publisher = Publisher(Cache(redis.url))

    def taken() -> dict[str, object]:
        return {key: value for key, value in scene.truth().items() if not key.startswith("analytics:")}

    refused = r"refused 6 keys, such as analytics:v1:ver:\*: it refuses a command"
    with pytest.raises(KeysRefused, match=refused):
        publisher.publish(scene.publisher)
    assert copy(redis) == taken()
    assert {row.item for row in scene.unpublished()} == {"analytics"}
    assert drain_status(scene.owner)["unpublished_keys"] == 6

    # what comes later is published, and the refused keys are not sent again so soon, though they might be taken now
    scene.refresh(workspaces[0])
    redis.client.execute_command("ACL", "SETUSER", "default", "allkeys")
    with pytest.raises(KeysRefused, match=refused):
        publisher.publish(scene.publisher)
    assert copy(redis) == taken()

    # nor for ever
    now[0] = REFUSED_FOR
    assert publisher.publish(scene.publisher) == 6
    assert copy(redis) == scene.truth()
    assert scene.unpublished() == []


def test_a_redis_that_was_never_reached_shows(redis: RedisServer, scene: Scene) -> None:
    scene.refresh(scene.host.workspace())
    assert drain_status(scene.owner)["unpublished_keys"] is None
    redis.kill()
    with pytest.raises(CacheUnavailable):
        publish(scene.publisher, Cache(redis.url))
    assert drain_status(scene.owner)["unpublished_keys"] == 3


def test_keys_that_redis_lost_come_back(redis: RedisServer, cache: Cache, scene: Scene) -> None:
    scene.refresh(*(scene.host.workspace() for _ in range(3)))
    publish(scene.publisher, cache)
    before = copy(redis)
    redis.client.delete(*list(before)[::2])  # as if evicted
    Publisher(cache).publish_at_random(scene.publisher)
    assert copy(redis) == before == scene.truth()
    assert publish(scene.publisher, cache) == 0


def test_going_on_behind_a_key_is_a_look_at_the_index(scene: Scene) -> None:
    scene.owner.execute("""
        insert into inboxdb.cache_version (client_id, family, version, bumped_at, unpublished_since)
        select repeat('w', 400) || n, family, 1, now(), now()
        from generate_series(1, 10000) as n cross join unnest('{inbox,analytics}'::text[]) as family
    """)
    scene.owner.execute("analyze inboxdb.cache_version")
    last = scene.unpublished()[-1]
    page = "select redis_key from inboxdb.unpublished(100, %s, %s, %s)"
    place = [last.unpublished_since, last.client_id, last.redis_key]
    blocks = []
    # the least, because a session reads the catalog again whenever a table was vacuumed meanwhile
    for _ in range(5):
        [([explained],)] = scene.owner.execute(
            f"explain (analyze, buffers, format json) {page}".encode(), place
        ).fetchall()
        blocks.append(explained["Plan"]["Shared Hit Blocks"] + explained["Plan"]["Shared Read Blocks"])
    assert min(blocks) < 800
    assert len(scene.owner.execute(page.encode(), place).fetchall()) == 100


def test_every_page_gets_its_turn(scene: Scene) -> None:
    """Of tables with more pages than are read at a time, each page is met in the end, the first and the last too."""
    scene.owner.execute("""
        insert into inboxdb.cache_version (client_id, family, version, bumped_at)
        select repeat('w', 500) || n, 'inbox', 1, now() from generate_series(1, 200) as n
    """)
    met: set[str] = set()
    while len(met) < 200:
        met |= set(keys_at_random(scene.publisher, pages=2))
    assert len(keys_at_random(scene.publisher, pages=2)) < 40


def keys_at_random(connection: psycopg.Connection[Any], pages: int) -> list[str]:
    return [key for (key,) in connection.execute("select client_id from inboxdb.keys_at_random(%s)", [pages])]


def drain_status(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    [(status,)] = connection.execute("select to_jsonb(s) from inboxdb.drain_status() as s").fetchall()
    return dict(status)


def test_spoiled_keys_do_not_hold_up_the_others(redis: RedisServer, cache: Cache, scene: Scene) -> None:
    workspaces = [scene.host.workspace() for _ in range(2)]
    scene.refresh(*workspaces)
    for row in scene.unpublished():
        if row.client_id == workspaces[0]:
            redis.client.rpush(row.redis_key, "spoiled")
    assert publish(scene.publisher, cache) == 6
    assert copy(redis) == scene.truth()


def test_two_installations_share_a_redis(database: Database, redis: RedisServer) -> None:
    with database.server.database(database.host, installed=True) as preview_database:
        production, preview = Scene(database), Scene(preview_database)
        for scene in (production, preview):
            scene.refresh(scene.host.workspace(id="both"))
        preview.refresh("both")  # the newer pair
        publish(preview.publisher, Cache(redis.url, "preview:"))
        publish(production.publisher, Cache(redis.url))
        found = copy(redis)
        truth = preview.truth()
    assert {key: found.pop(f"preview:{key}") for key in truth} == truth
    assert found == production.truth()


# The tests' own


def test_where_there_is_no_redis_it_is_valkey_but_ci_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.delenv("CI", raising=False)
    with redis_server() as valkey:
        assert valkey.client.info("server")["server_name"] == "valkey"
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception), redis_server():
        pass

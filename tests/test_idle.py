"""Connections that were closed while they were idle: no error, and nothing is lost."""

import logging
import socket
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import partial
from threading import Barrier, Event
from typing import Any

import pytest
import structlog
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from inboxdb.database import logs
from inboxdb.database.connection import Connection, connect
from inboxdb.drain import announce, pace, passes, run
from inboxdb.drain.options import DrainOptions, Schedule
from inboxdb.drain.redis import Cache
from inboxdb.drain.refresh import Refresh
from inboxdb.drain.run import drain
from tests.interleave import DEADLINE, until
from tests.redis_server import RedisServer
from tests.rows import Host
from tests.running import drains, watching
from tests.servers import OWNER, Database
from tests.tcp_proxy import Proxy, proxy
from tests.test_worker import Ear, until_counted

Said = list[MutableMapping[str, Any]]


@pytest.fixture
def said() -> Iterator[Said]:
    """The lines that drains in this process log."""
    logs.configure(level=logging.DEBUG)
    with structlog.testing.capture_logs() as lines:
        yield lines
    logs.configure()


class Rests:
    """Holds the worker and the announcer of a watching run while their connections are idle."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Begin without."""
        self._is_wanted = False
        self._meeting = Barrier(3)  # worker, announcer, test
        self._announcer: announce.Announcer | None = None
        announcers_pause = announce.Announcer._pause

        def workers_rest(last: float, worked: bool) -> float:
            if not worked:
                self._hold()
            return pace.IDLE_FIRST

        def announcers_rest(announcer: announce.Announcer, now: float) -> float:
            self._announcer = announcer
            self._hold()
            return announcers_pause(announcer, now)

        monkeypatch.setattr(pace, "idle_pause", workers_rest)
        monkeypatch.setattr(announce.Announcer, "_pause", announcers_rest)

    def _hold(self) -> None:
        if self._is_wanted:
            self._meeting.wait(DEADLINE)
            self._meeting.wait(DEADLINE)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Begin a rest, which lasts as long as the `with` block."""
        until(lambda: self._announcer)
        assert self._announcer
        self._is_wanted = True
        self._announcer.enqueue(Refresh("nothing to tell", "skipped"))  # wakes the announcer, which rests anew
        self._meeting.wait(DEADLINE)
        self._is_wanted = False
        yield
        self._meeting.wait(DEADLINE)


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> Rests:
    return Rests(monkeypatch)


def warnings(said: Said) -> Said:
    return [line for line in said if line["log_level"] not in ("debug", "info")]


def signals(ear: Ear, host: Host, owner: Connection, workspace: str, leads: int) -> None:
    """Add a lead, and expect it to be counted and its signal to be heard."""
    host.lead(workspace)
    until_counted(owner, workspace, leads)
    heard = ear.next()
    assert heard
    assert heard["workspace"] == workspace
    while ear.next(timeout=0.1):
        pass


def terminate(owner: Connection) -> None:
    """Terminate the backends of drains."""
    owner.execute("select pg_terminate_backend(pid, 5000) from unnest(%s::integer[]) as pid", [drains(owner)])


@pytest.fixture
def no_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the announcer's connection be idle for as long as nothing happens."""
    monkeypatch.setattr(announce, "HEARTBEAT", 3600.0)


def through(proxy: Proxy, database: Database) -> str:
    return make_conninfo(database.dsn, host="127.0.0.1", port=proxy.port, sslmode="disable", gssencmode="disable")


def socket_of(database: Database) -> str:
    parts = conninfo_to_dict(database.dsn)
    return f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}"


@pytest.mark.usefixtures("no_heartbeats")
def test_a_server_with_an_idle_session_timeout(database: Database, host: Host, said: Said) -> None:
    owner, ear = database.connect(), Ear(database)
    owner.execute("set idle_session_timeout = 0")
    superuser = database.superuser()
    superuser.execute(f"alter role {OWNER} in database {database.name} set idle_session_timeout = '1500ms'")
    with watching(database.dsn):
        workspace = host.workspace()
        until_counted(owner, workspace, 0)
        assert ear.next()
        for leads in (1, 2):
            until(lambda: len(drains(owner)) == 1)  # the worker's alone: its pauses are shorter
            signals(ear, host, owner, workspace, leads)
    assert warnings(said) == []


@pytest.mark.usefixtures("no_heartbeats")
def test_backends_that_somebody_terminates(database: Database, host: Host, said: Said, rests: Rests) -> None:
    owner, ear = database.connect(), Ear(database)
    with watching(database.dsn):
        workspace = host.workspace()
        until_counted(owner, workspace, 0)
        assert ear.next()
        for leads in (1, 2):
            with rests.one():
                terminate(owner)
            signals(ear, host, owner, workspace, leads)
    assert warnings(said) == []


@pytest.mark.usefixtures("no_heartbeats")
@pytest.mark.parametrize("end", [Proxy.finish, Proxy.reset], ids=["finish", "reset"])
def test_a_proxy_that_ends_idle_connections(
    end: Callable[[Proxy], None], database: Database, host: Host, said: Said, rests: Rests
) -> None:
    owner, ear = database.connect(), Ear(database)
    with proxy(socket_of(database)) as between, watching(through(between, database)):
        workspace = host.workspace()
        until_counted(owner, workspace, 0)
        assert ear.next()
        for leads in (1, 2):
            with rests.one():
                end(between)
            signals(ear, host, owner, workspace, leads)
    assert warnings(said) == []


@pytest.mark.usefixtures("no_heartbeats")
def test_a_proxy_that_forgets_connections_without_a_word(
    database: Database, host: Host, said: Said, rests: Rests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "SILENCE", 1.0)
    monkeypatch.setattr(passes, "GRACE", 0.0)
    owner, ear = database.connect(), Ear(database)
    with proxy(socket_of(database)) as between, watching(through(between, database), time_limit=1.0):
        workspace = host.workspace()
        until_counted(owner, workspace, 0)
        assert ear.next()
        with rests.one():
            between.forget()
        signals(ear, host, owner, workspace, 1)
    assert [line for line in warnings(said) if line.get("action") == "announce"] == []


def test_a_run_with_long_pauses(database: Database, host: Host, said: Said) -> None:
    owner = database.connect()
    owner.execute("set idle_session_timeout = 0")
    database.superuser().execute(f"alter role {OWNER} in database {database.name} set idle_session_timeout = '300ms'")
    workspace = host.workspace()
    stop = Event()
    result = drain(database.dsn, DrainOptions(Schedule("for", 4, 1.0)), stop=stop)
    assert result.failed == 0
    assert result.remaining == 0
    until_counted(owner, workspace, 0)
    assert warnings(said) == []


def test_a_sparse_run_has_no_connection_in_its_pauses(
    database: Database, host: Host, said: Said, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that scales to zero sleeps in between, and what waited there is counted in one pass."""
    owner = database.connect()
    workspace = host.workspace()
    stop = Event()
    leads = 0

    def sleep(seconds: float) -> None:
        nonlocal leads
        assert 0 < seconds <= 1
        until(lambda: not drains(owner))
        until_counted(owner, workspace, leads)
        assert redis.client.get(f"inbox:v1:ver:{workspace}")
        if leads == 2:
            stop.set()
        leads += 1
        host.lead(workspace)
        now[0] += 3600

    now = [0.0]
    monkeypatch.setattr(run, "sleep", sleep)
    monkeypatch.setattr(run, "monotonic", lambda: now[0])
    options = DrainOptions(Schedule("watch", every=3600), workers=2, cache=Cache(redis.url))
    result = drain(database.dsn, options, stop=stop)
    assert (result.refreshed, result.failed, result.remaining) == (3, 0, 1)
    [(kind, refreshed, ended)] = owner.execute("select kind, refreshed, ended_at is null from inboxdb.run").fetchall()
    assert (kind, refreshed, ended) == ("watch", 3, False)
    assert warnings(said) == []


def _finds(owner: Connection, query: sql.Composed) -> bool:
    return owner.execute(query).rowcount > 0


def test_signs_of_life_go_on(
    database: Database, host: Host, said: Said, rests: Rests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "HEARTBEAT", 0.5)
    owner = database.connect()
    with watching(database.dsn):
        until(lambda: drains(owner))
        for _ in range(2):
            with rests.one():
                terminate(owner)
            [(before,)] = owner.execute("select clock_timestamp()").fetchall()
            seen = sql.SQL("select from inboxdb.run where seen_at > {}").format(before)
            until(partial(_finds, owner, seen))
    assert warnings(said) == []


@pytest.mark.usefixtures("no_heartbeats")
def test_what_could_not_be_signalled_while_the_server_let_nobody_in_is_signalled_later(
    database: Database, host: Host, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def refuse(dsn: str, *, application_name: str) -> Connection:
        tries.append(time.monotonic())
        if len(tries) < 3:
            return original("host=/nowhere", application_name=application_name)
        return original(dsn, application_name=application_name)

    original = announce.connect  # type: ignore[attr-defined]
    monkeypatch.setattr(announce, "connect", refuse)
    monkeypatch.setattr(announce, "HEARTBEAT", 0.2)
    ear = Ear(database)
    with watching(database.dsn):
        workspace = host.workspace()
        heard = ear.next()
    assert heard
    assert heard["workspace"] == workspace
    assert len(tries) >= 3


def test_the_kernel_watches_over_idle_connections(database: Database) -> None:
    with proxy(socket_of(database)) as between:
        with connect(through(between, database)) as connection:
            own = socket.socket(fileno=connection.fileno())
            try:
                assert own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
                assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
            finally:
                own.detach()
        asked = make_conninfo(through(between, database), tcp_user_timeout=7000)
        with connect(asked) as connection:
            own = socket.socket(fileno=connection.fileno())
            try:
                assert own.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000
            finally:
                own.detach()


@pytest.mark.usefixtures("no_heartbeats")
@pytest.mark.parametrize("end", ["finish", "reset", "forget", "timeout"])
def test_a_redis_that_closes_idle_connections(
    end: str, database: Database, host: Host, redis: RedisServer, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inboxdb.drain.redis.IDLE", 0.0)
    owner = database.connect()
    path = redis.url.removeprefix("unix://")
    with proxy(path) as between, watching(database.dsn, cache=Cache(f"redis://127.0.0.1:{between.port}")):
        workspace = host.workspace()
        for leads in range(3):
            until_counted(owner, workspace, leads)
            # the publisher's last words: its connection is idle from then on
            until(lambda: _is_published(owner, redis, workspace) and said[-1]["event"] == "published")
            if end == "timeout":
                redis.client.client_kill_filter(_type="normal", skipme=True)
            else:
                getattr(between, end)()
            host.lead(workspace)
    assert warnings(said) == []


@pytest.mark.usefixtures("no_heartbeats")
def test_a_redis_that_was_away_is_tried_again_after_a_rest_though_nothing_happens(
    database: Database, host: Host, redis: RedisServer, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "REST", 0.1)
    owner = database.connect()
    redis.kill()
    with watching(database.dsn, cache=Cache(redis.url)):
        workspace = host.workspace()
        until(lambda: warnings(said))
        redis.start()
        until(lambda: _is_published(owner, redis, workspace))


def _is_published(owner: Connection, redis: RedisServer, workspace: str) -> bool:
    query = "select version::text from inboxdb.cache_version where client_id = %s and family = 'inbox'"
    rows = owner.execute(query, [workspace]).fetchall()
    return bool(rows) and redis.client.get(f"inbox:v1:ver:{workspace}") == rows[0][0]

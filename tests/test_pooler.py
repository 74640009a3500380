"""PgBouncer in transaction mode: what the tests take for granted of it, and what inboxdb does when it is full."""

import copy
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo

from inboxdb import cli
from inboxdb.counts.verify import verify
from inboxdb.database.connection import Connection, connect
from inboxdb.database.errors import CannotConnect, PoolerInBetween
from inboxdb.drain.run import drain
from inboxdb.install import migrate, plan
from tests.catalog import catalog, difference
from tests.interleave import DEADLINE, until
from tests.pooler import POOL_SIZE, VARIABLE, pooler
from tests.rows import Host
from tests.servers import LOGINS, MEMBER, OWNER, WRITER, Database, Server, new_folder


@pytest.fixture(scope="session")
def pooled_server(server: Server) -> Iterator[Server]:
    """A server with a pooler in front, whatever --pooler says; skipped where there is none, but failed in CI."""
    with pooler(new_folder(), server.dsn, LOGINS, server.password) as address:
        pooled = copy.copy(server)
        pooled.pooler = address
        yield pooled


@pytest.fixture
def pooled(database: Database, pooled_server: Server) -> Database:
    """A new database, reached through the pooler."""
    return replace(database, server=pooled_server)


def backend(connection: Connection) -> int:
    """Ask which backend it is that answers."""
    [(pid,)] = connection.execute("select pg_backend_pid()").fetchall()
    return int(pid)


# The fixture


def test_what_is_asked_for_is_never_passed_over() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--pooler"],
        env={**os.environ, VARIABLE: "/nowhere/pgbouncer"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no PgBouncer" in run.stderr


def test_clients_share_backends_and_what_is_left_in_them(pooled: Database) -> None:
    clients = [pooled.writer() for _ in range(3 * POOL_SIZE)]
    assert len({backend(client) for client in clients}) <= POOL_SIZE
    clients[0].execute("set statement_timeout = 4242")
    assert clients[1].execute("show statement_timeout").fetchall() == [("4242ms",)]


def test_what_is_direct_shares_nothing(pooled: Database) -> None:
    clients = [
        pooled.connect(),
        pooled.connect(WRITER, direct=True),
        pooled.superuser(),
        psycopg.connect(pooled.direct_dsn),
    ]
    assert [backend(client) for client in clients] == [client.info.backend_pid for client in clients]
    clients[-1].close()


def test_each_client_keeps_its_name(pooled: Database) -> None:
    """A run is known by it, and its backend is another run's a moment later."""
    clients = {name: pooled.writer(application_name=name) for name in ("one", "two", "three")}
    for _ in range(2):
        for name, client in clients.items():
            assert client.execute("select current_setting('application_name')").fetchall() == [(name,)]


def test_claims_are_of_each_transaction(pooled: Database) -> None:
    who = "select current_user, current_setting('request.jwt.claims', true)"
    ann, nobody, plain = pooled.signed_in("ann"), pooled.signed_in(None, "anon"), pooled.connect(MEMBER)
    for _ in range(2):
        assert ann.execute(who).fetchall() == [("authenticated", '{"sub": "ann"}')]
        with nobody.transaction():
            assert nobody.execute(who).fetchall() == [("anon", "")]
        assert plain.execute(who).fetchall() == [(MEMBER, "")]
    assert {backend(ann), backend(nobody)} == {backend(plain)}


def test_a_database_is_dropped_whoever_is_connected(server: Server, pooled_server: Server) -> None:
    with server.database("text", installed=False) as database:
        dsn = replace(database, server=pooled_server).dsn_of(WRITER)
        idle, busy = (psycopg.connect(dsn) for _ in range(2))
        backend(idle)
        idle.rollback()
        backend(busy)
    idle.close()
    busy.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(database.direct_dsn)


def test_a_pooler_is_gone_afterwards(server: Server) -> None:
    directory = new_folder()
    with pooler(directory, server.dsn, [WRITER], server.password) as address:
        login = make_conninfo(address, dbname="postgres", user=WRITER)
        client = psycopg.connect(login, password=server.password)
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(login, password="guessed")
    assert not directory.exists()
    with pytest.raises(psycopg.OperationalError):
        client.execute("select 1")
    client.close()


def test_a_pooler_that_cannot_start_leaves_nothing(server: Server) -> None:
    directory = new_folder()
    with (
        pytest.raises(RuntimeError, match="no such mode"),
        pooler(directory, server.dsn, [], server.password, settings={"pool_mode": "no such mode"}),
    ):
        pytest.fail("it started")
    assert not directory.exists()


# inboxdb

# What a backend holds for the next client, but for what PgBouncer itself sets anew for each.
LEFT = """
select 'setting ' || name from pg_settings
where source = 'session'
and name not in ('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings')
union all select 'role' where session_user <> current_user
union all select 'lock ' || locktype from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'
union all select 'statement ' || name from pg_prepared_statements
union all select 'cursor ' || name from pg_cursors where is_holdable
union all select 'channel ' || channel from pg_listening_channels() as channel
union all select 'table ' || relname from pg_class where relnamespace = pg_my_temp_schema()
"""


def held_up(owner: Connection) -> list[int]:
    """List the backends of drains that wait for a lock."""
    rows = owner.execute(
        "select pid from pg_stat_activity where datname = current_database() "
        "and application_name like 'inboxdb drain-dirty%' and wait_event_type = 'Lock'"
    )
    return [pid for (pid,) in rows]


@pytest.mark.parametrize(
    "command",
    [
        ("drain-dirty", "--workers", str(2 * POOL_SIZE)),
        ("drain-dirty", "--for", "2", "--every", "0.5"),
        ("recompute", "WORKSPACE"),
        ("mark", "WORKSPACE"),
        ("counts", "WORKSPACE"),
        ("status",),
        ("metrics",),
        ("requeue", "--all"),
        ("verify",),
    ],
    ids=" ".join,
)
def test_nothing_is_left_in_a_backend(pooled: Database, command: tuple[str, ...]) -> None:
    workspace = Host(pooled.writer()).workspace()
    drain(pooled.dsn)
    Host(pooled.writer()).lead(workspace)
    arguments = [workspace if word == "WORKSPACE" else word for word in command]
    result = CliRunner().invoke(cli.main, [*arguments, "--dsn", pooled.dsn])
    assert result.exit_code == 0, result.output
    neighbours = [pooled.connect(OWNER, autocommit=False) for _ in range(POOL_SIZE)]  # in a transaction, so in all
    for neighbour in neighbours:
        assert neighbour.execute(LEFT).fetchall() == []


def test_ctrl_c_ends_a_drain_of_more_workers_than_backends(pooled: Database) -> None:
    """PgBouncer drops a cancel for a client that waits for a backend."""
    host, owner = Host(pooled.writer()), pooled.connect()
    workspaces = [host.workspace() for _ in range(2 * POOL_SIZE)]
    drain(pooled.dsn)
    for workspace in workspaces:
        host.lead(workspace)
    holder = pooled.connect(autocommit=False)
    holder.execute("select from inboxdb.inbox_counts for update")
    running = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "inboxdb", "drain-dirty", "--workers", str(len(workspaces))],
        env={**os.environ, "INBOXDB_DSN": pooled.dsn},
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        try:
            until(lambda: len(held_up(owner)) == POOL_SIZE)
            running.send_signal(signal.SIGINT)
            _, said = running.communicate(timeout=DEADLINE)
        finally:
            running.kill()
    assert (running.returncode, said) == (130, "interrupted\n")
    holder.rollback()
    until(lambda: drain(pooled.dsn).remaining == 0)
    assert verify(pooled.dsn).healthy


def test_a_pooler_without_room_is_named(server: Server) -> None:
    few = {"max_client_conn": "1"}
    with pooler(new_folder(), server.dsn, [WRITER], server.password, settings=few) as address:
        login = make_conninfo(address, dbname="postgres", user=WRITER, password=server.password)
        with connect(login), pytest.raises(CannotConnect, match="a pooler has no connection left") as raised:
            connect(login)
        assert raised.value.may_pass


def test_migrations_are_refused_through_it_and_the_plan_says_so(server: Server, pooled_server: Server) -> None:
    with server.database("text", installed=False) as direct:
        bare = catalog(direct.connect())
        pooled = replace(direct, server=pooled_server)
        # however many backends it has, and whoever else uses them
        for others in (0, 1, POOL_SIZE - 1):
            with ExitStack() as busy:
                for _ in range(others):
                    busy.enter_context(psycopg.connect(pooled.dsn)).execute("select")
                planned = CliRunner().invoke(cli.main, ["migrate", "plan", "--json", "--dsn", pooled.dsn])
                assert planned.exit_code == 3
                found = {one["check"]: one["severity"] for one in json.loads(planned.stdout)["findings"]}
                assert found["pooler"] == "obstacle"
                for refused in (
                    lambda: migrate.apply(pooled.dsn),
                    lambda: migrate.rollback(pooled.dsn),
                    lambda: migrate.mark(pooled.dsn, None),
                ):
                    with pytest.raises(PoolerInBetween):
                        refused()
        assert not difference(bare, catalog(direct.connect()))
        planned = CliRunner().invoke(cli.main, ["migrate", "plan", "--json", "--dsn", pooled.direct_dsn])
        assert "pooler" not in planned.stdout


def test_migrations_run_through_a_pooler_in_session_mode(server: Server) -> None:
    with (
        pooler(new_folder(), server.dsn, [OWNER], server.password, settings={"pool_mode": "session"}) as address,
        server.database("text", installed=False) as database,
    ):
        dsn = make_conninfo(address, dbname=database.name, user=OWNER, password=server.password)
        assert "pooler" not in {one.check for one in plan.examine(dsn).findings}
        assert migrate.apply(dsn, batch=1) == ["0001-tables"]

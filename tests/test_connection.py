"""The choice of a database, and the error when no connection is made."""

import secrets
import socket
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from inboxdb.database.connection import connect, describe, resolve_dsn, session, transaction
from inboxdb.database.errors import CannotConnect, ConnectionLost, DatabaseRefused, UnusableDsn
from inboxdb.demo import embedded
from tests.servers import OWNER, Database

VARIABLES = ("INBOXDB_DSN", "DATABASE_URL", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSERVICE")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="module")
def guarded() -> Iterator[tuple[str, str]]:
    """A server with passwords: connection strings of its superuser, and of a role with a password."""
    directory = Path(tempfile.mkdtemp(prefix="inboxdb-tests-"))
    password = secrets.token_hex(16)
    with embedded.server(directory) as superuser:
        with psycopg.connect(superuser, autocommit=True) as connection:
            connection.execute(f"create role guarded login password '{password}'")
            connection.execute("create role crowd login connection limit 0")
            hba = "local all postgres trust\nlocal all crowd trust\nlocal all guarded scram-sha-256\n"
            (directory / "data" / "pg_hba.conf").write_text(hba)
            connection.execute("select pg_reload_conf()")
            # the postmaster reloads when it gets to it
            give_up_at = time.monotonic() + 30
            while True:
                try:
                    psycopg.connect(superuser, user="nobody-in-particular").close()
                except psycopg.OperationalError as error:
                    if "pg_hba.conf" in str(error):
                        break
                assert time.monotonic() < give_up_at
                time.sleep(0.01)
        yield superuser, make_conninfo(superuser, user="guarded", password=password)


@pytest.mark.parametrize(
    ("explicit", "ours", "theirs", "expected"),
    [
        ("dbname=a", "dbname=b", "dbname=c", "dbname=a"),
        (None, "dbname=b", "dbname=c", "dbname=b"),
        (None, None, "dbname=c", "dbname=c"),
        (None, "", "dbname=c", "dbname=c"),
        (None, None, None, ""),
    ],
)
def test_the_command_line_wins_over_our_variable_over_the_hosts_over_libpqs(
    explicit: str | None, ours: str | None, theirs: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATABASE", "d")
    for variable, value in {"INBOXDB_DSN": ours, "DATABASE_URL": theirs}.items():
        if value is not None:
            monkeypatch.setenv(variable, value)
    assert resolve_dsn(explicit) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h:6543/db?schema=public", "postgresql://u:p@h:6543/db?"),
        (
            "postgres://u:p@h/db?pgbouncer=true&sslmode=require&connection_limit=1&pool_timeout=0",
            "postgres://u:p@h/db?sslmode=require",
        ),
        # parameters for libpq stay as written
        ("postgresql:///db?host=/run/pg&schema=public", "postgresql:///db?host=/run/pg"),
        ("postgresql://h/db?options=-c%20jit%3Doff&schema=x", "postgresql://h/db?options=-c%20jit%3Doff"),
        ("postgresql://u:p%40w?d@h/db", "postgresql://u:p%40w?d@h/db"),
        ("host=h dbname=db password='a?b://'", "host=h dbname=db password='a?b://'"),
    ],
)
def test_a_database_url_may_have_prismas_parameters(url: str, expected: str) -> None:
    assert resolve_dsn(url) == expected
    conninfo_to_dict(expected)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:s3cr@3t@h/db",
        "postgresql://u:s3cr/3t@h/db",
        "postgresql://u:s3cr@3t/x@h/db",
        "postgresql://u:s3cr?3t@a@h/db",
        "postgresql://u:s3cr%zz3t@h/db",
        "postgresql://u:s3cr3t@h/db?sslmod=require",
        "host=h password='s3cr3t",
        "s3cr3t",
    ],
)
def test_a_dsn_that_cannot_be_read_is_not_quoted(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", dsn)
    with pytest.raises(UnusableDsn) as raised:
        resolve_dsn(None)
    assert "DATABASE_URL" in str(raised.value)
    assert "s3cr" not in "".join(traceback.format_exception(raised.value, chain=True))


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://u:p@db.example.com/inbox", "inbox on db.example.com"),
        ("postgresql://u:p@db.example.com:6543/inbox", "inbox on db.example.com:6543"),
        ("host=/run/pg user=u password=p", "the default database on /run/pg"),
        ("service=inbox", "inbox on the local socket"),
    ],
)
def test_a_database_is_named_without_user_and_password(dsn: str, expected: str) -> None:
    assert describe(dsn) == expected


def test_libpqs_variables_name_the_database_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example.com")
    monkeypatch.setenv("PGPORT", "5433")
    monkeypatch.setenv("PGDATABASE", "inbox")
    monkeypatch.setenv("PGPASSWORD", "s3cr3t")
    assert describe("") == "inbox on db.example.com:5433"
    assert describe("host=h port=5432") == "inbox on h"


def refusal(dsn: str) -> str:
    """Fail to connect, and return the message."""
    with pytest.raises(CannotConnect) as raised:
        connect(dsn)
    return str(raised.value)


def test_the_right_password_gets_in(guarded: tuple[str, str]) -> None:
    connect(guarded[1]).close()


def test_why_a_connection_fails_is_said(guarded: tuple[str, str]) -> None:
    superuser, role = guarded
    assert "refused the user or the password" in refusal(make_conninfo(role, password="s3cr3t"))
    assert "wants a password" in refusal(make_conninfo(superuser, user="guarded"))
    assert "does not let this user in" in refusal(make_conninfo(superuser, user="stranger"))
    assert "no such database" in refusal(make_conninfo(superuser, dbname="absent"))
    assert "no connection left" in refusal(make_conninfo(superuser, user="crowd"))
    assert "nothing listens" in refusal(make_conninfo(superuser, port=1))
    assert "a value that libpq does not take" in refusal(make_conninfo(superuser, sslmode="s3cr3t"))


def test_a_closed_port_is_said(unused_port: int) -> None:
    said = refusal(f"host=127.0.0.1 port={unused_port} dbname=inbox user=u password=s3cr3t")
    assert f"inbox on 127.0.0.1:{unused_port}: nothing listens there" in said
    assert "s3cr3t" not in said


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_host_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inboxdb.database.connection.CONNECT_TIMEOUT", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "did not answer in time" in refusal(f"host=127.0.0.1 port={silent.getsockname()[1]}")


def test_it_works_whatever_the_roles_defaults_are(database: Database) -> None:
    superuser = database.superuser()
    for setting in ("default_transaction_isolation = serializable", "statement_timeout = 12345", "jit = on"):
        superuser.execute(f"alter role {OWNER} in database {database.name} set {setting}")
    with session(database.dsn, application_name="inboxdb trial") as connection:
        assert connection.prepare_threshold is None
        with transaction(connection, 1.5):
            shown = [
                connection.execute(f"show {name}").fetchall()
                for name in ("transaction_isolation", "statement_timeout", "application_name", "jit")
            ]
        assert shown == [[("read committed",)], [("1500ms",)], [("inboxdb trial",)], [("off",)]]
        # local to the transaction
        assert connection.execute("show statement_timeout").fetchall() == [("12345ms",)]


def test_a_lost_connection_is_told_from_a_refusal(database: Database) -> None:
    def use(*statements: str) -> None:
        with session(database.dsn, application_name="inboxdb trial") as connection:
            for statement in statements:
                connection.execute(statement)

    with pytest.raises(ConnectionLost) as lost:
        use("select pg_terminate_backend(pg_backend_pid(), 5000)")
    assert database.name in str(lost.value)
    assert database.server.password not in str(lost.value)

    with pytest.raises(DatabaseRefused) as refused:
        use("select 'a secret'::integer")
    assert refused.value.sqlstate == "22P02"
    assert database.name in str(refused.value)
    assert "a secret" not in str(refused.value)

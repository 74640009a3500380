"""What a program does that starts while no connection can be had: told by SQLSTATE, errno and class, never by words."""

import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from select import select
from time import monotonic

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from inboxdb.database import refusal
from inboxdb.database.connection import connect, resolve_dsn, session
from inboxdb.database.errors import CannotConnect, ConnectionLost, UnusableDsn
from inboxdb.drain.options import DrainOptions, Schedule
from inboxdb.drain.run import drain
from tests.interleave import DEADLINE, until
from tests.pooler import pooler
from tests.refusing_server import refusing_server
from tests.running import Start, programs
from tests.servers import WRITER, Database, Server, new_folder

PASSES = {
    "starting up": ("57P03", "the database system is starting up"),
    "starting up, in German": ("57P03", "das Datenbanksystem startet"),
    "starting up, in Japanese": ("57P03", "データベースシステムは起動処理中です"),
    "after a crash": ("57P03", "the database system is in recovery mode"),
    "a standby that starts": ("57P03", "the database system is not yet accepting connections"),
    "shutting down, in French": ("57P03", "le système de bases de données se ferme"),
    "an administrator's end": ("57P01", "terminating connection due to administrator command"),
    "a crash of another session": ("57P02", "terminating connection because of crash of another server process"),
    "too many clients": ("53300", "sorry, too many clients already"),
    "too many clients, in Spanish": ("53300", "lo siento, ya tenemos demasiados clientes"),
    "no memory": ("53200", "out of memory"),
    "disk full": ("53100", "could not write init file: No space left on device"),
    "a database that takes no connections": ("55000", 'database "app" is not currently accepting connections'),
    "a database that is copied": ("55006", 'database "app" is being accessed by other users'),
    "PgBouncer, server away": ("08P01", "server login has been failing, try again later (server_login_retry)"),
    "PgBouncer, queue": ("08P01", "query_wait_timeout"),
    "Supavisor, full": ("XX000", "Max client connections reached"),
    "Supavisor, queue": ("XX000", "(ECHECKOUTTIMEOUT) unable to check out connection from the pool"),
    "Neon wakes": ("XX000", "Couldn't connect to compute node"),
    "RDS Proxy": ("08004", "Timed-out waiting to acquire database connection"),
    "a gateway's own code": ("HV00N", "unable to establish connection"),
    "words that mean the contrary": ("57P03", 'password authentication failed, "u" does not exist, invalid SSL'),
}

FINAL = {
    "wrong password": ("28P01", 'password authentication failed for user "u"', "refused the user or the password"),
    "wrong password, in German": ("28P01", "Passwort-Authentifizierung für Benutzer fehlgeschlagen", "the password"),
    "no such role": ("28000", 'role "u" does not exist', "does not let this user in"),
    "not let in, in French": ("28000", "aucune entrée dans pg_hba.conf pour l'hôte", "does not let this user in"),
    "no such database": ("3D000", 'database "app" does not exist', "no such database"),
    "no such database, in Russian": ("3D000", 'база данных "app" не существует', "no such database"),
    "no right to connect": ("42501", 'permission denied for database "app"', "may not connect"),
    "unknown setting": ("42704", 'unrecognized configuration parameter "a"', "does not know a parameter"),
    "a setting's value": ("22023", 'invalid value for parameter "a": "b"', "the value of a parameter"),
    "words that mean the contrary": ("28P01", "too many connections, starting up", "the password"),
}


@pytest.mark.parametrize("case", PASSES)
def test_what_may_pass_is_waited_for(case: str) -> None:
    sqlstate, message = PASSES[case]
    with refusing_server(sqlstate, message) as dsn, pytest.raises(CannotConnect) as raised:
        connect(dsn)
    assert (raised.value.may_pass, raised.value.sqlstate) == (True, sqlstate)
    assert sqlstate in str(raised.value)
    assert message not in str(raised.value)
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize("case", FINAL)
def test_what_does_not_pass_is_an_error_at_once(case: str) -> None:
    sqlstate, message, reason = FINAL[case]
    with refusing_server(sqlstate, message) as dsn, pytest.raises(CannotConnect) as raised:
        drain(dsn, DrainOptions(Schedule("watch")))
    assert (raised.value.may_pass, raised.value.sqlstate) == (False, sqlstate)
    assert reason in str(raised.value)
    assert message not in str(raised.value)


def test_a_watching_drain_waits_for_a_pooler_whose_server_is_away() -> None:
    with refusing_server("08P01", "server login has been failing") as dsn, programs(dsn) as start:
        running = start("drain-dirty", "--watch")
        until(lambda: running.stderr.count("trying again") >= 2)
        running.signal(signal.SIGTERM)
        assert running.end()[0] == 0


def test_a_run_for_a_while_waits_too_and_a_single_run_does_not(start: Start) -> None:
    with refusing_server("57P03", "das Datenbanksystem startet") as dsn:
        returned, _, stderr = start("drain-dirty", INBOXDB_DSN=dsn).end()
        assert (returned, "57P03" in stderr) == (1, True)
        returned, _, stderr = start("drain-dirty", "--for", "2", INBOXDB_DSN=dsn).end()
        assert (returned, "trying again" in stderr) == (0, True)


def test_a_real_database_that_takes_no_connections(server: Server, database: Database) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as superuser:
        superuser.execute(f"alter database {database.name} allow_connections false")
        try:
            with pytest.raises(CannotConnect, match="takes no connections at present") as raised:
                connect(database.dsn)
        finally:
            superuser.execute(f"alter database {database.name} allow_connections true")
    assert raised.value.may_pass


def test_a_real_pooler_whose_server_is_away(server: Server) -> None:
    settings = {"server_connect_timeout": "1", "query_wait_timeout": "2"}
    away = make_conninfo(server.dsn)
    with pooler(new_folder(), away, [WRITER], server.password, settings=settings) as address:
        login = make_conninfo(address, user=WRITER, password=server.password, dbname="absent")
        with pytest.raises(CannotConnect) as raised, session(login, application_name="inboxdb test") as connection:
            connection.execute("select 1")
        assert raised.value.sqlstate
        with pytest.raises(CannotConnect, match="refused the user or the password") as raised:
            connect(make_conninfo(login, dbname="postgres", password="wrong"))
        assert not raised.value.may_pass


# Where no server says a code


@pytest.mark.parametrize(
    ("code", "may_pass"), [(socket.EAI_AGAIN, True), (socket.EAI_FAIL, True), (socket.EAI_NONAME, False)]
)
def test_a_name_that_cannot_be_looked_up_for_now(code: int, may_pass: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "words in any language")

    monkeypatch.setattr("inboxdb.database.refusal.socket.getaddrinfo", fails)
    with pytest.raises(CannotConnect) as raised:
        connect("host=db.invalid")
    assert raised.value.may_pass is may_pass


@pytest.fixture
def silent_server() -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers as the list says, then closes the connection."""
    answers: list[bytes] = []

    def answer() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(8, socket.MSG_WAITALL)
                for said in answers:
                    client.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            port = listener.getsockname()[1]
            yield f"host=127.0.0.1 port={port} dbname=app user=u gssencmode=disable", answers
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_proxy_that_closes_every_connection(silent_server: tuple[str, list[bytes]]) -> None:
    for sslmode in ("disable", "prefer", "require", "verify-full"):
        with pytest.raises(CannotConnect, match="closed the connection") as raised:
            connect(make_conninfo(silent_server[0], sslmode=sslmode, sslrootcert=""))
        assert raised.value.may_pass


def test_the_look_at_a_silent_server_is_taken_once_and_holds_up_no_other_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker that connects again stands still, and an announcer beside goes on: libpq's own ping would hold Python's
    lock for as long as it waits. The first connection still waits when this thread has accepted it, and is the only.
    """
    ahead: list[float] = []
    monkeypatch.setattr(refusal, "monotonic", lambda: monotonic() + sum(ahead))
    monkeypatch.setattr(refusal, "TIMEOUT", DEADLINE)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as threads:
        dsn = f"host=127.0.0.1 port={listener.getsockname()[1]} dbname=app user=u sslmode=disable gssencmode=disable"
        looking = threads.submit(refusal.why, psycopg.OperationalError(), dsn)
        client, _ = listener.accept()
        with client:
            assert client.recv(1024), "what a session begins with"
            assert select([client], [], [], 0) == ([], [], []), "the other side has given up already"
            ahead.append(DEADLINE)
        assert looking.result(DEADLINE).reason == "it did not answer in time"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_server_without_tls(silent_server: tuple[str, list[bytes]]) -> None:
    dsn, answers = silent_server
    answers.append(b"N")
    with pytest.raises(CannotConnect, match="do not agree on SSL") as raised:
        connect(make_conninfo(dsn, sslmode="require"))
    assert not raised.value.may_pass


def test_a_certificate_of_somebody_else(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    subject = ["-subj", "/CN=elsewhere", "-days", "2", "-nodes"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
        *subject,
    ]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def answer() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                client.recv(8, socket.MSG_WAITALL)
                client.sendall(b"S")
                try:
                    with context.wrap_socket(client, server_side=True) as secured:
                        secured.recv(1)
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        try:
            dsn = f"host=127.0.0.1 port={listener.getsockname()[1]} user=u gssencmode=disable"
            trusted = make_conninfo(dsn, sslmode="verify-full", sslrootcert=str(certificate))
            with pytest.raises(CannotConnect, match="certificate was not accepted") as raised:
                connect(trusted)
            assert not raised.value.may_pass
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    "parameters",
    [
        {"sslmode": "s3cr3t"},
        {"connect_timeout": "s3cr3t"},
        {"target_session_attrs": "s3cr3t"},
        {"channel_binding": "s3cr3t"},
        {"port": "s3cr3t"},
        {"service": "s3cr3t"},
    ],
    ids=str,
)
def test_a_value_that_libpq_does_not_take(parameters: dict[str, str]) -> None:
    with pytest.raises(CannotConnect, match="a value that libpq does not take") as raised:
        connect(make_conninfo("host=127.0.0.1", **parameters))
    assert not raised.value.may_pass


@pytest.mark.parametrize(
    ("dsn", "parameter"),
    [
        ("postgresql://u:s3cr3t@h/db?sslmod=require", "sslmod"),
        ("postgresql://u:s3cr3t@h/db?sslmode=require&channelBinding=require", "channelBinding"),
        ("postgres://u:s3cr3t@h/db?uselibpqcompat=true", "uselibpqcompat"),
        ("postgresql://h/db?sslMode=require", "sslMode"),
        ("host=h dbnam=db password=s3cr3t", "dbnam"),
        ("host=h dbname=db pasword=s3cr3t", "pasword"),
        ("host=h dbname=db pgbouncer=true", "pgbouncer"),
    ],
)
def test_an_unknown_parameter_is_named(dsn: str, parameter: str) -> None:
    with pytest.raises(UnusableDsn, match=f"a parameter that libpq does not know: {parameter}\\.") as raised:
        resolve_dsn(dsn)
    assert "s3cr" not in str(raised.value)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:pa?ss&s3cr=3t@h/db?x",
        "host=h password=pass s3cr=3t",
        "host=h password=x s3cr",
    ],
)
def test_a_part_of_a_password_is_not_taken_for_an_unknown_parameter(dsn: str) -> None:
    with pytest.raises(UnusableDsn) as raised:
        resolve_dsn(dsn)
    assert "s3cr" not in str(raised.value)


def test_a_session_that_the_server_ended_is_lost_in_a_transaction_is_lost(database: Database) -> None:
    def use() -> None:
        with session(database.dsn, application_name="inboxdb test") as connection, connection.transaction():
            connection.execute("set local idle_in_transaction_session_timeout = '10ms'")
            until(lambda: select([connection.fileno()], [], [], 0.1)[0])
            connection.execute("select 1")

    with pytest.raises(ConnectionLost):
        use()

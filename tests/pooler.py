"""PgBouncer in transaction mode in front of a server, and connections fit for a pooler."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from tests.programs import program

VARIABLE = "INBOXDB_TEST_PGBOUNCER"
PROGRAM = os.environ.get(VARIABLE, "pgbouncer")

ADMIN = "pooler_admin"  # knows PgBouncer's console, and nothing of the server

# So few backends that a test's clients share them: a transaction finds session state left by another.
POOL_SIZE = 4

# Not among them is ignore_startup_parameters = options: a test with options is refused, rather than run without.
SETTINGS = {
    "pool_mode": "transaction",
    "default_pool_size": str(POOL_SIZE),
    "max_client_conn": "1000",
    "auth_type": "scram-sha-256",
    "ignore_startup_parameters": "extra_float_digits",
    # By default a server away for a moment counts as away for 15 s.
    "server_login_retry": "1",
}
PORT = 6432

START_TIMEOUT = 30.0  # seconds


def version() -> str:
    """Ask PgBouncer for its version, as in 1.18.0."""
    answer = subprocess.run([program(PROGRAM, "pgbouncer"), "--version"], check=True, capture_output=True, text=True)
    return answer.stdout.split()[1]


@contextmanager
def pooler(
    directory: Path, server: str, logins: Iterable[str], password: str, *, settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run PgBouncer in front of a server for as long as the `with` block lasts.

    It serves any database, also one made meanwhile. It listens on a unix socket only, in a directory closed to other
    users. When root starts it, it runs as `nobody`, since it refuses to run as root.

    Parameters: directory, its own: empty before, gone afterwards. server, a connection string that leads to the
    server. logins, the roles that may log in, all with a common password, shown to the pooler, and by the pooler
    to a server that asks. settings, PgBouncer's, besides those of SETTINGS or in their place.
    Yields its libpq connection string.
    """
    try:
        executable = program(PROGRAM, "pgbouncer")
        with psycopg.connect(server) as connection:
            to = f"host={connection.info.host} port={connection.info.port}"
        users = directory / "users"
        users.write_text("".join(f'"{login}" "{password}"\n' for login in (*logins, ADMIN)))
        own = {"unix_socket_dir": directory, "listen_port": PORT, "auth_file": users, "admin_users": ADMIN}
        lines = (f"{name} = {value}" for name, value in {**own, **SETTINGS, **(settings or {})}.items())
        configuration = directory / "pgbouncer.ini"
        configuration.write_text("\n".join(("[databases]", f"* = {to}", "[pgbouncer]", *lines, "")))
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            for path in (directory, *directory.iterdir()):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [executable, configuration],
                cwd=directory,
                env={"LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a terminal's Ctrl-C is not for the pooler
                **identity,
            )
        try:
            address = make_conninfo(host=str(directory), port=PORT)
            _wait_for(process, make_conninfo(address, dbname="pgbouncer", user=ADMIN, password=password), directory)
            yield address
        finally:
            process.terminate()  # ends at once, whatever is under way
            process.wait()
    finally:
        shutil.rmtree(directory)


def _wait_for(process: subprocess.Popen[bytes], console: str, directory: Path) -> None:
    """Return once PgBouncer answers."""
    give_up_at = time.monotonic() + START_TIMEOUT
    while True:
        try:
            psycopg.connect(console).close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > give_up_at:
                said = " ".join((directory / "log").read_text(errors="replace").splitlines()[-3:])
                raise RuntimeError(f"PgBouncer did not start in {directory}: {said}") from error
            time.sleep(0.01)


class _OwnTransaction(psycopg.Cursor[Any]):
    def execute(self, query: Any, *arguments: Any, **options: Any) -> Self:
        if self.connection.info.transaction_status != TransactionStatus.IDLE:
            return super().execute(query, *arguments, **options)
        with self.connection.transaction():
            return super().execute(query, *arguments, **options)


class _Requests(psycopg.Connection[Any]):
    settings: Mapping[str, str]

    @contextmanager
    def transaction(self, *arguments: Any, **options: Any) -> Iterator[psycopg.Transaction]:
        new = self.info.transaction_status == TransactionStatus.IDLE
        with super().transaction(*arguments, **options) as transaction:
            if new:
                for setting in self.settings.items():
                    self.execute("select set_config(%s, %s, true)", setting)
            yield transaction


def requests(dsn: str, settings: Mapping[str, str]) -> psycopg.Connection[Any]:
    """Connect as PostgREST does, which says anew in each transaction on whose behalf it is, for that alone.

    Parameters: settings, of each transaction: the role, and the claims. A statement by itself is a transaction.
    """
    connection = _Requests.connect(
        dsn, autocommit=True, prepare_threshold=None, cursor_factory=_OwnTransaction, application_name="inboxdb test"
    )
    connection.settings = settings
    return connection

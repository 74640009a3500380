"""The PostgreSQL servers of the tests, and a database of its own for each test."""

import json
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Composed
from pytest_postgresql.janitor import DatabaseJanitor

from inboxdb.demo import embedded
from inboxdb.install import migrate
from tests import hosts, released
from tests.pooler import pooler, requests

OWNER = "host_owner"  # owns the host's tables and installs inboxdb; no superuser
WRITER = "app_writer"  # the application: writes the host's tables, owns nothing, has no right in inboxdb
MEMBER = "app_member"  # connects for browsers, as PostgREST does: nothing of its own, becomes authenticated or anon
DRAINER = "cron"  # nothing but inboxdb_drainer
MONITOR = "watcher"  # nothing but inboxdb_monitor
ROUTER = "gateway"  # nothing but inboxdb_router
OBSERVER = "reporter"  # nothing but inboxdb_observer
MAINTAINER = "caretaker"  # nothing but inboxdb_maintainer

LOGINS = (OWNER, WRITER, MEMBER, DRAINER, MONITOR, ROUTER, OBSERVER, MAINTAINER)

# Roles with rights in inboxdb, and the login roles that are members.
HELD = {
    "anon": MEMBER,
    "authenticated": MEMBER,
    "inboxdb_drainer": DRAINER,
    "inboxdb_maintainer": MAINTAINER,
    "inboxdb_monitor": MONITOR,
    "inboxdb_router": ROUTER,
    "inboxdb_observer": OBSERVER,
}

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "max_prepared_transactions": "10",
    "max_wal_size": "512MB",
    "wal_level": "logical",
}

MEMORY = "/dev/shm"
MEMORY_WANTED = 4 << 30  # bytes

# An embedded version, the folder of another PostgreSQL's programs, or the connection string of a running server.
Source = int | Path | str


def find(version: int) -> Source:
    """Find a PostgreSQL: in the folder of INBOXDB_TEST_PG<version>, else embedded, else Debian's.

    Raises pytest.UsageError where there is none: no requested version is passed over.
    """
    variable = f"INBOXDB_TEST_PG{version}"
    if variable not in os.environ and version in embedded.PACKAGES:
        return version
    folder = Path(os.environ.get(variable, f"/usr/lib/postgresql/{version}/bin"))
    if not (folder / "initdb").exists():
        raise pytest.UsageError(
            f"no PostgreSQL {version} in {folder}: install it, or name the folder of its programs in {variable}."
        )
    return folder


def new_folder() -> Path:
    """Make a folder for a server, in memory where there is room: on a busy disk a clone can take a second."""
    memory = os.statvfs(MEMORY) if os.path.isdir(MEMORY) else None
    fit = memory and memory.f_bavail * memory.f_frsize > MEMORY_WANTED and not memory.f_flag & os.ST_NOEXEC
    return Path(tempfile.mkdtemp(prefix="inboxdb-tests-", dir=MEMORY if fit else None))


def version_of(source: Source) -> str:
    """Ask a PostgreSQL for its version, as in 18.4."""
    if isinstance(source, str):
        with psycopg.connect(source) as connection:
            return connection.info.parameter_status("server_version") or "unknown"
    folder = embedded.binaries(source) if isinstance(source, int) else source
    answer = subprocess.run([folder / "postgres", "--version"], check=True, capture_output=True, text=True)
    return answer.stdout.removeprefix("postgres (PostgreSQL) ").strip()


class Janitor(DatabaseJanitor):
    """pytest-postgresql's janitor, but on a lasting connection, and copying files: D86."""

    def __init__(self, admin: psycopg.Connection[Any], template: str, *, as_template: bool = False) -> None:
        """Name a new database.

        Parameters: admin, the superuser's connection, in autocommit mode; template, the database to copy;
        as_template, whether to make a template.
        """
        at = admin.info
        name = f"inboxdb_test_{secrets.token_hex(6)}"
        super().__init__(
            user=at.user, host=at.host, port=at.port, dbname=name, template_dbname=template, as_template=as_template
        )
        self._admin = admin

    def init(self) -> None:
        """Create the database; OWNER may make schemas there."""
        super().init()
        self._admin.execute(f"grant create on database {self.dbname} to {OWNER}")

    @contextmanager
    def cursor(self, dbname: str | None = None) -> Iterator[psycopg.Cursor[Any]]:
        """Lend a cursor of the lasting connection."""
        with self._admin.cursor() as cursor:
            yield cursor

    def drop(self) -> None:
        """Drop the database, unless its server was taken away from us."""
        if not self._admin.closed:
            super().drop()

    def disconnect(self) -> None:
        """End a pooler's connections, too."""
        with self.cursor() as cursor:
            self._terminate_connection(cursor, self.dbname)

    def _build_create_database_sql(self) -> Composed:
        return super()._build_create_database_sql() + SQL(" strategy file_copy")

    @staticmethod
    def _terminate_connection(cur: psycopg.Cursor[Any], dbname: str) -> None:
        # A backend is gone a moment after its client. `drop database` meeting the backend would sleep for 100 ms.
        backends = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
        while cur.execute(backends, (dbname,)).fetchone():
            time.sleep(0.001)


class Server:
    """A running server, and we its superuser."""

    def __init__(self, dsn: str, password: str, pooler: str | None = None, *, release: Path | None = None) -> None:
        """Connect, and make the tests' roles where missing.

        Parameters: dsn, the superuser's; password, the login roles', the same in all processes of a session; pooler,
        the connection string of a pooler in front of the server; release, the folder of a release to
        upgrade from, instead of installing directly.
        """
        self.dsn = dsn
        self.password = password
        self.pooler = pooler
        self._release = release
        self._templates: dict[tuple[str, bool, Prepare | None], tuple[Janitor, Any]] = {}
        self._admin = psycopg.connect(dsn, autocommit=True, application_name="inboxdb tests")
        with self._admin.transaction():
            self._admin.execute("select pg_advisory_xact_lock(0)")  # xdist's workers all come this way
            options = dict.fromkeys(
                (OWNER, WRITER, DRAINER, MONITOR, ROUTER, OBSERVER, MAINTAINER), f"login password '{password}'"
            )
            options |= {MEMBER: f"login noinherit password '{password}'"} | dict.fromkeys(HELD, "nologin")
            for role, option in options.items():
                known = self._admin.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone()
                self._admin.execute(f"{'alter' if known else 'create'} role {role} {option}")
            for role, holder in HELD.items():
                self._admin.execute(f"grant {role} to {holder}")

    def close(self) -> None:
        """Drop the templates and disconnect."""
        for template, _ in self._templates.values():
            template.drop()
        self._admin.close()

    def dsn_of(self, database: str, role: str | None = None) -> str:
        """Return a role's connection string for a database; without a role it is the superuser's."""
        login = {"user": role, "password": self.password} if role else {}
        return make_conninfo(self.dsn, dbname=database, **login)

    @contextmanager
    def database(self, host: str, *, installed: bool, prepare: "Prepare | None" = None) -> Iterator["Database"]:
        """Lend a new database.

        Parameters: host, of whose tables (see tests/hosts.py); installed, whether with inboxdb; prepare, a function to
        add rows, called once for all databases lent with the same function.
        """
        template, prepared = self._template(host, installed, prepare)
        with Janitor(self._admin, template) as clone, ExitStack() as connections:
            yield Database(self, clone.dbname, host, connections, prepared)

    def _template(self, host: str, installed: bool, prepare: "Prepare | None" = None) -> tuple[str, Any]:
        """Return the name of a template, made at the first call, and the value of `prepare`."""
        key = host, installed, prepare
        if key not in self._templates:
            base, prepared = "template0", None
            if installed or prepare:
                base, _ = self._template(host, installed and prepare is not None)
            template = Janitor(self._admin, base, as_template=True)
            name = template.dbname
            template.init()
            try:
                if prepare:
                    with ExitStack() as connections:
                        prepared = prepare(Database(self, name, host, connections))
                    template.disconnect()
                elif installed and self._release:
                    released.upgrade(self.dsn_of(name, OWNER), self._release)
                elif installed:
                    migrate.apply(self.dsn_of(name, OWNER))
                else:
                    with psycopg.connect(self.dsn_of(name)) as connection:
                        connection.execute(f"grant create on schema public to {OWNER}")
                        connection.execute(f"set local role {OWNER}")
                        connection.execute(hosts.tables(host))
                        connection.execute(
                            f"grant select, insert, update, delete, truncate on all tables in schema public to {WRITER}"
                        )
            except BaseException:
                template.drop()
                raise
            self._templates[key] = template, prepared
        template, prepared = self._templates[key]
        return template.dbname, prepared


@dataclass(frozen=True)
class Database:
    """A test's own database: the host's tables, and inboxdb where the fixture installs it."""

    server: Server
    name: str
    host: str
    connections: ExitStack
    prepared: Any = None  # the value of Server.database's `prepare`

    @property
    def dsn(self) -> str:
        """The connection string of OWNER, for the code under test."""
        return self.dsn_of(OWNER)

    @property
    def direct_dsn(self) -> str:
        """The same past any pooler, for migrations."""
        return self.server.dsn_of(self.name, OWNER)

    def dsn_of(self, role: str) -> str:
        """Return a role's connection string for the code under test: through the pooler, if any."""
        if self.server.pooler is None:
            return self.server.dsn_of(self.name, role)
        return make_conninfo(self.server.pooler, dbname=self.name, user=role, password=self.server.password)

    def connect(
        self, role: str | None = None, *, direct: bool = False, autocommit: bool = True, **options: Any
    ) -> psycopg.Connection[Any]:
        """Connect until the test ends.

        Parameters: role, as which the application or a program connects, through the pooler, if any; without
        a role OWNER, and the test's own business, straight to the server. direct, past the pooler,
        for session state. options, libpq's and psycopg's.
        """
        if role is None or direct:
            return self._open(self.server.dsn_of(self.name, role or OWNER), autocommit=autocommit, **options)
        return self._open(self.dsn_of(role), autocommit=autocommit, **options)

    def writer(self, **options: Any) -> psycopg.Connection[Any]:
        """Connect as WRITER."""
        return self.connect(WRITER, **options)

    def signed_in(self, user: str | None, role: str = "authenticated") -> psycopg.Connection[Any]:
        """Connect as MEMBER does for a browser: in a role that owns nothing, with a user's claims, or without any."""
        return self.claiming(None if user is None else json.dumps({"sub": user}), role)

    def claiming(self, claims: str | None, role: str = "authenticated") -> psycopg.Connection[Any]:
        """Connect as MEMBER does for a browser, with these claims, well-formed or not."""
        if self.server.pooler is not None:
            connection = requests(self.dsn_of(MEMBER), {"role": role, "request.jwt.claims": claims or ""})
            self.connections.callback(connection.close)
            return connection
        connection = self.connect(MEMBER)
        connection.execute(f"set role {role}")
        if claims is not None:
            connection.execute("select set_config('request.jwt.claims', %s, false)", (claims,))
        return connection

    def superuser(self, **options: Any) -> psycopg.Connection[Any]:
        """Connect as the superuser, who sees and ends everyone's sessions."""
        return self._open(self.server.dsn_of(self.name), **{"autocommit": True, **options})

    def _open(self, dsn: str, **options: Any) -> psycopg.Connection[Any]:
        habits: dict[str, Any] = {"application_name": "inboxdb test"}
        if self.server.pooler is not None:
            habits["prepare_threshold"] = None  # statements prepared on a backend are missing on the next
        connection: psycopg.Connection[Any] = psycopg.connect(dsn, **{**habits, **options})
        self.connections.callback(connection.close)
        return connection


Prepare = Callable[[Database], Any]


class Servers(dict[str, Server]):
    """The servers of a session by name; each is started when first asked for."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        password: str,
        *,
        pooled: bool = False,
        poolers: Mapping[str, str | None] = {},
        release: str | None = None,
    ) -> None:
        """Take note of where the servers are, and of the password of the login roles.

        Parameters: pooled, whether each server gets a pooler in front of it; poolers, running already; release,
        the commit or folder of a release to upgrade from.
        """
        super().__init__()
        self.sources = sources
        self.password = password
        self.pooled = pooled
        self._poolers = poolers
        self._running = ExitStack()
        self._release = None
        if release:
            folder = Path(self._running.enter_context(tempfile.TemporaryDirectory(prefix="inboxdb-release-")))
            self._release = released.fetch(release, folder)

    def __missing__(self, name: str) -> Server:
        """Start a server, unless running already."""
        source = self.sources[name]
        if not isinstance(source, str):
            source = self._running.enter_context(embedded.server(new_folder(), source, settings=SETTINGS))
        address = self._poolers.get(name)
        if self.pooled:
            address = self._running.enter_context(pooler(new_folder(), source, LOGINS, self.password))
        server = self[name] = Server(source, self.password, address, release=self._release)
        self._running.callback(server.close)
        return server

    def close(self) -> None:
        """Stop the servers started here."""
        self._running.close()


# Where pytest keeps them for a session.
SERVERS = pytest.StashKey[Servers]()

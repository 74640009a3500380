"""Which database to talk to, and connections to the database, safe behind a pooler."""

import logging
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from os import dup
from socket import SHUT_RDWR, socket
from typing import Any

import psycopg
from psycopg import pq, sql
from psycopg.abc import Buffer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import StrDumperUnknown, TextLoader

from inboxdb.database import sources
from inboxdb.database.errors import (
    CannotConnect,
    ConnectionLost,
    DatabaseRefused,
    ImpossibleId,
    MalformedId,
    UnusableDsn,
    is_lost,
)
from inboxdb.database.refusal import UNUSABLE_VALUE, why

logger = logging.getLogger("inboxdb")

Connection = psycopg.Connection[tuple[Any, ...]]

# Parameters of a DATABASE_URL allowed by Prisma and hosting platforms, and refused by libpq.
FOREIGN_PARAMETERS = {
    "schema",
    "connection_limit",
    "pool_timeout",
    "socket_timeout",
    "pgbouncer",
    "statement_cache_size",
    "single_use_connections",
    "max_connection_lifetime",
    "max_idle_connection_lifetime",
    "sslaccept",
    "sslidentity",
    "supa",
}

# The queries that name the rights lacking to the role of inboxdb's functions.
RIGHTS = ("doctor/owners.sql", "doctor/rights.sql", "doctor/hidden_rows.sql", "doctor/upgrade_rights.sql")

# The queries that say why the database refused a statement, by the class of its error.
WHY: dict[type[psycopg.Error], tuple[str, ...]] = {
    psycopg.errors.InsufficientPrivilege: RIGHTS,
    psycopg.errors.ReadOnlySqlTransaction: ("plan/server.sql", "doctor/read_only.sql"),
}

NOT_THERE = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction)

# The part of a URL before its parameters, without a user: no part of a password can stand behind.
HOSTS_ALONE = re.compile(r"\w+://(?:(?:\[[0-9a-fA-F:.]+\]|[^:@/\[\],]*)(?::\d*)?,?)*(?:/[^:@/]*)?")

# How often something is tried whose lock was not free within its lock_timeout, and the pause between, in seconds.
ATTEMPTS = 10
PAUSE = (0.5, 1.5)

# For how long writers may queue behind our locks, in seconds: each file of migrations/ says so, too.
LOCK_TIMEOUT = 2.0

# The settings of a host that could cut a transaction of ours short, or change what a catalog function answers (D113);
# and jit, which compiled queries of the catalog for seconds.
OF_TRANSACTIONS = (
    "set local lock_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local exit_on_error = off; "
    "set local quote_all_identifiers = off; set local standard_conforming_strings = on; set local jit = off"
)
OF_TRANSACTIONS_2024 = f"{OF_TRANSACTIONS}; set local restrict_nonsystem_relation_kind = ''"  # minor versions too
OF_TRANSACTIONS_17 = f"{OF_TRANSACTIONS_2024}; set local transaction_timeout = 0"

LONGEST_STATEMENT = 60.0  # seconds, where nobody says otherwise

CONNECT_TIMEOUT = 10  # seconds, where neither the connection string nor PGCONNECT_TIMEOUT says

# A firewall that forgets a quiet connection drops its packets: the kernel keeps the connection known, in seconds, and
# gives up what is not acknowledged within so many milliseconds, below promised_freshness() (D103).
LIVENESS = {
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def resolve_dsn(explicit: str | None, option: str = "--dsn") -> str:
    """Say which database to use.

    Parameters: explicit, the value of an option, preferred to INBOXDB_DSN, DATABASE_URL and libpq's PG* variables.
    Returns a libpq connection string, empty where only PG* variables are set.
    Raises UnusableDsn where the string cannot be read; the message never quotes the string, which may hold a password.
    """
    given = {
        option: explicit,
        "INBOXDB_DSN": os.environ.get("INBOXDB_DSN"),
        "DATABASE_URL": os.environ.get("DATABASE_URL"),
    }
    for name, value in given.items():
        if value:
            try:
                dsn = _without_foreign_parameters(value)
                known = conninfo_to_dict(dsn)
            except psycopg.ProgrammingError as error:
                # not chained: libpq quotes the string
                raise UnusableDsn(name, _unknown_parameter(value, str(error))) from None
            # libpq takes a password's part behind a raw @ or / for one of these
            if "://" in dsn and any("@" in str(known.get(part, "")) for part in ("host", "port", "dbname")):
                raise UnusableDsn(name)
            return dsn
    return ""


def _without_foreign_parameters(dsn: str) -> str:
    """Remove these parameters, and leave the rest as it is written: the password may hold anything."""
    address, mark, query = dsn.rpartition("?")
    if "://" not in address:
        return dsn
    kept = [part for part in query.split("&") if part.partition("=")[0] not in FOREIGN_PARAMETERS]
    return address + mark + "&".join(kept)


def _unknown_parameter(dsn: str, said: str) -> str | None:
    """Find a parameter's name that libpq does not know; only where it cannot be a part of a password.

    Parameters: dsn; said, libpq's message, which quotes that name, or a part of a password.
    """
    keywords = [option.keyword.decode() for option in pq.Conninfo.get_defaults()]
    address, _, query = dsn.rpartition("?")
    if "://" not in dsn:
        parts, is_open = dsn.split(), True
    elif "://" in address and "@" not in query:
        # behind a host: other words may belong to a password with a raw ?
        parts, is_open = query.split("&"), "@" in address or HOSTS_ALONE.fullmatch(address) is not None
    else:
        return None
    for part in parts:
        name, equals, _ = part.partition("=")
        is_safe = is_open or name in FOREIGN_PARAMETERS or get_close_matches(name, keywords, 1, 0.7)
        if equals and name in said and re.fullmatch("[a-zA-Z_]{3,40}", name) and name not in keywords and is_safe:
            return name
        if "://" not in dsn and "password" in name:
            is_open = False  # other words may belong to a password with a raw space
    return None


def connect(dsn: str, *, application_name: str = "inboxdb") -> Connection:
    """Open an autocommit connection without prepared statements, for poolers in transaction mode.

    Its transactions are READ COMMITTED whatever the role's or the database's default is: the drain needs that. Text is
    UTF8 whatever the database's encoding is; poolers keep this setting, and DateStyle, for each client apart (D114).

    Parameters: dsn, a libpq connection string; application_name, shown in pg_stat_activity.
    Raises CannotConnect, naming host and database, never the password.
    """
    parameters: dict[str, Any] = {"application_name": application_name, "client_encoding": "UTF8"}
    given = conninfo_to_dict(dsn)
    if "connect_timeout" not in given and "PGCONNECT_TIMEOUT" not in os.environ:
        parameters["connect_timeout"] = CONNECT_TIMEOUT
    parameters |= {name: value for name, value in LIVENESS.items() if name not in given}
    conninfo = make_conninfo(dsn, **parameters)
    try:
        connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
        _speak_plainly(connection)
    except psycopg.ProgrammingError as error:
        raise CannotConnect(describe(dsn), UNUSABLE_VALUE) from error
    except psycopg.OperationalError as error:
        # not the message of libpq, because libpq quotes parts of a password without percent-encoding
        raise CannotConnect(describe(dsn), why(error, conninfo)) from error
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    connection.add_notice_handler(_warn)
    return connection


class _AnyTextLoader(TextLoader):
    """Text of an encoding that nobody knows: what is not UTF-8 is kept, to be sent back as it came."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode(errors="surrogateescape")


class _AnyTextDumper(StrDumperUnknown):
    def dump(self, obj: str) -> bytes:
        return obj.encode(errors="surrogateescape")


def _speak_plainly(connection: Connection) -> None:
    """Have dates and text sent in forms that psycopg reads, where the database or the role says otherwise (D114)."""
    if not (connection.info.parameter_status("DateStyle") or "").startswith("ISO"):
        connection.execute("set datestyle = 'ISO'")
    if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
        connection.execute("set client_encoding = 'SQL_ASCII'")
        for text in ("text", "varchar", "bpchar", "name"):
            connection.adapters.register_loader(text, _AnyTextLoader)
        connection.adapters.register_dumper(str, _AnyTextDumper)


def _warn(notice: psycopg.errors.Diagnostic) -> None:
    """Pass on the warnings of inboxdb itself; the server's and the host's are dropped, because they may quote rows."""
    if notice.severity_nonlocalized == "WARNING" and (notice.message_primary or "").startswith("inboxdb "):
        logger.warning("%s. %s", notice.message_primary, notice.message_hint or "")


def cut(connection: Connection | None) -> None:
    """Have whoever waits for this connection's server, in another thread, wait no longer."""
    if connection:
        with suppress(OSError, psycopg.Error), socket(fileno=dup(connection.fileno())) as cutting:
            cutting.shutdown(SHUT_RDWR)


@contextmanager
def session(dsn: str, *, application_name: str) -> Iterator[Connection]:
    """Connect for as long as the `with` block lasts.

    Parameters: as connect.
    Raises CannotConnect; ConnectionLost and DatabaseRefused in place of psycopg's errors in the block.
    """
    with connect(dsn, application_name=application_name) as connection:
        try:
            yield connection
        except psycopg.Error as error:
            raise translated(error, dsn, connection) from error


def translated(error: psycopg.Error, dsn: str, connection: Connection) -> ConnectionLost | DatabaseRefused:
    """Turn a psycopg error into an InboxdbError for the user of the database at `dsn`."""
    if is_lost(error):
        return ConnectionLost(describe(dsn), error.sqlstate)
    return refused(error, connection, describe(dsn))


def refused(error: psycopg.Error, connection: Connection, database: str) -> DatabaseRefused:
    """Say what the database refused, and, as far as the database can be asked, why.

    Parameters: error, of a statement; connection, that the statement was sent over; database, its name for people.
    """
    rows: list[tuple[Any, ...]] = []
    if connection.info.transaction_status == pq.TransactionStatus.IDLE:
        with suppress(psycopg.Error), transaction(connection):
            for query in WHY.get(type(error), ()):
                rows += connection.execute((sources.SQL / "checks" / query).read_bytes())
    if isinstance(error, NOT_THERE) and not rows and not _is_installed(connection):
        rows = [("problem", "inboxdb is not installed there", "run `inboxdb migrate apply`")]
    certain = [row for row in rows if row[0] != "warning"]
    reasons = [(evidence, remedy) for *_, evidence, remedy in certain or rows]
    return DatabaseRefused(error, database, reasons)


def _is_installed(connection: Connection) -> bool:
    with suppress(psycopg.Error):
        query = "select pg_catalog.to_regnamespace('inboxdb') is not null"
        return connection.execute(query).fetchone() == (True,)
    return True


@contextmanager
def transaction(connection: Connection, time_limit: float = LONGEST_STATEMENT) -> Iterator[None]:
    """Run a transaction, its settings local to it: a pooler may give the next one another backend.

    Parameters: connection; time_limit for each statement, in seconds; this and OF_TRANSACTIONS hold whatever is set for
    the server, the database or the role. Inside of a transaction those of the outer one hold.
    Raises psycopg.errors.QueryCanceled for a statement that takes longer.
    """
    is_outer = connection.info.transaction_status == pq.TransactionStatus.IDLE
    with connection.transaction():
        if is_outer:
            connection.execute(sql.SQL("; ").join([_settings(connection), _time_limit(time_limit)]))
        yield


def _settings(connection: Connection) -> sql.SQL:
    """Choose the statements for a server's version."""
    version = connection.info.server_version
    if version >= 170000:
        return sql.SQL(OF_TRANSACTIONS_17)
    return sql.SQL(OF_TRANSACTIONS_2024 if version >= 160004 or 150008 <= version < 160000 else OF_TRANSACTIONS)


def _time_limit(seconds: float) -> sql.Composed:
    return sql.SQL("set local statement_timeout = {}").format(sql.Literal(round(seconds * 1000)))


def in_one_trip(connection: Connection, *statements: tuple[float, sql.Composable]) -> list[list[tuple[Any, ...]]]:
    """Run statements in a transaction of their own, sent to the server as one message, to save round trips (D41).

    Parameters: connection, in autocommit; statements, each with its time limit, in seconds, whatever the role's
    statement_timeout is; each returns rows.
    Returns the rows of each.
    Raises as transaction does; the transaction is undone then.
    """
    parts: list[sql.Composable] = [sql.SQL("begin isolation level read committed"), _settings(connection)]
    for time_limit, statement in statements:
        parts += [_time_limit(time_limit), statement]
    try:
        cursor = connection.execute(sql.SQL("; ").join([*parts, sql.SQL("commit")]))
        answers = []
        while cursor.nextset():
            if cursor.description:
                answers.append(cursor.fetchall())
        return answers
    except psycopg.Error:
        if not connection.broken:
            connection.rollback()
        raise


def shares_backends(connection: Connection, dsn: str) -> bool:
    """Tell whether connections pass a pooler in transaction mode: two connections then share a backend in turns (D83).

    Parameters: connection, in autocommit; dsn, for a second connection, opened for a moment.
    Raises CannotConnect.
    """

    def backend(of: Connection) -> object:
        return of.execute("select pg_catalog.pg_backend_pid()").fetchone()

    with connect(dsn, application_name="inboxdb pooler check") as other:
        for _ in range(3):  # a third client of the pooler may hide the exchange once
            first = backend(connection)
            with other.transaction():
                # either the other connection was lent our backend, or we are lent another one meanwhile
                if backend(other) == first or backend(connection) != first:
                    return True
    return False


def retrying(action: Callable[[], None]) -> None:
    """Do something that needs a lock, and try again while the lock is not free within lock_timeout.

    The pauses between let the writers through that had queued behind it.

    Raises psycopg.errors.LockNotAvailable (or DeadlockDetected) once ATTEMPTS are used up.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return action()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            time.sleep(random.uniform(*PAUSE))
    return action()


@contextmanager
def naming(*ids: str) -> Iterator[None]:
    """Name the ids that a statement is about to use, should the host's ids have another form.

    Raises MalformedId; ImpossibleId.
    """
    try:
        yield
    except psycopg.errors.InvalidTextRepresentation as error:
        raise MalformedId(*ids) from error
    except (
        UnicodeEncodeError,
        psycopg.errors.UntranslatableCharacter,
        psycopg.errors.CharacterNotInRepertoire,
    ) as error:
        raise ImpossibleId(*ids) from error


def describe(dsn: str) -> str:
    """Name a database for people: name, host and port, never user or password."""
    defaults = {option.keyword.decode(): option.val.decode() for option in pq.Conninfo.get_defaults() if option.val}
    known = defaults | {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    name = known.get("dbname") or known.get("service") or "the default database"
    host = known.get("host") or known.get("hostaddr") or "the local socket"
    port = known.get("port", "5432")
    return f"{name} on {host}" + (f":{port}" if port != "5432" else "")

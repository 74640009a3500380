"""Which database to talk to, and a connection to it that is safe behind a pooler."""

import os
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from inboxdb.errors import CannotConnect, UnusableDsn

# libpq's own words are not repeated: where a password was not percent-encoded they quote parts of it.
REASONS = {
    "authentication failed": "the server refused the user or the password",
    "no password supplied": "the server wants a password",
    "does not exist": "the server has no such database or role",
    "refused": "nothing listens there",
    "No such file": "nothing listens there",
    "translate host name": "there is no such host",
    "timeout expired": "it did not answer in time",
    "too many": "the server has no connection left",
    "starting up": "the server is starting up",
    "shutting down": "the server is shutting down",
}

# What Prisma allows in a DATABASE_URL and libpq refuses.
PRISMA_PARAMETERS = {
    "schema",
    "connection_limit",
    "pool_timeout",
    "socket_timeout",
    "pgbouncer",
    "statement_cache_size",
    "single_use_connections",
    "sslaccept",
    "sslidentity",
    "sslpassword",
}


def resolve_dsn(explicit: str | None) -> str:
    """Say which database to use.

    Parameters: explicit, the value of ``--dsn``, which wins over INBOXDB_DSN, DATABASE_URL and libpq's PG* variables.
    Returns a libpq connection string, empty where only PG* speak.
    Raises UnusableDsn where the string cannot be read; the message never quotes it, since it may hold a password.
    """
    sources = {
        "--dsn": explicit,
        "INBOXDB_DSN": os.environ.get("INBOXDB_DSN"),
        "DATABASE_URL": os.environ.get("DATABASE_URL"),
    }
    for name, value in sources.items():
        if value:
            try:
                dsn = _without_prisma_parameters(value)
                if "@" in str(conninfo_to_dict(dsn).get("host", "")):
                    raise ValueError("an @ in the password that is not percent-encoded")
            except (psycopg.ProgrammingError, ValueError) as error:
                raise UnusableDsn(name) from error
            return dsn
    return ""


def _without_prisma_parameters(dsn: str) -> str:
    if "://" not in dsn:
        return dsn
    parts = urlsplit(dsn)
    kept = [(k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if k not in PRISMA_PARAMETERS]
    return urlunsplit(parts._replace(query=urlencode(kept)))


def connect(dsn: str, *, application_name: str = "inboxdb") -> psycopg.Connection[tuple[object, ...]]:
    """Open an autocommit connection that prepares nothing, so that it works through a pooler in transaction mode.

    Parameters: dsn, a libpq connection string; application_name, shown in pg_stat_activity.
    Raises CannotConnect, naming host and database, never the password.
    """
    try:
        return psycopg.connect(
            make_conninfo(dsn, application_name=application_name), autocommit=True, prepare_threshold=None
        )
    except psycopg.OperationalError as error:
        reason = next((said for needle, said in REASONS.items() if needle in str(error)), "the connection failed")
        raise CannotConnect(describe(dsn), reason) from error


def describe(dsn: str) -> str:
    """Name a database for people: host and name, never user or password."""
    known = conninfo_to_dict(dsn)
    host = known.get("host") or os.environ.get("PGHOST") or "the local socket"
    name = known.get("dbname") or os.environ.get("PGDATABASE") or "the default database"
    return f"{name} on {host}"

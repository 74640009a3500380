"""What a DBA should know about an installation, on one page: each check is a query of sql/checks/doctor/."""

import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import errors

from inboxdb.database import sources
from inboxdb.database.connection import Connection, describe, session, transaction
from inboxdb.database.errors import InboxdbError, is_lost

TIME_LIMIT = 10.0  # seconds, for each check

PROBLEM, WARNING, NOT_LOOKED_AT, NOTE, HEALTHY = "problem", "warning", "not looked at", "note", "healthy"
STATUSES = (PROBLEM, WARNING, NOT_LOOKED_AT, NOTE, HEALTHY)  # the worst first

OURS = {"inboxdb", "inbox_api"}


@dataclass(frozen=True)
class Finding:
    """What a check has to say: how bad, what it saw, what to do.

    `remedy` has commands and SQL statements between backquotes.
    """

    severity: str
    evidence: str
    remedy: str


@dataclass(frozen=True)
class Check:
    """A check and what it found."""

    check: str
    findings: list[Finding]

    @property
    def status(self) -> str:
        """The worst severity of its findings, healthy without any."""
        return min((finding.severity for finding in self.findings), key=STATUSES.index, default=HEALTHY)


def examine(dsn: str, *, prisma_schema: Path | None = None) -> list[Check]:
    """Run every check, each in a READ ONLY transaction of its own. Changes nothing.

    Parameters: dsn; prisma_schema, the host's schema.prisma, looked at if given.
    Returns the checks, the worst first.
    Raises CannotConnect, ConnectionLost; InboxdbError where inboxdb is not installed.
    """
    with session(dsn, application_name="inboxdb doctor") as connection:
        # by the catalog, which a role without rights in the schema may read, too
        installed = """
            select from pg_catalog.pg_class as c
            where c.relnamespace = pg_catalog.to_regnamespace('inboxdb') and c.relname = 'drain_state'
        """
        if connection.execute(installed).rowcount == 0:
            raise InboxdbError(f"inboxdb is not installed in {describe(dsn)}: run `inboxdb migrate apply`.")
        checks = [
            Check(file.stem, _findings(connection, file.read_bytes()))
            for file in sorted((sources.SQL / "checks" / "doctor").glob("*.sql"))
        ]
    if prisma_schema is not None:
        checks.append(Check("prisma_schema", prisma_findings(prisma_schema.read_text())))
    return sorted(checks, key=lambda check: STATUSES.index(check.status))


def _findings(connection: Connection, query: bytes) -> list[Finding]:
    try:
        with transaction(connection, TIME_LIMIT):
            connection.execute("set transaction read only; set local lock_timeout = '2s'; set local search_path = ''")
            return [Finding(*row) for row in connection.execute(query).fetchall()]
    except psycopg.Error as error:
        if is_lost(error):
            raise
        reason, remedy = why_not(error)
        return [Finding(NOT_LOOKED_AT, f"{reason} (SQLSTATE {error.sqlstate})", remedy)]


def why_not(error: psycopg.Error) -> tuple[str, str]:
    """Say why a check could not run, and what would let it; the server's own words may quote rows."""
    match error:
        case errors.InsufficientPrivilege():
            return "this role may not see what it needs", "connect as the role that installed inboxdb"
        case errors.QueryCanceled():
            return f"it took longer than {TIME_LIMIT:.0f} s, or was cancelled", "try again when the server is less busy"
        case errors.LockNotAvailable():
            return "a table it reads was locked for longer than 2 s", "try again when that lock is gone"
        case errors.UndefinedTable() | errors.UndefinedFunction() | errors.InvalidSchemaName():
            return "a part of inboxdb that it reads is missing", "see `inboxdb migrate status`"
        case _:
            return "the server refused its query", "the server's log says why"


def prisma_findings(text: str) -> list[Finding]:
    """Find schemas of ours among those that a Prisma schema, given as text, has Prisma manage."""
    code = re.sub(r"//.*", "", text)
    listed = set(re.findall(r'"([^"]*)"', " ".join(re.findall(r"\bschemas\s*=\s*\[(.*?)\]", code, re.DOTALL))))
    return [
        Finding(
            PROBLEM,
            f"schema {name} is among those that Prisma manages, and drops what it does not know from",
            f"take {name} out of the datasource's list of schemas",
        )
        for name in sorted(listed & OURS)
    ]

"""Checks: queries in folders under sql/checks/; each returns findings, and can be run alone in psql."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import psycopg
from psycopg import errors
from psycopg.rows import kwargs_row

from inboxdb.database import sources
from inboxdb.database.connection import Connection, transaction
from inboxdb.database.errors import is_lost

TIME_LIMIT = 10.0  # seconds, for each check

PROBLEM, OBSTACLE, WARNING, NOT_LOOKED_AT, NOTE = "problem", "obstacle", "warning", "not looked at", "note"
SEVERITIES = (PROBLEM, OBSTACLE, WARNING, NOT_LOOKED_AT, NOTE)  # the worst first

MISSING = (errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedColumn, errors.InvalidSchemaName)


@dataclass(frozen=True)
class Finding:
    """A finding of a check: severity, evidence, remedy.

    `remedy` has commands and SQL statements between backquotes. `migration` is the first pending migration that a
    finding of `migrate plan` concerns, None for all of them.
    """

    check: str
    severity: str
    evidence: str
    remedy: str
    migration: str | None = None


def run(connection: Connection, folder: str, settings: Mapping[str, str] | None = None) -> dict[str, list[Finding]]:
    """Run every query of a folder, each in a READ ONLY transaction of its own. Changes nothing.

    Parameters: connection; folder, under sql/checks/; settings, which the queries may read (current_setting).
    Returns the findings of each check. A check that could not run has one finding.
    Raises psycopg.Error where the connection is lost.
    """
    files = sorted((sources.SQL / "checks" / folder).glob("*.sql"))
    return {file.stem: run_one(connection, f"{folder}/{file.name}", settings) for file in files}


def run_one(connection: Connection, query: str, settings: Mapping[str, str] | None = None) -> list[Finding]:
    """Run a query, a file under sql/checks/, as `run` does."""
    file = sources.SQL / "checks" / query

    def findings() -> list[Finding]:
        for setting in (settings or {}).items():
            connection.execute("select pg_catalog.set_config(%s, %s, true)", setting)
        with connection.cursor(row_factory=kwargs_row(partial(Finding, file.stem))) as cursor:
            return cursor.execute(file.read_bytes()).fetchall()

    return attempt(connection, file.stem, findings)


def worst_first(findings: list[Finding]) -> list[Finding]:
    """Sort findings by severity; findings of equal severity stay in order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def attempt(connection: Connection, check: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """Look in a READ ONLY transaction, whose statements end after TIME_LIMIT.

    Returns the findings of a check; one where it could not run: a problem where what it reads is missing, else
    NOT_LOOKED_AT.
    Raises psycopg.Error where the connection is lost.
    """
    try:
        with transaction(connection, TIME_LIMIT):
            connection.execute("set transaction read only; set local lock_timeout = '2s'; set local search_path = ''")
            return look()
    except psycopg.Error as error:
        if is_lost(error):
            raise
        severity = PROBLEM if isinstance(error, MISSING) else NOT_LOOKED_AT
        reason, remedy = _why_not(error)
        return [Finding(check, severity, f"{reason} (SQLSTATE {error.sqlstate})", remedy)]


def _why_not(error: psycopg.Error) -> tuple[str, str]:
    """Say why a check could not run, and the remedy; without the server's message, which may quote rows."""
    if isinstance(error, MISSING):
        return "a part of inboxdb, or of the host's tables, is missing", "`inboxdb migrate plan`, which says what"
    match error:
        case errors.InsufficientPrivilege():
            return (
                "this role, or the one that inboxdb works as, may not see what it needs",
                "see `owners`, `rights` and `hidden_rows`; where these are healthy, connect as the role that installed "
                "inboxdb",
            )
        case errors.QueryCanceled():
            return f"it took longer than {TIME_LIMIT:.0f} s, or was cancelled", "try again when the server is less busy"
        case errors.LockNotAvailable():
            return "a table it reads was locked for longer than 2 s", "try again when that lock is gone"
        case _:
            return "the server refused its query", "the server's log says why"

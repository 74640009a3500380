"""The errors a user can do something about."""

from collections.abc import Sequence

import psycopg
from psycopg import errors

from inboxdb.database.refusal import Refusal

# Settings of a host that end a session; our transactions turn the first two off.
TIMEOUTS = {
    "25P03": "idle_in_transaction_session_timeout",
    "25P04": "transaction_timeout",
    "57P05": "idle_session_timeout",
}


class InboxdbError(Exception):
    """An error that a user can put right.

    The message says what happened, to what, and what to do, without secrets and personal data.
    """

    sqlstate: str | None = None
    """The SQLSTATE, where a database raised the error."""


class UnusableDsn(InboxdbError):
    """A connection string unreadable to libpq."""

    def __init__(self, source: str, unknown: str | None = None) -> None:
        """Name where the string came from, and a parameter that libpq does not know; the rest may hold a password."""
        if unknown:
            super().__init__(f"{source} has a parameter that libpq does not know: {unknown}. Correct or drop it.")
            return
        super().__init__(
            f"{source} holds no connection string that can be read: use postgresql://user@host:port/database, with "
            "special characters in the password percent-encoded, or libpq's key=value form."
        )


class CannotConnect(InboxdbError):
    """A database that does not answer, or refuses."""

    def __init__(self, database: str, refusal: Refusal) -> None:
        """Name the database without user or password, and the trouble."""
        self.may_pass = refusal.may_pass
        self.sqlstate = refusal.sqlstate
        code = f" (SQLSTATE {refusal.sqlstate})" if refusal.sqlstate else ""
        super().__init__(
            f"cannot connect to {database}: {refusal.reason}{code}. Check --dsn, INBOXDB_DSN, DATABASE_URL or libpq's "
            "PG* variables."
        )


class ConnectionLost(InboxdbError):
    """A connection that ended while it was in use."""

    def __init__(self, database: str, sqlstate: str | None) -> None:
        """Name the database without user or password."""
        self.sqlstate = sqlstate
        setting = TIMEOUTS.get(sqlstate or "")
        ended_by = f", which {setting} ended: it is set for the server, the database or the role" if setting else ""
        super().__init__(
            f"lost the connection to {database}{ended_by}. What had not been committed was undone, and no change is "
            "lost: run the command again."
        )


class DatabaseRefused(InboxdbError):
    """An error raised by the database; ours (class IB) say what to do, others are named by SQLSTATE alone."""

    def __init__(
        self, error: psycopg.Error, database: str = "the database", reasons: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Keep messages of inboxdb itself; the server's are dropped, because they may quote rows.

        Parameters: error; database, its name for people; reasons, what a check found, each with its remedy.
        """
        self.sqlstate = error.sqlstate
        if self.sqlstate and self.sqlstate.startswith("IB"):
            message = ". ".join(filter(None, (error.diag.message_primary, error.diag.message_detail)))
            super().__init__(f"{message.rstrip('.')}. {error.diag.message_hint or ''} ({self.sqlstate})")
        else:
            code = f"SQLSTATE {self.sqlstate}" if self.sqlstate else type(error).__name__
            found = [f"{evidence}: {remedy}." for evidence, remedy in reasons]
            super().__init__(f"{database}: {' '.join(found) or self._remedy(error)} ({code})")

    @staticmethod
    def _remedy(error: psycopg.Error) -> str:
        match error:
            case errors.InvalidSchemaName():
                return "inboxdb is not installed there: run `inboxdb migrate apply`."
            case errors.UndefinedTable() | errors.UndefinedFunction() | errors.UndefinedColumn():
                return (
                    "a table, column or function is missing, of inboxdb or of the host's: `inboxdb migrate plan` says "
                    "which, and what to do."
                )
            case errors.InsufficientPrivilege():
                return (
                    "the role lacks a right, or row-level security hides rows from it. Connect as the role that "
                    "installed inboxdb (a member of inboxdb_drainer may drain, of inboxdb_monitor read the status); to "
                    "install it, as one that owns the host's tables and may create a schema."
                )
            case errors.ReadOnlySqlTransaction():
                return (
                    "the transaction is read-only, by a setting of its session or of a pooler: the database itself is "
                    "not."
                )
            case errors.LockNotAvailable():
                return "a lock was not free in time. What this step had changed was undone; try again."
            case errors.QueryCanceled():
                return "a query was cancelled, or hit its time limit. What it had changed was undone; try again."
            case _:
                return "the server refused a query, and its log says why."


class MissingExtra(InboxdbError):
    """A missing optional part of inboxdb."""

    def __init__(self, purpose: str, extra: str) -> None:
        """Name the missing part, its purpose, and the extra to install."""
        super().__init__(f"{purpose} needs an extra: install it with `pip install 'inboxdb[{extra}]'`.")


class UnusableSecret(InboxdbError):
    """A secret that is not there, or that would protect nothing."""

    def __init__(self, variable: str, least: int, *, is_set: bool) -> None:
        """Name the variable, and what a secret has at least; the secret itself is not quoted."""
        trouble = "holds no secret that can be used" if is_set else "is not set"
        super().__init__(
            f"{variable} {trouble}. Set it in the environment, never on the command line, to {least} or more letters, "
            "digits and signs of ASCII without blanks, as `openssl rand -hex 32` makes them."
        )


class CannotListen(InboxdbError):
    """An address that cannot be listened on."""

    def __init__(self, host: str, port: int) -> None:
        """Name the address."""
        super().__init__(
            f"cannot listen on {host}, port {port}: it is taken, not allowed, or no address of this machine. Choose "
            "another --host or --port."
        )


class UnusableCacheUrl(InboxdbError):
    """The URL of a Redis that cannot be read."""

    def __init__(self) -> None:
        """Show the form of a URL; the URL itself is not quoted, because it may hold a password."""
        super().__init__(
            "--redis-url or INBOXDB_REDIS_URL holds no URL that can be read: use redis://user:password@host:6379/0, "
            "unix:///path/to/socket?db=0, or redis-sentinel://user:password@host:26379,host/service, and for TLS "
            "rediss:// or rediss-sentinel://, with special characters percent-encoded."
        )


class CacheUnavailable(InboxdbError):
    """A Redis that does not take keys."""

    def __init__(self, cache: str, reason: str) -> None:
        """Name the Redis without user or password, and the trouble."""
        super().__init__(
            f"cannot publish to {cache}: {reason}. Nothing is lost: what was not published stays marked so, and the "
            "next run tries again. Check --redis-url, INBOXDB_REDIS_URL and the Redis itself."
        )


class KeysRefused(InboxdbError):
    """Keys that Redis refuses while it takes others."""

    def __init__(self, cache: str, keys: int, example: str, reason: str) -> None:
        """Name the Redis, how many keys and the form of one, and the trouble."""
        super().__init__(
            f"{cache} refused {'a key' if keys == 1 else f'{keys} keys'}, such as {example}: {reason}. The others are "
            "published; the refused keys stay marked as not published, and are tried again. Check --redis-prefix or "
            "INBOXDB_REDIS_PREFIX, and the rights of the Redis user (ACL)."
        )


class MalformedId(InboxdbError):
    """An id that is impossible in the host's type."""

    def __init__(self, *ids: str) -> None:
        """Name the ids, at least one malformed."""
        super().__init__(
            f"{' or '.join(map(repr, ids))} does not have the form of this host's ids (uuid). Nothing was changed."
        )


class ImpossibleId(InboxdbError):
    """An id with characters that the database's encoding lacks."""

    def __init__(self, *ids: str) -> None:
        """Name the ids, at least one impossible."""
        super().__init__(
            f"{' or '.join(map(repr, ids))} has characters that the database's encoding lacks, so there is no such id "
            "there. Nothing was changed."
        )


class MigrationFailed(InboxdbError):
    """A failed migration, and the work left."""

    def __init__(self, migration: str, cause: DatabaseRefused, stands: str) -> None:
        """Name the migration, the reason, and the state of the database."""
        self.sqlstate = cause.sqlstate
        super().__init__(f"migration {migration} failed: {cause} {stands}")


class LeadIsProtected(InboxdbError):
    """Policies on "Lead" that rest on what undoing migrations would drop."""

    sqlstate = "IB010"

    def __init__(self, database: str) -> None:
        """Name the database."""
        super().__init__(
            f'row-level security on "Lead" of {database} rests on what this would drop. Nothing was changed. '
            "Without it restricted roles may see every tenant's leads: decide that by `inboxdb rls off`, then go on. "
            "(SQLSTATE IB010)"
        )


class DamagedFiles(InboxdbError):
    """Files of migrations/ that differ from the shipped ones."""

    def __init__(self, names: list[str]) -> None:
        """Name the files."""
        super().__init__(
            f"not as migrations/checksums.txt says: {', '.join(names)}. Nothing was changed. Install inboxdb anew; in "
            "a checkout whose migrations were changed on purpose, run `make migration`."
        )


class MigrationEdited(InboxdbError):
    """A migration whose shipped text differs from the applied text."""

    def __init__(self, migration: str, difference: list[str]) -> None:
        """Name the migration, and the first lines that differ: - as it was applied, + as it is shipped."""
        super().__init__(
            f"migration {migration} is not what was applied here (- applied, + shipped): {' | '.join(difference)}. "
            "Nothing was changed. Use the inboxdb that applied it, or undo it (`inboxdb migrate rollback`) and apply "
            "it anew."
        )


class DatabaseNewer(InboxdbError):
    """A database with migrations unknown to this inboxdb."""

    def __init__(self, database: str, migrations: list[str]) -> None:
        """Name the database, without user or password, and the migrations."""
        super().__init__(
            f"{database} is newer than this inboxdb, which does not know {', '.join(migrations)}. Nothing was changed. "
            "Install the inboxdb that applied it."
        )


class LedgerLost(InboxdbError):
    """A database with objects of ours, and no record of any migration: restored from a dump of the schema alone."""

    def __init__(self, database: str) -> None:
        """Name the database, without user or password."""
        super().__init__(
            f"{database} has tables of inboxdb's, but no record of a migration. Nothing was changed. If its schema was "
            "restored without the data: `inboxdb migrate mark --all`, then `inboxdb migrate verify --repair`. If "
            "migrations were run by hand, name those to `inboxdb migrate mark`."
        )


class RowsLost(InboxdbError):
    """An installation without the rows of its own state."""

    def __init__(self) -> None:
        """Say how such a database arises."""
        super().__init__(
            "rows that inboxdb keeps its state in are missing, as after a restore of the schema alone: run `inboxdb "
            "migrate verify --repair`."
        )


class UnknownMigration(InboxdbError):
    """A migration unknown to this version of inboxdb."""

    def __init__(self, migration: str, known: list[str]) -> None:
        """Name the migration, and the known ones."""
        super().__init__(f"there is no migration {migration!r}: there are {', '.join(known)}. Nothing was changed.")


class NotNext(InboxdbError):
    """A migration that cannot be recorded as applied now."""

    def __init__(self, migration: str, reason: str) -> None:
        """Name the migration, and the reason."""
        super().__init__(f"cannot mark migration {migration}: {reason}. Nothing was changed.")


class PoolerInBetween(InboxdbError):
    """A pooler in transaction mode, through which no migration can run."""

    def __init__(self, database: str) -> None:
        """Name the database, without user or password."""
        super().__init__(
            f"a pooler in transaction mode is between here and {database}, which lends each transaction another "
            "session. Nothing was changed. Connect to the server itself (on Supabase its direct connection, or the "
            "pooler's session mode)."
        )


class MigrationsBusy(InboxdbError):
    """Somebody else is migrating the same database."""

    def __init__(self, lock_class: int) -> None:
        """Say whom to look for."""
        super().__init__(
            "another `inboxdb migrate`, or `inboxdb workspace`, is at work on this database: wait for it to end. It "
            f"holds the advisory lock with classid {lock_class} in pg_locks."
        )


def is_lost(error: psycopg.Error) -> bool:
    """Tell whether an error means a lost connection, rather than a refused statement.

    The server, or a pooler, ends the session with an error of severity FATAL: its code may be any.
    """
    if error.diag.severity_nonlocalized in ("FATAL", "PANIC"):
        return True
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))

"""The errors a user can do something about."""

import psycopg
from psycopg import errors


class InboxdbError(Exception):
    """Something a user can put right.

    The message says what happened, to what, and what to do; it holds no secret and no personal data.
    """


class UnusableDsn(InboxdbError):
    """A connection string that libpq cannot read."""

    def __init__(self, source: str) -> None:
        """Name where the string came from; the string itself may hold a password."""
        super().__init__(
            f"{source} holds no connection string that can be read: use postgresql://user@host:port/database, with "
            "special characters in the password percent-encoded, or libpq's key=value form."
        )


class CannotConnect(InboxdbError):
    """A database that does not answer, or refuses."""

    def __init__(self, database: str, reason: str) -> None:
        """Name the database without user or password, and what is the matter with it."""
        super().__init__(
            f"cannot connect to {database}: {reason}. Check --dsn, INBOXDB_DSN, DATABASE_URL or libpq's PG* variables."
        )


class DatabaseRefused(InboxdbError):
    """The database raised an error; ours (class IB) say what to do, others are named by SQLSTATE alone."""

    def __init__(self, error: psycopg.Error) -> None:
        """Keep what inboxdb itself says, and nothing the server says: that may quote rows."""
        code = error.sqlstate or "no SQLSTATE"
        if code.startswith("IB"):
            said = ". ".join(filter(None, (error.diag.message_primary, error.diag.message_detail)))
            super().__init__(f"{said.rstrip('.')}. {error.diag.message_hint or ''} ({code})")
        else:
            super().__init__(f"the database answered with SQLSTATE {code}{self._remedy(error)}")

    @staticmethod
    def _remedy(error: psycopg.Error) -> str:
        match error:
            case errors.UndefinedTable() | errors.InvalidSchemaName() | errors.UndefinedFunction():
                return ": inboxdb is not installed there, or only in part. Run `inboxdb migrate apply`."
            case errors.InsufficientPrivilege():
                return ": the role lacks a right. Connect as the role that installed inboxdb."
            case errors.InvalidTextRepresentation():
                return ": an id does not have the form of the host's ids (a uuid, perhaps)."
            case errors.ReadOnlySqlTransaction():
                return ": the server is read-only, a standby perhaps. Connect to the primary."
            case errors.LockNotAvailable():
                return ": a lock was not free in time. Nothing was changed; try again."
            case _:
                return ": the server log has the details."


class MigrationFailed(InboxdbError):
    """A migration that did not go through, and what remains to be done."""

    def __init__(self, migration: str, cause: DatabaseRefused, stands: str) -> None:
        """Name the migration, why it failed, and what state the database is in."""
        super().__init__(f"migration {migration} failed: {cause} {stands}")


class MigrationsBusy(InboxdbError):
    """Somebody else is migrating the same database."""

    def __init__(self) -> None:
        """Say whom to look for."""
        super().__init__(
            "another `inboxdb migrate` is at work on this database: wait for it to end. It holds the advisory lock "
            "with classid 1768841850 in pg_locks."
        )

"""Apply, list and undo the migrations.

yoyo orders and reads them and keeps the books, in schema inboxdb. What its own runner leaves open is closed here: a
migration runs and is recorded in one transaction where it is transactional, the lock frees itself when we crash, a lock
that is not to be had in time is tried again, and a rollback file must exist.
"""

import itertools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import Migration, MigrationList

from inboxdb import sources
from inboxdb.connection import Connection, describe, retrying, session
from inboxdb.errors import DatabaseRefused, InboxdbError, MigrationFailed, MigrationsBusy

# How long to wait for another runner to end, in seconds.
PATIENCE = 5.0

# It would repeat what the server said, which may quote rows.
logging.getLogger("yoyo.migrations").disabled = True

LOCK_CLASS = 1768841850  # beside 'inbx' (workspaces) and its successor (the collector)


@dataclass(frozen=True)
class MigrationStatus:
    """A migration, and when it was applied, if it was."""

    id: str
    applied_at: datetime | None


@dataclass(frozen=True)
class Undone:
    """A migration that was undone, and what that means, as its rollback file says."""

    id: str
    meaning: str


OnStep = Callable[[str], None]
"""Called with a migration's id before it is run."""


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend on one connection of ours, for reading, running and recording alike."""

    def __init__(self, connection: Connection) -> None:
        self._ours = connection
        super().__init__(parse_uri("postgresql+psycopg:///"), "_yoyo_migration")

    def connect(self, dburi: object) -> Connection:
        """Use our connection, with yoyo's tables in our schema."""
        self.schema = "inboxdb"
        return self._ours

    @contextmanager
    def lock(self, timeout: float = 0) -> Iterator[None]:
        """Nothing to do: our advisory lock is held for as long as the backend lives."""
        yield

    @contextmanager
    def copy(self) -> Iterator["_Backend"]:
        """Stay on the same connection, so that a migration is recorded in the transaction that ran it."""
        yield self


def apply(
    dsn: str,
    *,
    batch: int | None = None,
    on_step: OnStep = lambda _: None,
    before: Callable[[], None] = lambda: None,
) -> list[str]:
    """Apply what is pending, in order.

    Parameters: dsn; batch, at most so many; on_step; before, called once the host is known to fit and before anything
    is changed: what it raises stops everything.
    Returns the ids of the migrations applied.
    Raises DatabaseRefused (IB001) for a host that does not fit, before anything is changed; MigrationFailed;
    MigrationsBusy.
    """
    with alone(dsn) as connection:
        connection.execute((sources.SQL / "checks" / "host.sql").read_bytes())
        before()
        connection.execute("create schema if not exists inboxdb")
        backend = _Backend(connection)
        pending = list(backend.to_apply(_shipped()))[:batch]
        for migration in pending:
            on_step(migration.id)
            _run(backend, migration, "apply", describe(dsn))
        return [migration.id for migration in pending]


def rollback(dsn: str, *, count: int | None = 1, on_step: OnStep = lambda _: None) -> list[Undone]:
    """Undo the latest migrations, newest first.

    Parameters: dsn; count, how many, None for all; on_step.
    Returns the migrations undone.
    Raises MigrationFailed, MigrationsBusy; InboxdbError for a migration without a rollback file, before any is undone.
    """
    with alone(dsn) as connection:
        if not _installed(connection):
            return []
        backend = _Backend(connection)
        latest = list(backend.to_rollback(_shipped()))[:count]
        undone = [Undone(migration.id, _meaning(migration)) for migration in latest]
        for migration in latest:
            on_step(migration.id)
            _run(backend, migration, "rollback", describe(dsn))
        return undone


def status(dsn: str) -> list[MigrationStatus]:
    """List every shipped migration and when it was applied. Changes nothing, and needs no lock."""
    with session(dsn, application_name="inboxdb migrate") as connection:
        applied: dict[str, datetime] = {}
        if _installed(connection):
            rows = connection.execute(
                "select m.migration_id, m.applied_at_utc at time zone 'UTC' from inboxdb._yoyo_migration as m"
            )
            applied = dict(rows.fetchall())
        return [MigrationStatus(m.id, applied.get(m.id)) for m in _shipped()]


def _meaning(migration: Migration) -> str:
    """Read what undoing a migration means from the comment on top of its rollback file, up to what it says of locks."""
    file = Path(migration.path).with_suffix(".rollback.sql")
    if not file.exists():
        raise InboxdbError(f"migration {migration.id} has no rollback file, so nothing was undone.")
    lines = file.read_text().splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("-- ") and "Locks:" not in line, lines)
    return " ".join(line.removeprefix("--").strip() for line in comment)


def _shipped() -> MigrationList:
    return read_migrations(str(sources.MIGRATIONS))


@contextmanager
def alone(dsn: str) -> Iterator[Connection]:
    """Connect, alone: one migration runner per database, by a lock that ends with the connection.

    Raises MigrationsBusy.
    """
    with session(dsn, application_name="inboxdb migrate") as connection:
        # polled: a session that waits in pg_advisory_lock deadlocks CREATE INDEX CONCURRENTLY
        give_up_at = time.monotonic() + PATIENCE
        while connection.execute("select pg_catalog.pg_try_advisory_lock(%s, 0)", (LOCK_CLASS,)).fetchone() != (True,):
            if time.monotonic() > give_up_at:
                raise MigrationsBusy
            time.sleep(0.1)
        yield connection


def _installed(connection: Connection) -> bool:
    row = connection.execute("select pg_catalog.to_regclass('inboxdb._yoyo_migration') is not null").fetchone()
    return row == (True,)


def _run(backend: _Backend, migration: Migration, direction: str, database: str) -> None:
    """Run one migration, trying again while its lock is not to be had."""
    try:
        retrying(lambda: _process(backend, migration, direction))
    except psycopg.Error as error:
        if backend.connection.closed:
            stands = "The connection is gone: see `inboxdb migrate status`."
        else:
            undone = "as a whole" if migration.use_transactions else "as far as that was possible"
            stands = f"It was undone {undone}; the ones before it stand."
        raise MigrationFailed(migration.id, DatabaseRefused(error, database), stands) from error


def _process(backend: _Backend, migration: Migration, direction: str) -> None:
    migration.load()
    record = backend.mark_one if direction == "apply" else backend.unmark_one

    def book() -> None:
        backend.log_migration(migration, direction)
        record(migration, log=False)

    if migration.use_transactions:
        with backend.transaction():
            migration.process_steps(backend, direction)
            # the migration emptied it
            backend.execute("set local search_path = inboxdb")
            book()
    else:
        migration.process_steps(backend, direction)
        backend.execute("reset lock_timeout")
        backend.execute("reset statement_timeout")
        with backend.transaction():
            book()

"""Apply, list and undo the migrations.

yoyo orders and reads them and keeps the books, in schema inboxdb. What its own runner leaves open is closed here: a
migration runs and is recorded in one transaction where it is transactional, the lock frees itself when we crash, a lock
that is not to be had in time is tried again, and a rollback file must exist.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import Migration, MigrationList

from inboxdb import sources
from inboxdb.connection import connect
from inboxdb.errors import DatabaseRefused, InboxdbError, MigrationFailed, MigrationsBusy

# How long to wait for another runner to end, in seconds.
PATIENCE = 5.0

# How often a migration is tried whose lock was not free within its lock_timeout, and the pause between, in seconds.
ATTEMPTS = 10
PAUSE = (0.5, 1.5)

LOCK_CLASS = 1768841850  # beside 'inbx' (workspaces) and its successor (the collector)


@dataclass(frozen=True)
class MigrationStatus:
    """A migration, and when it was applied (UTC), if it was."""

    id: str
    applied_at: datetime | None


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend on one connection of ours, for reading, running and recording alike."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._ours = connection
        super().__init__(parse_uri("postgresql+psycopg:///"), "_yoyo_migration")

    def connect(self, dburi: object) -> psycopg.Connection[Any]:
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


def apply(dsn: str, *, batch: int | None = None) -> list[str]:
    """Apply what is pending, in order.

    Parameters: dsn; batch, at most so many.
    Returns the ids of the migrations applied.
    Raises DatabaseRefused (IB001) for a host that does not fit, before anything is changed; MigrationFailed;
    MigrationsBusy.
    """
    with _session(dsn) as connection:
        _refuse_unfit_host(connection)
        _run(connection, "create schema if not exists inboxdb")
        backend = _Backend(connection)
        pending = list(backend.to_apply(_shipped()))[:batch]
        for migration in pending:
            _retrying(backend, migration, "apply")
        return [migration.id for migration in pending]


def rollback(dsn: str, *, count: int | None = 1) -> list[str]:
    """Undo the latest migrations, newest first.

    Parameters: dsn; count, how many, None for all.
    Returns the ids of the migrations undone.
    Raises MigrationFailed, MigrationsBusy, and InboxdbError for a migration without a rollback file, before any is undone.
    """
    with _session(dsn) as connection:
        if not _installed(connection):
            return []
        backend = _Backend(connection)
        undone = list(backend.to_rollback(_shipped()))[:count]
        for migration in undone:
            if not Path(migration.path).with_suffix(".rollback.sql").exists():
                raise InboxdbError(f"migration {migration.id} has no rollback file, so nothing was undone.")
        for migration in undone:
            _retrying(backend, migration, "rollback")
        return [migration.id for migration in undone]


def status(dsn: str) -> list[MigrationStatus]:
    """List every shipped migration and when it was applied. Changes nothing, and needs no lock."""
    with connect(dsn) as connection:
        applied: dict[str, datetime] = {}
        if _installed(connection):
            try:
                rows = connection.execute("select migration_id, applied_at_utc from inboxdb._yoyo_migration")
            except psycopg.Error as error:
                raise DatabaseRefused(error) from error
            applied = dict(rows.fetchall())  # type: ignore[arg-type]
        return [MigrationStatus(m.id, applied.get(m.id)) for m in _shipped()]


def _shipped() -> MigrationList:
    return read_migrations(str(sources.MIGRATIONS))


@contextmanager
def _session(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    """Connect, alone: one migration runner per database, by a lock that ends with the connection."""
    with connect(dsn, application_name="inboxdb migrate") as connection:
        # polled: a session that waits in pg_advisory_lock deadlocks CREATE INDEX CONCURRENTLY
        give_up_at = time.monotonic() + PATIENCE
        while connection.execute("select pg_catalog.pg_try_advisory_lock(%s, 0)", (LOCK_CLASS,)).fetchone() != (True,):
            if time.monotonic() > give_up_at:
                raise MigrationsBusy
            time.sleep(0.1)
        yield connection


def _installed(connection: psycopg.Connection[Any]) -> bool:
    return connection.execute("select pg_catalog.to_regclass('inboxdb._yoyo_migration') is not null").fetchone() == (
        True,
    )


def _refuse_unfit_host(connection: psycopg.Connection[Any]) -> None:
    _run(connection, (sources.SQL / "checks" / "host.sql").read_text())


def _run(connection: psycopg.Connection[Any], statement: str) -> None:
    try:
        connection.execute(statement.encode())
    except psycopg.Error as error:
        raise DatabaseRefused(error) from error


def _retrying(backend: _Backend, migration: Migration, direction: str) -> None:
    """Run one migration, trying again while its lock is not to be had: the pause lets the writers behind it through."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _process(backend, migration, direction)
            return
        except psycopg.Error as error:
            if backend.connection.closed:
                stands = "The connection is gone: see `inboxdb migrate status`."
            elif isinstance(error, psycopg.errors.LockNotAvailable) and attempt < ATTEMPTS:
                time.sleep(random.uniform(*PAUSE))
                continue
            else:
                stands = "It was undone as a whole; the ones before it stand."
            raise MigrationFailed(migration.id, DatabaseRefused(error), stands) from error


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

"""Apply, list and undo the migrations.

yoyo finds them; the ledger (ledger.py) is its own, and ours. What its runner leaves open is closed here: a migration
runs and is recorded in one transaction where it is transactional, the lock frees itself when we crash, a lock that is
not to be had in time is tried again, a rollback file must exist, a file that runs in a transaction is sent as it is,
not cut up into what looks like statements, and what is shipped has to be what was applied.
"""

import itertools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import LiteralString

import psycopg
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri
from yoyo.migrations import Migration, parse_metadata_from_sql_comments

from inboxdb.database import sources
from inboxdb.database.connection import (
    LOCK_TIMEOUT,
    Connection,
    describe,
    logger,
    refused,
    retrying,
    session,
    shares_backends,
    transaction,
)
from inboxdb.database.errors import (
    DamagedFiles,
    DatabaseNewer,
    InboxdbError,
    LeadIsProtected,
    LedgerLost,
    MigrationEdited,
    MigrationFailed,
    MigrationsBusy,
    NotNext,
    PoolerInBetween,
    UnknownMigration,
)
from inboxdb.install import ledger

# How long to wait for another runner to end, in seconds.
PATIENCE = 5.0

# yoyo's log would repeat the server's messages, which may quote rows.
logging.getLogger("yoyo.migrations").disabled = True

LOCK_CLASS = 1768841850  # inboxdb.lock_class('migration'), needed before that is installed

ACCESS = "0007-access"  # the migration that makes what policies on "Lead" rest on


THERE_ALREADY = (
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateObject,
    psycopg.errors.DuplicateFunction,
    psycopg.errors.DuplicateSchema,
)

# What a session is to be for migrations, whatever the server, the database or the role has set (D113).
SETTINGS = """\
do $settings$
begin
  perform pg_catalog.set_config(s.name, s.value, false)
  from (
    values
    ('statement_timeout', '0'),
    ('transaction_timeout', '0'),
    ('idle_in_transaction_session_timeout', '0'),
    ('idle_session_timeout', '0'),
    ('default_transaction_isolation', 'read committed'),
    ('default_table_access_method', 'heap'),
    ('exit_on_error', 'off'),
    ('quote_all_identifiers', 'off'),
    ('standard_conforming_strings', 'on'),
    ('client_min_messages', 'warning'),
    -- a function or an operator of the host's in an index would make writes fail
    ('search_path', ''),
    ('restrict_nonsystem_relation_kind', ''),
    ('plpgsql.extra_errors', 'none'),
    -- Citus would copy our views, and pg_roles with them, to its other servers, which refuse that
    ('citus.enable_ddl_propagation', 'off')
  ) as s (name, value)
  -- transaction_timeout is of PostgreSQL 17
  where pg_catalog.current_setting(s.name, true) is not null;
end
$settings$;
"""

# The setting of the session that a migration outside of transactions changes.
RESET = "reset lock_timeout;\n"

DIFFERENCE_SHOWN = 6  # lines of a difference that are shown


@dataclass(frozen=True)
class MigrationStatus:
    """A migration, when it was applied, if it was, and how that agrees with what is shipped.

    State is applied, pending, unrecorded (pending, though the database has our tables), edited (shipped in other words
    than it was applied in: `difference` has the first lines, - as applied, + as shipped) or unknown (applied, but not
    shipped: the database is newer than this program).
    """

    id: str
    applied_at: datetime | None
    state: str
    difference: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class History:
    """The shipped migrations, in order, beside a database's; unrecorded, whether the database has our tables and no
    record of any migration.
    """

    shipped: list[Migration]
    entries: dict[str, ledger.Entry]
    unrecorded: bool = False

    @property
    def pending(self) -> list[Migration]:
        """The migrations to apply, in order."""
        return [migration for migration in self.shipped if migration.id not in self.entries]

    @property
    def applied(self) -> list[Migration]:
        """The migrations to undo, newest first."""
        return [migration for migration in self.shipped[::-1] if migration.id in self.entries]

    @property
    def without_text(self) -> list[Migration]:
        """Applied migrations without a recorded text: applied by yoyo alone, or by an inboxdb before migration_text."""
        return [migration for migration in self.applied[::-1] if self.entries[migration.id].body is None]

    @property
    def unknown(self) -> list[str]:
        """Ids of applied migrations that are not shipped."""
        return sorted(self.entries.keys() - {migration.id for migration in self.shipped})

    def difference(self, migration: Migration) -> list[str]:
        """Return the first lines in which a migration's text differs from the applied text, if any."""
        entry = self.entries.get(migration.id)
        return ledger.difference(migration, entry.body)[:DIFFERENCE_SHOWN] if entry and entry.body is not None else []

    def refusals(self, database: str) -> Iterator[DatabaseNewer | LedgerLost | MigrationEdited]:
        """Find the reasons why `apply` must not go on in this database."""
        if self.unknown:
            yield DatabaseNewer(database, self.unknown)
        if self.unrecorded:
            yield LedgerLost(database)
        for migration in self.shipped:
            if difference := self.difference(migration):
                yield MigrationEdited(migration.id, difference)

    def up_to(self, last: str | None) -> list[Migration]:
        """Return the pending migrations up to and including one, all for None.

        Raises UnknownMigration.
        """
        return (
            self.pending
            if last is None
            else [migration for migration in self.pending if migration in self._first(last)]
        )

    def above(self, last: str) -> list[Migration]:
        """Return the applied migrations above one, newest first.

        Raises UnknownMigration.
        """
        first = self._first(last)
        return [migration for migration in self.applied if migration not in first]

    def _first(self, last: str) -> list[Migration]:
        names = [migration.id for migration in self.shipped]
        if last not in names:
            raise UnknownMigration(last, names)
        return self.shipped[: names.index(last) + 1]


@dataclass(frozen=True)
class Undone:
    """An undone migration, and the consequences, from its rollback file."""

    id: str
    meaning: str


OnStep = Callable[[str], None]
"""Called with a migration's id before it is run."""

OnDone = Callable[[str, float], None]
"""Called with a migration's id and the seconds it took, once it is recorded."""


# The first statement of each file that runs in a transaction.
_SET_LOCK_TIMEOUT = "set local lock_timeout = '{:g}s';"


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """yoyo's backend on a connection of ours, for reading, running and recording alike."""

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
    to: str | None = None,
    batch: int | None = None,
    lock_timeout: float = LOCK_TIMEOUT,
    on_step: OnStep = lambda _: None,
    on_done: OnDone = lambda *_: None,
    before: Callable[[], None] = lambda: None,
) -> list[str]:
    """Apply what is pending, in order.

    Parameters: dsn; to, the last one to apply, None for all; batch, at most so many; lock_timeout, how many seconds to
    wait at a time for a lock that stops writers; on_step; on_done; before, called once the host is known to fit and
    before anything is changed: what it raises stops everything.
    Returns the ids of the migrations applied.
    Raises DatabaseRefused (IB001) for a host that does not fit, DamagedFiles, DatabaseNewer, LedgerLost,
    MigrationEdited and UnknownMigration, before anything is changed; MigrationFailed; MigrationsBusy.
    """
    with alone(dsn) as connection:
        history = checked_history(connection, dsn)
        pending = history.up_to(to)[:batch]
        before()
        connection.execute("create schema if not exists inboxdb")
        connection.execute(ledger.MAKE)
        for migration in history.without_text:
            logger.warning("the text in which %s was applied is not known: taking it as shipped", migration.id)
            connection.execute(ledger.record_text(migration).encode())
        backend = _Backend(connection)
        for migration in pending:
            on_step(migration.id)
            began = time.monotonic()
            _run(backend, migration, "apply", lock_timeout, describe(dsn))
            on_done(migration.id, time.monotonic() - began)
        return [migration.id for migration in pending]


def pending(dsn: str, *, to: str | None = None, batch: int | None = None) -> list[str]:
    """Say what `apply` would apply, in order. Changes nothing, and needs no lock.

    Parameters: as apply.
    Returns the ids.
    Raises what apply raises before anything is changed.
    """
    with session(dsn, application_name="inboxdb migrate") as connection:
        return [migration.id for migration in checked_history(connection, dsn).up_to(to)[:batch]]


def rollback(
    dsn: str,
    *,
    count: int | None = 1,
    to: str | None = None,
    lock_timeout: float = LOCK_TIMEOUT,
    on_step: OnStep = lambda _: None,
) -> list[Undone]:
    """Undo the latest migrations, newest first.

    Parameters: dsn; count, how many, None for all; to, the one to stop at, which stays, instead of a count;
    lock_timeout, as of apply; on_step.
    Returns the migrations undone.
    Raises MigrationFailed, MigrationsBusy; InboxdbError for a migration without a rollback file, or beside an
    unfinished move, DamagedFiles, DatabaseNewer, LeadIsProtected and UnknownMigration, before any is undone.
    """
    with alone(dsn) as connection:
        if names := sources.damaged():
            raise DamagedFiles(names)
        history = read_history(connection)
        if history.unknown:
            raise DatabaseNewer(describe(dsn), history.unknown)
        latest = history.applied[:count] if to is None else history.above(to)
        undone = [Undone(migration.id, meaning(migration)) for migration in latest]
        if not latest:
            return []
        require_no_move(connection, dsn)
        # asked before later migrations are undone, whose indexes take long to build again
        if any(migration.id == ACCESS for migration in latest) and _protects_lead(connection):
            raise LeadIsProtected(describe(dsn))
        connection.execute(ledger.MAKE)
        backend = _Backend(connection)
        for migration in latest:
            on_step(migration.id)
            _run(backend, migration, "rollback", lock_timeout, describe(dsn))
        return undone


def _protects_lead(connection: Connection) -> bool:
    there = connection.execute("select pg_catalog.to_regproc('inboxdb.lead_rls') is not null").fetchone()
    if there != (True,):
        return False
    return connection.execute("select inboxdb.lead_rls() in ('enabled', 'joined')").fetchone() == (True,)


def mark(dsn: str, ids: Sequence[str] | None) -> list[str]:
    """Record migrations as applied that somebody has run by hand.

    Parameters: dsn; ids, the next ones in order, None for all that are pending.
    Returns the ids recorded.
    Raises, before anything is changed: DamagedFiles, DatabaseNewer, MigrationEdited, UnknownMigration; NotNext for one
    that is recorded already, is not the next, or in a database without schema inboxdb; MigrationsBusy.
    """
    with alone(dsn) as connection:
        history = checked_history(connection, dsn, marking=True)
        pending = [migration.id for migration in history.pending]
        known = [migration.id for migration in history.shipped]
        wanted = pending if ids is None else list(ids)
        for place, migration in enumerate(wanted):
            if migration not in known:
                raise UnknownMigration(migration, known)
            if migration in wanted[:place]:
                raise NotNext(migration, "it is named twice")
            if migration not in pending:
                raise NotNext(migration, "it is recorded as applied already")
            if migration != pending[place]:
                raise NotNext(migration, f"{pending[place]} comes before it")
        if wanted and connection.execute("select pg_catalog.to_regnamespace('inboxdb') is null").fetchone() == (True,):
            raise NotNext(wanted[0], "there is no schema inboxdb here, so it was not run")
        with connection.transaction():
            connection.execute(ledger.MAKE)
            for migration in history.pending[: len(wanted)]:
                connection.execute(ledger.record_applied(migration, "mark").encode())
        return wanted


def status(dsn: str) -> list[MigrationStatus]:
    """List every migration that is shipped or applied. Changes nothing, and needs no lock."""
    with session(dsn, application_name="inboxdb migrate") as connection:
        history = read_history(connection)
    listed = []
    for migration in history.shipped:
        entry, difference = history.entries.get(migration.id), history.difference(migration)
        state = "edited" if difference else "applied" if entry else "unrecorded" if history.unrecorded else "pending"
        listed.append(MigrationStatus(migration.id, entry.applied_at if entry else None, state, difference))
    return listed + [MigrationStatus(id, history.entries[id].applied_at, "unknown") for id in history.unknown]


def checked_history(connection: Connection, dsn: str, *, marking: bool = False) -> History:
    """Compare the shipped migrations with a database's, and refuse where `apply` must not go on. Changes nothing.

    Parameters: connection; dsn; marking, whether what was never recorded is about to be.
    Raises DatabaseRefused (IB001) for a host that does not fit, DamagedFiles, DatabaseNewer, LedgerLost,
    MigrationEdited.
    """
    if names := sources.damaged():
        raise DamagedFiles(names)
    check_host(connection)
    history = read_history(connection)
    for refusal in history.refusals(describe(dsn)):
        if not (marking and isinstance(refusal, LedgerLost)):
            raise refusal
    return history


def check_host(connection: Connection) -> None:
    """Refuse a host whose tables inboxdb could not read. Changes nothing.

    Raises psycopg.Error (IB001).
    """
    with transaction(connection):
        connection.execute((sources.SQL / "host" / "check.sql").read_bytes())


def read_history(connection: Connection) -> History:
    """Read the shipped migrations and a database's. Changes nothing."""
    entries = ledger.read(connection)
    installed = connection.execute("select pg_catalog.to_regclass('inboxdb.drain_state') is not null").fetchone()
    return History(shipped(), entries, unrecorded=installed == (True,) and not entries)


def shipped() -> list[Migration]:
    """List the migrations of this program, in order: by name, since each depends on the one before it.

    None is loaded: yoyo cuts a file into statements then, a tenth of a second for all of them.
    """
    return sorted(read_migrations(str(sources.MIGRATIONS)), key=lambda migration: migration.id)


def transactional(migration: Migration) -> bool:
    """Read from the comment on top of a migration's file whether the migration runs in one transaction."""
    directives, _, _ = parse_metadata_from_sql_comments(ledger.text(migration))
    return bool(directives.get("transactional", "true").lower() == "true")


def meaning(migration: Migration) -> str:
    """Read the consequences of undoing a migration from the comment on top of its rollback file, without its locks.

    Raises InboxdbError without a rollback file.
    """
    file = _file(migration, "rollback")
    if not file.exists():
        raise InboxdbError(f"migration {migration.id} has no rollback file, so nothing was undone.")
    lines = file.read_text().splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("-- ") and "Locks:" not in line, lines)
    return " ".join(line.removeprefix("--").strip() for line in comment)


@contextmanager
def alone(dsn: str) -> Iterator[Connection]:
    """Connect as the only migration runner of the database, by a lock that ends with the connection.

    Raises PoolerInBetween, MigrationsBusy.
    """
    with session(dsn, application_name="inboxdb migrate") as connection:
        if shares_backends(connection, dsn):
            raise PoolerInBetween(describe(dsn))
        connection.execute(SETTINGS.encode())
        _take_lock(connection, "select pg_catalog.pg_try_advisory_lock(%s, 0)")
        yield connection


def keep_away(connection: Connection) -> None:
    """Let no migration runner begin for as long as the connection lasts; others may want the same.

    Raises MigrationsBusy.
    """
    _take_lock(connection, "select pg_catalog.pg_try_advisory_lock_shared(%s, 0)")


def _take_lock(connection: Connection, attempt: LiteralString) -> None:
    # A backend that waits for a lock, as an index build may for hours, notices that we were killed, and frees ours.
    # Not every system can.
    with suppress(psycopg.errors.InvalidParameterValue):
        connection.execute("set client_connection_check_interval = '1s'")
    # polled, because a session waiting in pg_advisory_lock deadlocks with CREATE INDEX CONCURRENTLY
    give_up_at = time.monotonic() + PATIENCE
    while connection.execute(attempt, (LOCK_CLASS,)).fetchone() != (True,):
        if time.monotonic() > give_up_at:
            raise MigrationsBusy(LOCK_CLASS)
        time.sleep(0.1)


def require_no_move(connection: Connection, dsn: str) -> None:
    """Refuse where a workspace is being moved, from there or to there: without inboxdb the move could not be ended.

    Raises InboxdbError, which names the workspaces.
    """
    if connection.execute("select pg_catalog.to_regclass('inboxdb_move.move')").fetchone() == (None,):
        return
    moves = connection.execute("select client_id from inboxdb_move.move order by 1").fetchall()
    raise InboxdbError(
        f"{describe(dsn)} has an unfinished move of workspace {', '.join(name for (name,) in moves)}: end it by the "
        "same `inboxdb workspace move` as before, or give it up by `inboxdb workspace undo`. Nothing was changed."
    )


def statements(migration: Migration, lock_timeout: float, direction: str = "apply") -> str:
    """Return what is run of a migration's file, or of its rollback file: all, with this lock_timeout, in seconds."""
    text = _file(migration, direction).read_bytes().decode()
    return text.replace(_SET_LOCK_TIMEOUT.format(LOCK_TIMEOUT), _SET_LOCK_TIMEOUT.format(lock_timeout), 1)


def _file(migration: Migration, direction: str) -> Path:
    return Path(migration.path).with_suffix(".rollback.sql" if direction == "rollback" else ".sql")


def _run(backend: _Backend, migration: Migration, direction: str, lock_timeout: float, database: str) -> None:
    """Run a migration, again and again while its lock is not free in time."""
    try:
        retrying(lambda: _process(backend, migration, direction, lock_timeout))
    except psycopg.Error as error:
        if backend.connection.closed:
            stands = "The connection is gone: see `inboxdb migrate status`."
        else:
            undone = "as a whole" if transactional(migration) else "as far as that was possible"
            stands = f"It was undone {undone}; the ones before it stand."
            if isinstance(error, THERE_ALREADY):
                stands += (
                    f" What it makes is there already: `inboxdb migrate mark {migration.id}` records that it was run, "
                    "then `inboxdb migrate verify --repair` compares."
                )
        raise MigrationFailed(migration.id, refused(error, backend.connection, database), stands) from error


def _process(backend: _Backend, migration: Migration, direction: str, lock_timeout: float) -> None:
    record = (ledger.record_applied(migration) if direction == "apply" else ledger.record_undone(migration)).encode()
    if transactional(migration):
        with backend.transaction():
            backend.connection.execute(statements(migration, lock_timeout, direction).encode())
            backend.connection.execute(record)
    else:
        migration.process_steps(backend, direction)
        backend.connection.execute(RESET.encode())
        with backend.transaction():
            backend.connection.execute(record)

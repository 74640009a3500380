"""What the pending migrations would do, and the SQL of it for people who apply by hand."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from yoyo.migrations import Migration

from inboxdb import __version__, books, sources
from inboxdb.connection import LOCK_TIMEOUT, describe, session
from inboxdb.migrate import LOCK_CLASS, RESET, statements, survey

ALONE = f"""\
do $alone$
begin
  if not pg_catalog.pg_try_advisory_lock({LOCK_CLASS}, 0) then
    raise exception 'another `inboxdb migrate` is at work on this database: wait for it to end';
  end if;
end
$alone$;
"""

# What the comment on top of a migration says to yoyo, to squawk, and to whoever runs the file by itself.
NOT_SAID = ("depends:", "transactional:", "squawk-", "By hand:")


@dataclass(frozen=True)
class Step:
    """A pending migration: whether it runs in one transaction, and what its file says on top."""

    id: str
    transactional: bool
    about: str


def steps(dsn: str, *, to: str | None = None) -> list[Step]:
    """List what `migrate apply` would run, in order. Changes nothing, and needs no lock.

    Parameters: dsn; to, the last migration, None for all.
    Raises what `apply` raises before anything is changed.
    """
    with session(dsn, application_name="inboxdb migrate") as connection:
        pending = survey(connection, dsn).up_to(to)
    for migration in pending:
        migration.load()
    return [Step(migration.id, migration.use_transactions, _about(migration)) for migration in pending]


def script(dsn: str, *, to: str | None = None, lock_timeout: float = LOCK_TIMEOUT) -> str:
    """Write what `migrate apply` would run as a script for psql, the rows of its books included.

    Changes nothing, and needs no lock.

    Parameters: dsn; to, the last migration, None for all; lock_timeout, how many seconds to wait for a lock that stops
    writers.
    Raises what `apply` raises before anything is changed.
    """
    with session(dsn, application_name="inboxdb migrate") as connection:
        found = survey(connection, dsn)
        pending = found.up_to(to)
    # on one line, as everything in a comment
    database = " ".join(describe(dsn).split())
    if not pending:
        return f"-- Nothing is pending on {database}: inboxdb {__version__} has no migration more.\n"
    return "\n".join(
        [
            f"-- What `inboxdb migrate apply` of inboxdb {__version__} would run on {database} now.\n"
            "-- By hand: psql -X -v ON_ERROR_STOP=1 -f FILE, as the role that is to own inboxdb; not with -1, not\n"
            "-- through a pooler. Where a lock is not free in time it stops, and what is committed stands: plan again\n"
            '-- and run the rest. Row-level security on "Lead" is decided apart: `inboxdb migrate apply` asks.\n',
            "set client_encoding = 'UTF8';\n",
            "-- one at a time; the lock ends with the session",
            ALONE,
            (sources.SQL / "checks" / "host.sql").read_text(),
            "-- the books: yoyo's tables, and the text of each migration",
            "begin;\n",
            "create schema if not exists inboxdb;\n",
            books.MAKE,
            *(books.kept(migration) for migration in found.unread),
            "commit;\n",
            "set search_path = inboxdb;\n",
            *itertools.chain.from_iterable(_parts(migration, lock_timeout) for migration in pending),
        ]
    )


def _parts(migration: Migration, lock_timeout: float) -> Iterator[str]:
    migration.load()
    text, record = statements(migration, lock_timeout), books.applied(migration)
    if migration.use_transactions:
        yield from ("begin;\n", text, record, "commit;\n")
    else:
        yield from (text, RESET, "begin;\n", record, "commit;\n")


def _about(migration: Migration) -> str:
    """Read the comment on top of a migration, without what is meant for others."""
    lines = itertools.takewhile(lambda line: line.startswith("-- "), books.text(migration).splitlines())
    said = (line.removeprefix("-- ") for line in lines)
    return "\n".join(line for line in said if not line.startswith(NOT_SAID))

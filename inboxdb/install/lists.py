"""The indexes of the lists: built apart from the migrations, since they take long, and may be left out."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import psycopg
from psycopg.sql import SQL, Identifier

from inboxdb.database.connection import Connection, describe, session, transaction
from inboxdb.database.errors import InboxdbError
from inboxdb.install import migrate
from inboxdb.install.catalog import Object

NAME = re.compile(
    r"public\.inboxdb_list_\w+|inboxdb\.counted_lead_ai_\w+_idx|inboxdb\.lead_text_(exact|trigrams|first_name|last_name)"
)

THERE = """
select pg_catalog.format('%I.%I', n.nspname, c.relname)
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where n.nspname in ('public', 'inboxdb') and c.relkind = 'i'
order by 1
"""

# Values of the setting lists.
BUILT, LEFT_OUT = "built", "left_out"
SET = "select inboxdb.set_setting('lists', %s)"


class LacksColumns(InboxdbError):
    """The host lacks columns that lists sort and filter by."""


class Index(NamedTuple):
    """An index of list_indexes: its name, what makes it, the comment that says so, and its state."""

    name: str
    statement: str
    fingerprint: str
    state: str

    @property
    def statements(self) -> tuple[str, ...]:
        """What builds it, each outside of a transaction."""
        drop = () if self.state == "missing" else (f"drop index concurrently {self.name}",)
        return *drop, self.statement, f"comment on index {self.name} is '{self.fingerprint}'"


def is_of_lists(obj: Object) -> bool:
    """Say whether an object is an index of the lists, which is no part of the snapshot."""
    return obj.kind == "index" and NAME.fullmatch(obj.name.partition(" on ")[0]) is not None


def indexes(connection: Connection) -> list[Index]:
    """List the indexes that lists have here, built or not: none without lists, or where the host lacks columns."""
    found: list[Index] = []
    for function in ("list_indexes", "search_indexes"):
        there = connection.execute("select pg_catalog.to_regproc(%s) is not null", (f"inboxdb.{function}",)).fetchone()
        if there != (True,):
            break
        with transaction(connection):
            rows = list(connection.execute(SQL("select * from {}()").format(Identifier("inboxdb", function))))
        if not rows:  # no search without lists
            break
        found += [Index(*row) for row in rows]
    return sorted(found)


def unbuilt(connection: Connection) -> list[Index]:
    """List the indexes to be built, where lists were not left out: some index is there, or each is to be."""
    found = indexes(connection)
    decided = _decided(connection)
    if decided == LEFT_OUT or (decided != BUILT and all(index.state == "missing" for index in found)):
        return []
    return [index for index in found if index.state != "built"]


def leave_out(dsn: str) -> None:
    """Remember that the indexes are not to be built, unless they are."""
    with session(dsn, application_name="inboxdb lists") as connection:
        if _decided(connection) != BUILT:
            connection.execute(SET, (LEFT_OUT,))


def left_out(dsn: str) -> bool:
    """Say whether the indexes were left out, or dropped by `drop`."""
    with session(dsn, application_name="inboxdb lists") as connection:
        return _decided(connection) == LEFT_OUT


def _decided(connection: Connection) -> str | None:
    """Read the setting lists; None where it was lost, or inboxdb is older."""
    there = connection.execute("select pg_catalog.to_regproc('inboxdb.setting') is not null").fetchone()
    if there != (True,):
        return None
    with suppress(psycopg.errors.UndefinedTable), transaction(connection):
        row = connection.execute("select inboxdb.setting('lists')").fetchone()
        return row[0] if row else None
    return None


def build(dsn: str, *, report: Callable[[str], None] = lambda _: None) -> list[str]:
    """Build the indexes that are missing, invalid or of another statement; concurrently, one after the other.

    Parameters: dsn; report, called with a line for each.
    Returns the names of those built.
    Raises LacksColumns; InboxdbError where migrations are pending; MigrationsBusy; DatabaseRefused.
    """
    with migrate.alone(dsn) as connection:
        if pending := [migration.id for migration in migrate.read_history(connection).pending]:
            raise InboxdbError(
                f"{describe(dsn)} lacks {', '.join(pending)}: run `inboxdb migrate apply` first. Nothing was built."
            )
        lacking = connection.execute("select inboxdb.missing_for_lists()").fetchone()
        if lacking and lacking[0]:
            raise LacksColumns(f"{describe(dsn)} lacks columns that lists sort and filter by: {lacking[0]}.")
        to_build = [index for index in indexes(connection) if index.state != "built"]
        for index in to_build:
            report(f"building {index.name}")
            connection.execute("set lock_timeout = 0")
            for statement in index.statements:
                connection.execute(statement.encode())
        connection.execute(SET, (BUILT,))
        return [index.name for index in to_build]


def drop(dsn: str, *, report: Callable[[str], None] = lambda _: None) -> list[str]:
    """Drop the indexes, concurrently, and leave them out from now on: lists are refused then (IB020).

    Parameters as of build. Returns the names of those dropped.
    """
    with migrate.alone(dsn) as connection:
        if _decided(connection) is not None:
            connection.execute(SET, (LEFT_OUT,))
        # by name, because where the host lacks a column list_indexes has none
        to_drop = [name for (name,) in connection.execute(THERE) if NAME.fullmatch(name)]
        for name in to_drop:
            report(f"dropping {name}")
            connection.execute("set lock_timeout = 0")
            connection.execute(f"drop index concurrently {name}".encode())
        return to_drop

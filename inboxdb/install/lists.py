"""The indexes of the lists: built apart from the migrations, since they take long, and may be left out."""

import re
from collections.abc import Callable
from typing import NamedTuple

from psycopg.sql import SQL, Identifier

from inboxdb.database.connection import Connection, describe
from inboxdb.database.errors import InboxdbError
from inboxdb.install import migrate
from inboxdb.install.catalog import Object

NAME = re.compile(
    r"public\.inboxdb_list_\w+|inboxdb\.counted_lead_ai_\w+_idx|inboxdb\.lead_text_(exact|trigrams|first_name|last_name)"
)


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
        query = SQL("select * from {}()").format(Identifier("inboxdb", function))
        rows = list(connection.execute(query)) if there == (True,) else []
        if not rows:  # no search without lists
            break
        found += [Index(*row) for row in rows]
    return found


def unbuilt(connection: Connection) -> list[Index]:
    """List the indexes to be built, where lists were not left out: some index is there."""
    found = indexes(connection)
    if all(index.state == "missing" for index in found):
        return []
    return [index for index in found if index.state != "built"]


def build(dsn: str, *, report: Callable[[str], None] = lambda _: None) -> list[str]:
    """Build the indexes that are missing, invalid or of another statement; concurrently, one after the other.

    Parameters: dsn; report, called with a line for each.
    Returns the names of those built.
    Raises LacksColumns; MigrationsBusy; DatabaseRefused.
    """
    with migrate.alone(dsn) as connection:
        lacking = connection.execute("select inboxdb.missing_for_lists()").fetchone()
        if lacking and lacking[0]:
            raise LacksColumns(f"{describe(dsn)} lacks columns that lists sort and filter by: {lacking[0]}.")
        to_build = [index for index in indexes(connection) if index.state != "built"]
        for index in to_build:
            report(f"building {index.name}")
            connection.execute("set lock_timeout = 0")
            for statement in index.statements:
                connection.execute(statement.encode())
        return [index.name for index in to_build]


def drop(dsn: str, *, report: Callable[[str], None] = lambda _: None) -> list[str]:
    """Drop the indexes, concurrently: lists go on, at the cost of a scan.

    Parameters as of build. Returns the names of those dropped.
    """
    with migrate.alone(dsn) as connection:
        to_drop = [index for index in indexes(connection) if index.state != "missing"]
        for index in to_drop:
            report(f"dropping {index.name}")
            connection.execute("set lock_timeout = 0")
            connection.execute(f"drop index concurrently {index.name}".encode())
        return [index.name for index in to_drop]

"""Upkeep of the host's tables, by hand: what drains do as maintenance once its setting is on. The rules are in SQL."""

from collections.abc import Callable
from dataclasses import dataclass

from psycopg.rows import class_row

from inboxdb.database.connection import Connection, transaction


@dataclass(frozen=True)
class Upkeep:
    """An item: what it does, its setting and whether that is on; `missing` names what the host lacks for it, if any."""

    item: str
    meaning: str
    setting_name: str
    is_on: bool
    missing: str | None


@dataclass(frozen=True)
class Done:
    """What a run of an item did: rows touched, or due where nothing was changed; whether there are more is not known
    where it stopped at a bound.
    """

    item: str
    dry_run: bool
    touched: int
    has_more: bool


def read(connection: Connection) -> list[Upkeep]:
    """List the items by name."""
    query = "select item, meaning, setting_name, is_on, missing from inboxdb.list_upkeep() order by item"
    with transaction(connection), connection.cursor(row_factory=class_row(Upkeep)) as cursor:
        return cursor.execute(query).fetchall()


def run(connection: Connection, item: str, *, dry_run: bool, on_batch: Callable[[int], None]) -> Done:
    """Do an item until nothing is due that nobody holds, each batch in a transaction of its own.

    Parameters: connection; item; dry_run, whether to count alone, once; on_batch, called with how many rows so far.
    Raises DatabaseRefused (through the session): IB017 for an unknown item, IB020 where the host lacks what the item
    needs, IB023 where it is off, IB012 while inboxdb is suspended.
    """
    touched = 0
    while True:
        with transaction(connection):
            [(batch, has_more)] = connection.execute(
                "select touched, has_more from inboxdb.run_upkeep(%s, %s)", (item, dry_run)
            ).fetchall()
        touched += batch
        if dry_run or not has_more:
            return Done(item, dry_run, touched, has_more)
        on_batch(touched)

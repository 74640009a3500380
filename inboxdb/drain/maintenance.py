"""The work of a drain besides refreshes, as view inboxdb.maintenance lists it."""

import json
from dataclasses import dataclass
from typing import Any

from psycopg.sql import SQL, Literal

from inboxdb.database import logs
from inboxdb.database.connection import Connection, in_one_trip


@dataclass(frozen=True)
class Item:
    """A chosen item of maintenance: how many seconds it may take, and its workspace, None where it has none."""

    name: str
    time_limit: float
    client_id: str | None


@dataclass(frozen=True)
class Outcome:
    """The outcome of an item: done, failed, more where it has more to do, or a refresh, with the version and the users
    whose counts changed.
    """

    outcome: str
    version: int | None = None
    changed_scopes: list[str] | None = None


class Maintenance:
    """Steps of maintenance, over as many connections as it takes: the database chooses, and keeps clocks and shares."""

    def __init__(self, *, at_rest: bool, job: str | None = None) -> None:
        """Begin with nothing at hand.

        Parameters: at_rest, whether the items with a share of a worker's time are meant, or those beside refreshes;
        job, whose items alone are meant, None for all.
        """
        self._at_rest = at_rest
        self._kept = json.dumps({"job": job}) if job else None  # clocks and credits, the database's own
        self._has_at_hand = False

    def choose(self, connection: Connection, time_limit: float) -> Item | None:
        """Choose the next due item, after recording as failed an item lost with its connection."""
        if self._has_at_hand:
            self.give_up(connection, time_limit, "08006")
        name, limit, client_id, *_ = self._step(connection, time_limit, None)
        self._has_at_hand = name is not None
        return Item(name, limit, client_id) if name is not None else None

    def run(self, connection: Connection, item: Item, least_seconds: float = 0) -> Outcome:
        """Run the chosen item, and log what it tells.

        Parameters: connection; item; least_seconds, its time limit at least.

        Raises psycopg.errors.QueryCanceled past its time limit: then give_up.
        """
        _, _, _, *outcome = self._step(connection, max(item.time_limit, least_seconds), None)
        self._has_at_hand = False
        for told in json.loads(self._kept or "{}").get("told", []):
            logs.logger.warning(**told)
        return Outcome(*outcome)

    def give_up(self, connection: Connection, time_limit: float, sqlstate: str | None) -> None:
        """Record why the chosen item did not come back."""
        self._step(connection, time_limit, sqlstate)
        self._has_at_hand = False

    def _step(self, connection: Connection, time_limit: float, sqlstate: str | None) -> tuple[Any, ...]:
        step = SQL(
            "select kept::text, item, time_limit, client_id::text, outcome, version, changed_scopes::text[] "
            "from inboxdb.maintain({}::jsonb, {}, {})"
        ).format(Literal(self._kept), Literal(self._at_rest), Literal(sqlstate))
        [[(self._kept, *answer)]] = in_one_trip(connection, (time_limit, step))
        return tuple(answer)

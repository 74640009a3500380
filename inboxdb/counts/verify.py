"""Hold the stored counts to the live ones."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

from inboxdb.database.connection import Connection, session, transaction
from inboxdb.drain.announce import send_signals
from inboxdb.drain.options import TIME_LIMIT
from inboxdb.drain.refresh import refresh
from inboxdb.drain.state import Progress

# Pauses before each further comparison of a workspace with changes still arriving, in seconds.
PAUSES = (0.0, 0.05, 0.1, 0.2, 0.4)

WHY_UNSETTLED = {
    "refreshed": "it kept changing",
    "failed": "its refresh failed: see `inboxdb status`",
    "skipped": "another drain or recompute had it",
}


@dataclass(frozen=True)
class Difference:
    """A differing count of a scope; `stored` or `live` is None for a missing row."""

    client_id: str
    is_global: bool
    scope_user_id: str
    count: str
    stored: int | None
    live: int | None
    repaired: bool


@dataclass(frozen=True)
class Unverified:
    """A workspace that could not be compared, and why."""

    client_id: str
    reason: str


@dataclass
class VerifyResult:
    """How much was compared: workspaces and scopes; drifted scopes, and how many of them were repaired; workspaces
    that could not be compared.
    """

    workspaces: int = 0
    scopes: int = 0
    drifted: int = 0
    repaired: int = 0
    differences: list[Difference] = field(default_factory=list)
    unverified_workspaces: list[Unverified] = field(default_factory=list)

    @property
    def unverified(self) -> int:
        """How many workspaces could not be compared."""
        return len(self.unverified_workspaces)

    @property
    def healthy(self) -> bool:
        """Whether every workspace was compared, and no drift is left."""
        return self.drifted == self.repaired and not self.unverified_workspaces


@dataclass(frozen=True)
class _Comparison:
    settled: bool
    scopes: int
    drifted: int
    differences: list[dict[str, Any]]


class _Unsettled(Exception):
    """A workspace that could not be compared; the message says why."""


def verify(
    dsn: str,
    *,
    sample: int | None = None,
    repair: bool = False,
    time_limit: float = TIME_LIMIT,
    on_progress: Progress | None = None,
) -> VerifyResult:
    """Compare stored and live counts of every workspace, both ways, in one snapshot each.

    A workspace with a waiting change or a due snooze is drained and compared again a few times. A difference is drift
    only where nothing waits.

    Parameters: dsn; sample, how many workspaces, taken at random, instead of all; repair, whether to refresh those that
    drifted; time_limit for one workspace's comparison or refresh, in seconds; on_progress.
    Raises CannotConnect, ConnectionLost, DatabaseRefused.
    """
    result = VerifyResult()
    with session(dsn, application_name="inboxdb verify") as connection:
        with transaction(connection, time_limit):
            rows = connection.execute(
                "select k.client_id::text from inboxdb.known_workspace as k order by pg_catalog.random() limit %s",
                (sample,),
            ).fetchall()
        for done, (client_id,) in enumerate(sorted(rows), start=1):
            try:
                _verify_workspace(connection, client_id, repair, time_limit, result)
            except _Unsettled as unsettled:
                result.unverified_workspaces.append(Unverified(client_id, str(unsettled)))
            result.workspaces += 1
            if on_progress:
                on_progress(done, len(rows), None)
    return result


def _verify_workspace(
    connection: Connection, client_id: str, repair: bool, time_limit: float, result: VerifyResult
) -> None:
    comparison = _settled_comparison(connection, client_id, time_limit)
    repaired = False
    result.scopes += comparison.scopes
    result.drifted += comparison.drifted
    try:
        if repair and comparison.drifted:
            with transaction(connection, time_limit):
                connection.execute("select inboxdb.mark_for_repair(%s)", (client_id,))
            repaired = _settled_comparison(connection, client_id, time_limit).drifted == 0
            result.repaired += comparison.drifted if repaired else 0
    finally:
        result.differences.extend(_by_count(client_id, comparison.differences, repaired))


def _settled_comparison(connection: Connection, client_id: str, time_limit: float) -> _Comparison:
    """Compare; while something waits, drain and compare again."""
    outcome = ""
    try:
        for pause in PAUSES:
            comparison = _compare(connection, client_id, time_limit)
            if comparison.settled:
                return comparison
            time.sleep(pause)
            with transaction(connection, time_limit):
                connection.execute("select inboxdb.collect()")
            done = refresh(connection, client_id, time_limit)
            send_signals(connection, [done])
            outcome = done.outcome
        comparison = _compare(connection, client_id, time_limit)
    except psycopg.errors.QueryCanceled as error:
        raise _Unsettled("a query on it was cancelled, or hit its time limit") from error
    if comparison.settled:
        return comparison
    raise _Unsettled(WHY_UNSETTLED[outcome])


def _compare(connection: Connection, client_id: str, time_limit: float) -> _Comparison:
    with transaction(connection, time_limit):
        (row,) = connection.execute(
            "select settled, scopes, drifted, differences from inboxdb.verify_workspace(%s)", (client_id,)
        ).fetchall()
    return _Comparison(*row)


def _by_count(client_id: str, differences: list[dict[str, Any]], repaired: bool) -> Iterator[Difference]:
    for scope in differences:
        stored, live = scope["stored"] or {}, scope["live"] or {}
        for name in stored | live:
            if stored.get(name) != live.get(name):
                yield Difference(
                    client_id,
                    scope["is_global"],
                    scope["scope_user_id"],
                    name,
                    stored.get(name),
                    live.get(name),
                    repaired,
                )

"""A refresh of a workspace: the statements sent to the database, and their answers."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.sql import SQL, Composed, Literal

from inboxdb.database.connection import Connection, in_one_trip
from inboxdb.drain.options import TIME_LIMIT


@dataclass(frozen=True)
class Claim:
    """A claimed workspace: since when, and how many seconds its refresh may take."""

    client_id: str
    started_at: datetime
    time_limit: float


@dataclass(frozen=True)
class Refresh:
    """The outcome of a claim: refreshed, failed (recorded), lost (with its connection), skipped (locked by another).

    After a refresh that took a change, the new version, the users whose counts or leads changed, and how many seconds
    the oldest change had waited.
    """

    client_id: str
    outcome: str
    version: int | None = None
    changed_scopes: list[str] | None = None
    seconds_waited: float | None = None


def refresh(connection: Connection, client_id: str, time_limit: float = TIME_LIMIT) -> Refresh:
    """Refresh one workspace, due or not.

    Parameters: connection; client_id; time_limit, in seconds.
    Raises psycopg.errors.QueryCanceled past the time limit; the failure is not recorded.
    """
    [[row]] = in_one_trip(connection, (time_limit, drain_next(client_id)))
    return Refresh(client_id, *row)


def drain_next(client_id: str) -> Composed:
    """Write the statement that refreshes a workspace; its row is the rest of a Refresh."""
    return SQL(
        "select outcome, version, changed_scopes::text[], seconds_waited "
        "from inboxdb.drain_next({}::text::inboxdb.client_id)"
    ).format(Literal(client_id))


def drain_set(client_ids: list[str], time_limit: float) -> Composed:
    """Write the statement that refreshes a set of workspaces; its rows are each a Refresh, and for a workspace that is
    left the error that undid the set, if any did, and how long a refresh may take.
    """
    return SQL(
        "select client_id::text, outcome, version, changed_scopes::text[], seconds_waited, undone_by, "
        "case when outcome = 'left' then inboxdb.time_limit(client_id, {}) end "
        "from inboxdb.drain_set({}::text[]::inboxdb.client_id[])"
    ).format(Literal(time_limit), Literal(client_ids))


def claim_set(time_limit: float, at_most: int, workers: int, *, may_collect: bool) -> Composed:
    """Write the statement that claims workspaces, to be refreshed together where there are several; a row is a Claim.

    A set has no time limit of its own: workspaces that it leaves are told theirs by drain_set.
    """
    return SQL(
        "select c.client_id::text, inboxdb.clock(), "
        "case pg_catalog.cardinality(s.members) when 1 then inboxdb.time_limit(c.client_id, {limit}) else {limit} end "
        "from inboxdb.claim_set({at_most}, {workers}, {may_collect}) as s (members) "
        "cross join lateral pg_catalog.unnest(s.members) with ordinality as c (client_id, place) order by c.place"
    ).format(limit=Literal(time_limit), at_most=at_most, workers=workers, may_collect=may_collect)


def record_failure(claim: Claim, sqlstate: str | None) -> Composed:
    """Write the statement that records why a claimed workspace was not refreshed."""
    return SQL("select inboxdb.record_failure({}::text::inboxdb.client_id, {}, {})").format(
        claim.client_id, claim.started_at, sqlstate
    )

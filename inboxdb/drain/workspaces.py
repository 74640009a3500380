"""Requests for workspaces by id: a refresh by the next drain, another try, a refresh now."""

from collections.abc import Sequence

from psycopg.sql import SQL

from inboxdb.database.connection import Connection, in_one_trip, naming, transaction
from inboxdb.drain.options import TIME_LIMIT


def mark(connection: Connection, client_ids: Sequence[str]) -> None:
    """Ask for a refresh of workspaces: all of them, or none if an id is wrong.

    Raises MalformedId; DatabaseRefused (IB002, through the session) for an unknown workspace.
    """
    with transaction(connection):
        for client_id in client_ids:
            with naming(client_id):
                connection.execute("select inboxdb.mark_inbox_counts_dirty(%s)", (client_id,))


def requeue(connection: Connection, client_ids: Sequence[str]) -> int:
    """Put quarantined workspaces back on the work list: the named ones, or none if an id is wrong; without ids all.

    Returns how many.
    Raises MalformedId; DatabaseRefused (through the session): IB002 for an unknown workspace, IB011 for one that is not
    quarantined.
    """
    requeued = 0
    with transaction(connection):
        for client_id in client_ids or (None,):
            with naming(*filter(None, [client_id])):
                ((number,),) = connection.execute("select inboxdb.requeue_inbox_counts(%s)", (client_id,)).fetchall()
            requeued += number
    return requeued


def recompute(connection: Connection, client_ids: Sequence[str], time_limit: float = TIME_LIMIT) -> None:
    """Bring workspaces up to date now, dirty or not, each in a transaction of its own; none if one id is wrong.

    Raises MalformedId; DatabaseRefused (through the session): IB002 for an unknown workspace, IB003 for one that stays
    locked, 57014 past the time limit, in seconds; those before it stay recomputed.
    """
    _require(connection, client_ids)
    for client_id in client_ids:
        recomputed = SQL("select inboxdb.recompute_inbox_counts({}::text::inboxdb.client_id)").format(client_id)
        in_one_trip(connection, (time_limit, recomputed))


def recompute_analytics(
    connection: Connection, client_ids: Sequence[str], days: int | None = None, time_limit: float = TIME_LIMIT
) -> None:
    """Bring workspaces' aggregates of analytics up to date now, some seconds a transaction; none if one id is wrong.

    Parameters: days, to look at leads with a message of so many days alone.
    Raises as recompute; IB020 where the host lacks columns.
    """
    _require(connection, client_ids)
    step = SQL(
        "select inboxdb.recompute_analytics({}::text::inboxdb.client_id, "
        "(inboxdb.clock() at time zone 'UTC')::date - {}::integer, {})"
    )
    for client_id in client_ids:
        goes_on = has_more = False
        while has_more or not goes_on:
            [[(has_more,)]] = in_one_trip(connection, (time_limit, step.format(client_id, days, goes_on)))
            goes_on = True


def _require(connection: Connection, client_ids: Sequence[str]) -> None:
    for client_id in client_ids:
        with naming(client_id), transaction(connection):
            connection.execute("select inboxdb.require_workspace(%s)", (client_id,))

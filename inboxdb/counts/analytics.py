"""Read a workspace's analytics, as one of its users sees them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.rows import class_row

from inboxdb.counts.reader import signed_in
from inboxdb.database.connection import Connection

Figures = dict[str, Any]


@dataclass(frozen=True)
class Analytics:
    """Figures of days of a time zone, as documented in docs/contracts.md."""

    from_day: date
    to_day: date
    time_zone: str
    computed_at: datetime
    overview: Figures
    days: list[Figures]
    response_times: list[Figures]


def read(
    connection: Connection, client_id: str, user: str | None, from_day: date | None, to_day: date | None
) -> Analytics:
    """Read figures, all of one snapshot.

    Parameters: client_id; user, whose view, null for that of whoever sees the whole workspace; to_day, today of the
    workspace's time zone if None; from_day, 29 days before if None.
    Raises as signed_in.
    """
    query = """
        select
          o.from_day, o.to_day, o.time_zone, o.computed_at, o.figures as overview, d.figures as days,
          r.figures as response_times
        from (
          select coalesce(%(to_day)s, (inboxdb.clock() at time zone z.time_zone)::date), z.client_id
          from inboxdb.workspace_time_zones(array[%(client_id)s::inboxdb.client_id]) as z
        ) as asked (to_day, client_id)
        cross join lateral (select coalesce(%(from_day)s, asked.to_day - 29)) as since (from_day)
        cross join lateral inbox_api.analytics_overview(asked.client_id, since.from_day, asked.to_day) as o
        cross join lateral inbox_api.analytics_days(asked.client_id, since.from_day, asked.to_day) as d
        cross join lateral inbox_api.analytics_response_times(asked.client_id, since.from_day, asked.to_day) as r
        """
    arguments = {"client_id": client_id, "from_day": from_day, "to_day": to_day}
    with signed_in(connection, client_id, user), connection.cursor(row_factory=class_row(Analytics)) as cursor:
        [found] = cursor.execute(query, arguments).fetchall()
    return found

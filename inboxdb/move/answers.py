"""What a workspace's members are told: to be compared between the two databases, once their rows are the same."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

import psycopg

from inboxdb.counts import analytics, conversations
from inboxdb.database.connection import Connection, transaction
from inboxdb.database.errors import InboxdbError
from inboxdb.move.tables import LONGEST

PAGE = 200  # conversations of each filter

NOT_ANSWERED = ("IB015", "IB020")  # by a flag, or for want of columns: see docs/errors.md


def read(connection: Connection, client_id: str, as_of: str, today: date) -> dict[str, Any]:
    """Read the live counts as of an instant, the first conversations of each filter, and the figures of thirty days.

    What is not answered is left out, by its name.
    """
    with transaction(connection, LONGEST):
        counts = connection.execute(
            "select scope_user_id::text, pg_catalog.to_jsonb(c) - '{computed_at,updated_at,version}'::text[] "
            "from inboxdb.live_inbox_counts(%s, %s) as c order by 1",
            (client_id, as_of),
        ).fetchall()
        filters = [name for (name,) in connection.execute("select name from inboxdb.list_filter order by 1")]
    answers: dict[str, Any] = {"counts": counts}

    def conversations_by(name: str) -> Any:
        return conversations.read(connection, client_id, None, {"filter": name}, PAGE)[0]

    def figures() -> Any:
        found = analytics.read(connection, client_id, None, today - timedelta(days=29), today)
        return found.overview, found.days, found.response_times

    for name in filters:
        _answer(answers, f"conversations, {name}", partial(conversations_by, name))
    _answer(answers, "analytics", figures)
    return answers


def unlike(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Name what differs among what both answer."""
    return [name for name in one if name in other and one[name] != other[name]]


def _answer(answers: dict[str, Any], name: str, ask: Callable[[], Any]) -> None:
    try:
        answers[name] = ask()
    except InboxdbError:
        return  # nobody sees the whole workspace
    except psycopg.Error as error:
        if error.sqlstate not in NOT_ANSWERED:
            raise

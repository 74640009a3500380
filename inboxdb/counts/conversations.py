"""Read a workspace's conversations, as one of its users sees them."""

from typing import Any

from psycopg.sql import SQL, Identifier, Placeholder

from inboxdb.counts.reader import signed_in
from inboxdb.database.connection import Connection

LONGEST_PAGE = 200

Conversation = dict[str, Any]


def read(
    connection: Connection, client_id: str, user: str | None, conditions: dict[str, Any], limit: int
) -> tuple[list[Conversation], bool]:
    """Read the newest conversations of a list, page by page.

    Parameters: client_id; user, whose view, null for that of whoever sees the whole workspace; conditions, further
    arguments of inbox_api.conversations; limit, how many at most.
    Returns the conversations, and whether there may be more.
    Raises as signed_in.
    """
    found: list[Conversation] = []
    with signed_in(connection, client_id, user):
        after, has_more = None, True
        while has_more and len(found) < limit:
            arguments = conditions | {"after": after, "page_size": min(limit - len(found), LONGEST_PAGE)}
            named = SQL("").join(SQL(", {} => {}").format(Identifier(name), Placeholder(name)) for name in arguments)
            query = "select conversations, cursor, has_more from inbox_api.conversations(%(client_id)s{})"
            [(page, after, has_more)] = connection.execute(
                SQL(query).format(named), arguments | {"client_id": client_id}
            ).fetchall()
            found += page
    return found, has_more

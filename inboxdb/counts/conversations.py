"""Read a workspace's conversations, as one of its users sees them."""

import json
from typing import Any

from psycopg.sql import SQL, Identifier, Placeholder

from inboxdb.database.connection import Connection, naming, transaction
from inboxdb.database.errors import InboxdbError

LONGEST_PAGE = 200

Conversation = dict[str, Any]


def read(
    connection: Connection, client_id: str, user: str | None, conditions: dict[str, Any], limit: int
) -> tuple[list[Conversation], bool]:
    """Read the newest conversations of a list, page by page.

    Parameters: client_id; user, whose view, null for that of whoever sees the whole workspace; conditions, further
    arguments of inbox_api.conversations; limit, how many at most.
    Returns the conversations, and whether there may be more.
    Raises MalformedId; DatabaseRefused (through the session) for what the function refuses; InboxdbError where nobody
    sees the whole workspace.
    """
    found: list[Conversation] = []
    with naming(client_id, *filter(None, [user])), transaction(connection):
        claims = json.dumps({"sub": user or _who_sees_the_whole(connection, client_id)})
        connection.execute("select pg_catalog.set_config('request.jwt.claims', %s, true)", (claims,))
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


def _who_sees_the_whole(connection: Connection, client_id: str) -> str:
    [(user,)] = connection.execute(
        "select min(a.user_id::text) from inboxdb.member_access as a where a.client_id = %s and a.sees_whole",
        (client_id,),
    ).fetchall()
    if user is None:
        connection.execute("select inboxdb.require_workspace(%s)", (client_id,))
        raise InboxdbError(f"nobody sees the whole workspace {client_id!r}: name a user with --as.")
    return str(user)

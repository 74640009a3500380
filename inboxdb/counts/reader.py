"""Be a user of a workspace for a while, as the application's users are."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from inboxdb.database.connection import Connection, naming, transaction
from inboxdb.database.errors import InboxdbError


@contextmanager
def signed_in(connection: Connection, client_id: str, user: str | None) -> Iterator[None]:
    """Sign a user in for a transaction.

    Parameters: connection; client_id; user, null for whoever sees the whole workspace.
    Raises MalformedId; DatabaseRefused (through the session) for what is refused meanwhile; InboxdbError where nobody
    sees the whole workspace.
    """
    with naming(client_id, *filter(None, [user])), transaction(connection):
        claims = json.dumps({"sub": user or _who_sees_the_whole(connection, client_id)})
        connection.execute("select pg_catalog.set_config('request.jwt.claims', %s, true)", (claims,))
        yield


def _who_sees_the_whole(connection: Connection, client_id: str) -> str:
    [(user,)] = connection.execute(
        "select min(a.user_id::text) from inboxdb.member_access as a "
        "where a.client_id = %s and a.sees_whole and a.user_id <> inboxdb.sentinel()",
        (client_id,),
    ).fetchall()
    if user is None:
        connection.execute("select inboxdb.require_workspace(%s)", (client_id,))
        raise InboxdbError(f"nobody sees the whole workspace {client_id!r}: name a user with --as.")
    return str(user)

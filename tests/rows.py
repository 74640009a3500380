"""The host application's rows, written as it writes them in any variant of its tables, and the counts made of them.

Ids are strings of the shape of a uuid, times strings in UTC: the server reads either as its column's type, text or
uuid, `timestamp` or `timestamptz`, whatever the session's TimeZone.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import uuid4

from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal, Placeholder

# The scope of a workspace's own row.
GLOBAL = "00000000-0000-0000-0000-000000000000"

# Columns of a message sent by the AI, but for the draft.
BY_AI = {"channel": "email", "direction": "outbound", "source": "zrg", "sentBy": "ai"}

WRITTEN_AT = "2024-01-01 00:00:00+00"

# Qualified, because search_path varies.
BY_ID = SQL("id operator(pg_catalog.=) %(row)s")


class Counts(NamedTuple):
    """The counts of a scope, in the order of view count."""

    all_responses: int = 0
    requires_attention: int = 0
    previously_required_attention: int = 0
    total_non_blacklisted: int = 0
    awaiting_reply: int = 0
    needs_repair: int = 0
    ai_sent: int = 0
    ai_review: int = 0
    total: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """Add the counts of other leads."""
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


# What a snoozed lead counts, whatever else the lead is.
SNOOZED = Counts()

NAMES = SQL(", ").join(map(Identifier, Counts._fields))


class Host:
    """The host application, writing through one connection.

    Each method takes the host's columns by their names, in place of its defaults; a time is a string in UTC that ends
    in ``+00``, or an infinity. Those that insert return the new row's id.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        """Write through `connection`, in its present transaction."""
        self.connection = connection

    def workspace(self, **columns: str | None) -> str:
        """Insert a workspace."""
        return self._insert("Client", {"name": "Workspace", "userId": new_id(), "updatedAt": WRITTEN_AT, **columns})

    def member(self, workspace: str, user: str, role: str) -> str:
        """Insert a member with one role."""
        return self._insert(
            "ClientMember", {"clientId": workspace, "userId": user, "role": role, "updatedAt": WRITTEN_AT}
        )

    def lead(self, workspace: str, **columns: str | None) -> str:
        """Insert a lead: new, unassigned, nothing said."""
        return self._insert("Lead", {"clientId": workspace, "updatedAt": WRITTEN_AT, **columns})

    def draft(self, lead: str, **columns: str | None) -> str:
        """Insert a draft waiting for a review."""
        default = {"content": "Synthetic.", "autoSendAction": "needs_review", "updatedAt": WRITTEN_AT}
        return self._insert("AIDraft", {"leadId": lead, **default, **columns})

    def message(self, lead: str, **columns: str | None) -> str:
        """Insert an email from the lead. The lead's own columns are left as they are."""
        default = {"channel": "email", "direction": "inbound", "sentBy": "lead", "body": "Synthetic."}
        return self._insert("Message", {"leadId": lead, **default, **columns})

    def ai_sent(self, lead: str, **columns: str | None) -> str:
        """Insert an approved draft and the AI's email from the draft; the columns and the id are the message's."""
        draft = self.draft(lead, status="approved")
        return self.message(lead, **{**BY_AI, "aiDraftId": draft, **columns})

    def row(self, table: str, **columns: str | None) -> str:
        """Insert a row of another table."""
        return self._insert(table, columns)

    def update(self, table: str, row: str, **columns: str | None) -> None:
        """Update a row, naming just these columns."""
        changes = SQL(", ").join(SQL("{} = {}").format(Identifier(name), Placeholder(name)) for name in columns)
        statement = SQL("update public.{} set {} where {}").format(Identifier(table), changes, BY_ID)
        self.connection.execute(statement, {**columns, "row": row})

    def delete(self, table: str, row: str) -> None:
        """Delete a row, and the rows that refer to the row."""
        self.connection.execute(SQL("delete from public.{} where {}").format(Identifier(table), BY_ID), {"row": row})

    def _insert(self, table: str, columns: dict[str, str | None]) -> str:
        columns = {"id": new_id(), **columns}
        self.connection.execute(
            SQL("insert into public.{} ({}) values ({})").format(
                Identifier(table),
                SQL(", ").join(map(Identifier, columns)),
                SQL(", ").join(map(Placeholder, columns)),
            ),
            columns,
        )
        return str(columns["id"])


def new_id() -> str:
    """Make an id of no row."""
    return str(uuid4())


def live_counts(connection: Connection[Any], workspace: str, as_of: str | None = None) -> dict[str, Counts]:
    """Count a workspace on the spot, by scope; snoozes are judged at `as_of`, else by the database's clock."""
    arguments = [workspace] if as_of is None else [workspace, as_of]
    query = SQL("select scope_user_id, is_global, {} from inboxdb.live_inbox_counts({})").format(
        NAMES, SQL(", ").join(Placeholder() * len(arguments))
    )
    return _by_scope(connection.execute(query, arguments))


def stored_counts(connection: Connection[Any]) -> dict[str, dict[str, Counts]]:
    """Read all the stored counts, by workspace and scope."""
    workspaces: dict[str, list[tuple[Any, ...]]] = {}
    query = SQL("select client_id, scope_user_id, is_global, {} from inboxdb.inbox_counts").format(NAMES)
    for workspace, *row in connection.execute(query):
        workspaces.setdefault(str(workspace), []).append(tuple(row))
    return {workspace: _by_scope(rows) for workspace, rows in workspaces.items()}


def drift(connection: Connection[Any]) -> list[tuple[str, int, int]]:
    """Return the differences recorded, in order: by what, leads, scopes."""
    return connection.execute("select found_by, leads, scopes from inboxdb.drift order by found_at, id").fetchall()


def set_clock(connection: Connection[Any], instant: str) -> None:
    """Stop the database's clock at an instant, and take chance out of its delays; `connection` owns its functions."""
    connection.execute(
        SQL(
            "create or replace function inboxdb.clock() returns pg_catalog.timestamptz language sql volatile as {}"
        ).format(Literal(f"select '{instant}'::pg_catalog.timestamptz"))
    )
    [(definition,)] = connection.execute("select pg_get_functiondef('inboxdb.retry_delay'::regproc)").fetchall()
    connection.execute(definition.replace("(1 - pg_catalog.random() / 4)", "1"))


def set_slice(connection: Connection[Any], choice: str) -> None:
    """Choose the slice of the change log by an expression, instead of by the clock; `connection` owns the function."""
    connection.execute(
        SQL(
            "create or replace function inboxdb.current_slice() returns integer "
            "language sql volatile parallel safe as {}"
        ).format(Literal(f"select {choice}"))
    )


def empty_small_slices(connection: Connection[Any], size: int = 131072) -> None:
    """Have slices emptied from a size on, whatever replication the server's other databases are tested with."""
    connection.execute(
        f"create or replace function inboxdb.least_size_to_empty() returns bigint language sql return {size}".encode()
    )


def _by_scope(rows: Iterable[tuple[Any, ...]]) -> dict[str, Counts]:
    scopes: dict[str, Counts] = {}
    for scope, is_global, *counts in rows:
        assert str(scope) not in scopes, "two rows for one scope"
        assert is_global == (str(scope) == GLOBAL), "the sentinel and nobody else is global"
        scopes[str(scope)] = Counts(*counts)
    return scopes

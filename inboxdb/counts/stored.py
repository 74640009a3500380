"""Read a workspace's stored counts."""

from dataclasses import dataclass, replace
from datetime import datetime

from psycopg.rows import class_row

from inboxdb.database.connection import Connection, naming, transaction
from inboxdb.database.errors import InboxdbError

# Columns of inbox_counts beside the counts by name.
OTHERS = {"client_id", "is_global", "scope_user_id", "leads", "computed_at", "updated_at", "version"}


@dataclass(frozen=True)
class Counts:
    """The counts of a scope by name, as of `computed_at`; `dirty`: something has changed since."""

    client_id: str
    is_global: bool
    scope_user_id: str
    counts: dict[str, int]
    computed_at: datetime
    version: int | None
    dirty: bool


def read(connection: Connection, client_id: str, setter: str | None = None) -> Counts:
    """Read the counts of a workspace, or of one user in it, by primary key.

    Parameters: client_id; setter, a user's id. A user without leads in the workspace has zeros.
    Raises MalformedId; DatabaseRefused (IB002, through the session) for an unknown workspace; InboxdbError for a
    workspace that was never counted, and for a setter who is nobody: the empty id, and the sentinel.
    """
    if setter == "":
        raise InboxdbError("--setter is empty: name a user, or leave it out for the whole workspace.")
    with (
        naming(client_id, *filter(None, [setter])),
        transaction(connection),
        connection.cursor(row_factory=class_row(Counts)) as cursor,
    ):
        # in the host's form, whatever form it was typed in
        (scope, is_nobody) = connection.execute(
            "select u.id::text, u.id = inboxdb.sentinel() from (select %s::inboxdb.user_id as id) as u", (setter,)
        ).fetchall()[0]
        if is_nobody:
            raise InboxdbError(
                f"{scope} is nobody's id: it stands for the whole workspace. Leave --setter out for that."
            )
        # both rows in one snapshot, so that zeros are never older than the computed_at they are given
        row = cursor.execute(
            """
            select
              s.client_id::text, s.is_global, s.scope_user_id::text, pg_catalog.row_to_json(s) as counts, w.computed_at,
              v.version,
              exists (select from inboxdb.waiting as w where w.client_id = s.client_id) as dirty
            from inboxdb.inbox_counts as s
            inner join inboxdb.inbox_counts as w on w.client_id = s.client_id and w.is_global
            left join inboxdb.cache_version as v on v.client_id = s.client_id and v.family = 'inbox'
            where s.client_id = %(client_id)s
              and (s.is_global, s.scope_user_id) in ((true, inboxdb.sentinel()), (false, %(setter)s))
            order by s.is_global
            limit 1
            """,
            {"client_id": client_id, "setter": scope},
        ).fetchone()
        if row is None:
            connection.execute("select inboxdb.require_workspace(%s)", (client_id,))
            raise InboxdbError(
                f"workspace {client_id!r} has not been counted yet: run `inboxdb drain-dirty`, or "
                f"`inboxdb recompute {client_id}` for it alone."
            )
    counts = {name: count for name, count in row.counts.items() if name not in OTHERS}
    if scope is not None and row.is_global:
        return replace(row, is_global=False, scope_user_id=scope, counts=dict.fromkeys(counts, 0))
    return replace(row, counts=counts)

"""How far behind the drain is."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from inboxdb.connection import Connection

SHOWN = 20


@dataclass(frozen=True)
class FailingWorkspace:
    """A workspace whose last attempt failed; `last_error` is its SQLSTATE and our own sentence."""

    client_id: str
    attempts: int
    next_attempt_at: datetime
    last_error: str


@dataclass(frozen=True)
class Status:
    """The queue, from the change log itself and not only from what a drain has seen."""

    dirty_workspaces: int
    pending_changes: int
    oldest_dirty_seconds: float
    failing_workspaces: int
    collected_at: datetime | None


def read(connection: Connection) -> Status:
    """Ask the database how far behind the drain is. The cost grows with the change log."""
    with connection.cursor(row_factory=class_row(Status)) as cursor:
        return cursor.execute(
            """
            select s.dirty_workspaces, s.pending_changes, s.oldest_dirty_seconds, s.failing_workspaces, s.collected_at
            from inboxdb.drain_status() as s
            """
        ).fetchall()[0]


def failing(connection: Connection, *, limit: int = SHOWN) -> list[FailingWorkspace]:
    """List workspaces whose last attempt failed, those longest behind first, at most `limit` of them."""
    with connection.cursor(row_factory=class_row(FailingWorkspace)) as cursor:
        return cursor.execute(
            """
            select d.client_id::text, d.attempts, d.next_attempt_at, d.last_error
            from inboxdb.inbox_counts_dirty as d
            where d.last_error is not null
            order by d.dirty_since, d.client_id
            limit %s
            """,
            (limit,),
        ).fetchall()

"""How far behind the drain is."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from inboxdb.connection import Connection

SHOWN = 20  # failing workspaces, at most


@dataclass(frozen=True)
class FailingWorkspace:
    """A workspace whose last attempt failed; `last_error` is its SQLSTATE and our own sentence."""

    client_id: str
    attempts: int
    next_attempt_at: datetime
    last_error: str


@dataclass(frozen=True)
class Status:
    """The queue, from the change log itself and not only from what a drain has seen.

    `counts_source` is where inbox_api.inbox_counts answers from, stored or live; `lead_rls` what is decided about
    row-level security on "Lead": undecided, left_out, enabled, joined, or drifted where the catalog says otherwise.
    """

    dirty_workspaces: int
    pending_changes: int
    oldest_dirty_seconds: float
    failing_workspaces: int
    collected_at: datetime | None
    counts_source: str
    lead_rls: str


def read(connection: Connection) -> Status:
    """Ask the database how far behind the drain is. The cost grows with the change log."""
    with connection.cursor(row_factory=class_row(Status)) as cursor:
        return cursor.execute(
            """
            select
              s.dirty_workspaces, s.pending_changes, s.oldest_dirty_seconds, s.failing_workspaces, s.collected_at,
              s.counts_source, inboxdb.lead_rls_state() as lead_rls
            from inboxdb.drain_status() as s
            """
        ).fetchall()[0]


def failing(connection: Connection, *, limit: int | None = None) -> list[FailingWorkspace]:
    """List workspaces whose last attempt failed, those longest behind first, at most `limit` of them."""
    with connection.cursor(row_factory=class_row(FailingWorkspace)) as cursor:
        return cursor.execute(
            """
            select f.client_id::text, f.attempts, f.next_attempt_at, f.last_error
            from inboxdb.failing_workspaces() as f
            limit %s
            """,
            (limit,),
        ).fetchall()

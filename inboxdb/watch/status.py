"""How the drain is doing: what `inboxdb status` and `inboxdb metrics` show."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from inboxdb.database.connection import Connection
from inboxdb.database.errors import RowsLost

SHOWN = 20  # failing workspaces, at most

UNPUBLISHED_LIMIT = 60.0  # seconds: Redis is behind, not just about to be told


@dataclass(frozen=True)
class FailingWorkspace:
    """A workspace whose last attempt failed; `last_error` is its SQLSTATE and our own sentence.

    `next_attempt_at` is None for one that is quarantined.
    """

    client_id: str
    attempts: int
    next_attempt_at: datetime | None
    last_error: str
    quarantined_at: datetime | None


@dataclass(frozen=True)
class Status:
    """The queue, from the change log itself and not only from what a drain has seen, and who works on it.

    Seconds and bytes as named; the freshness of the last hour is None where nothing was refreshed, what is unpublished
    None where nothing was ever published. `snapshots_all_seen` is whether this role sees everybody's transactions;
    `audit_period_seconds` within how long every workspace is to be audited again, `oldest_audit_seconds` how long
    ago that was of the one whose turn was longest ago, None without any; `drifted_workspaces` where more or less was
    found in the last day than changes say, `self_healed_workspaces` where a difference did not fit; all is mended.
    `counts_source` where inbox_api.inbox_counts answers from, stored or live; `suspended_since` since when nothing
    notes changes, None while that is done; `lead_rls` what is decided about
    row-level security on "Lead": undecided, left_out, enabled, joined, or drifted where the catalog says otherwise.
    """

    dirty_workspaces: int
    pending_changes: int
    oldest_dirty_seconds: float
    late_workspaces: int
    failing_workspaces: int
    quarantined_workspaces: int
    workers_seen: int
    last_drain_at: datetime | None
    freshness_p50: float | None
    freshness_p95: float | None
    freshness_p99: float | None
    log_bytes: int
    unpublished_keys: int | None
    unpublished_seconds: float | None
    counts_source: str
    suspended_since: datetime | None
    audit_period_seconds: float
    oldest_audit_seconds: float | None
    drifted_workspaces: int
    self_healed_workspaces: int
    held_snapshot_seconds: float
    held_snapshot_by: str | None
    snapshots_all_seen: bool
    lead_rls: str

    @property
    def broken_promises(self) -> list[str]:
        """Say in words what is not as it should be; empty where all is well."""
        said = {
            "changes are not counted within 15 seconds": self.late_workspaces > 0,
            "refreshes fail": self.failing_workspaces > 0,
            "workspaces are quarantined": self.quarantined_workspaces > 0,
            "workspaces are not audited in time": (self.oldest_audit_seconds or 0) > 2 * self.audit_period_seconds,
            "Redis is behind": (self.unpublished_seconds or 0) > UNPUBLISHED_LIMIT,
            "inboxdb is suspended": self.suspended_since is not None,
            'row-level security on "Lead" is not as decided': self.lead_rls == "drifted",
        }
        return [promise for promise, is_broken in said.items() if is_broken]


def read(connection: Connection) -> Status:
    """Ask the database how the drain is doing. The cost grows with the change log.

    Raises RowsLost.
    """
    with connection.cursor(row_factory=class_row(Status)) as cursor:
        found = cursor.execute(
            """
            select
              s.*,
              h.seconds as held_snapshot_seconds, h.holder as held_snapshot_by, h.all_seen as snapshots_all_seen,
              r.state as lead_rls
            from inboxdb.drain_status() as s
            cross join inboxdb.held_snapshot() as h
            cross join inboxdb.lead_rls_state() as r (state)
            where s.counts_source is not null and r.state is not null
            """
        ).fetchone()
    if found is None:
        raise RowsLost
    return found


def failing(connection: Connection, *, limit: int | None = None) -> list[FailingWorkspace]:
    """List workspaces whose last attempt failed, those longest behind first, at most `limit` of them."""
    with connection.cursor(row_factory=class_row(FailingWorkspace)) as cursor:
        return cursor.execute(
            """
            select
              f.client_id::text, f.attempts, nullif(f.next_attempt_at, 'infinity') as next_attempt_at, f.last_error,
              f.quarantined_at
            from inboxdb.failing_workspaces() as f
            limit %s
            """,
            (limit,),
        ).fetchall()

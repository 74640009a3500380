"""How the drain is doing, asked of the database."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row
from psycopg.sql import SQL

from inboxdb.database.connection import Connection, transaction
from inboxdb.database.errors import RowsLost
from inboxdb.watch.facts import Status

# Answers that not every installation has.
ROLLOUTS = SQL("select o.* from inboxdb.rollout_state() as o")
NO_ROLLOUTS = SQL("""
    select
      null::integer as flags_off, null::integer as canaries, null::integer as undecided_canaries,
      null::float8 as unwatched_canary_seconds, null::integer as taken_back_canaries
""")
AGGREGATES = SQL("""
    select
      a.due as due_aggregates, a.unbuilt as unbuilt_aggregates, a.late as late_aggregates,
      a.oldest_seconds as oldest_aggregate_seconds, a.failing as failing_aggregates,
      a.quarantined as quarantined_aggregates
    from inboxdb.analytics_status() as a
""")
NO_AGGREGATES = SQL("""
    select
      null::integer as due_aggregates, null::integer as unbuilt_aggregates, null::integer as late_aggregates,
      null::float8 as oldest_aggregate_seconds, null::integer as failing_aggregates,
      null::integer as quarantined_aggregates
""")
LAST_RUNS = SQL("select l.* from inboxdb.last_runs() as l")
NO_LAST_RUNS = SQL("""
    select
      null::timestamptz as last_command_run_at, null::timestamptz as last_sql_run_at,
      null::timestamptz as last_http_run_at, null::timestamptz as last_inngest_run_at
""")

SHOWN = 20  # failing workspaces, at most


@dataclass(frozen=True)
class FailingWorkspace:
    """A workspace whose last attempt failed; `last_error` is its SQLSTATE and our own sentence.

    `next_attempt_at` is None for a quarantined workspace.
    """

    client_id: str
    attempts: int
    next_attempt_at: datetime | None
    last_error: str
    quarantined_at: datetime | None


def read(connection: Connection) -> Status:
    """Ask the database how the drain is doing. The cost grows with the change log.

    Raises RowsLost.
    """
    with transaction(connection), connection.cursor(row_factory=class_row(Status)) as cursor:
        # asked before, because this program may be newer than the installation
        [(has_rollouts, has_aggregates, has_last_runs)] = connection.execute("""
            select
              pg_catalog.to_regprocedure('inboxdb.rollout_state()') is not null,
              pg_catalog.to_regprocedure('inboxdb.analytics_status()') is not null,
              pg_catalog.to_regprocedure('inboxdb.last_runs()') is not null
            """).fetchall()
        now = cursor.execute(
            SQL("""
            select
              s.*,
              h.seconds as held_snapshot_seconds, h.holder as held_snapshot_by, h.all_seen as snapshots_all_seen,
              r.state as lead_rls, o.*, a.*, l.*
            from inboxdb.drain_status() as s
            cross join inboxdb.held_snapshot() as h
            cross join inboxdb.lead_rls_state() as r (state)
            cross join ({rollouts}) as o
            cross join ({aggregates}) as a
            cross join ({last_runs}) as l
            where s.workers_seen is not null
            """).format(
                rollouts=ROLLOUTS if has_rollouts else NO_ROLLOUTS,
                aggregates=AGGREGATES if has_aggregates else NO_AGGREGATES,
                last_runs=LAST_RUNS if has_last_runs else NO_LAST_RUNS,
            )
        ).fetchone()
    if now is None:
        raise RowsLost
    return now


def failing(connection: Connection, *, limit: int | None = None) -> list[FailingWorkspace]:
    """List workspaces after a failed attempt, longest behind first, at most `limit` of them."""
    with transaction(connection), connection.cursor(row_factory=class_row(FailingWorkspace)) as cursor:
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

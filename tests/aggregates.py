"""Aggregates of analytics, brought up to date step by step, as a drain at rest does."""

from typing import Any

from psycopg import Connection

from inboxdb.drain.run import drain
from tests.servers import Database

BUILT = """
select w.number from inboxdb.analytics_workspace as w
where w.client_id = %s and w.walked_at is not null and w.noted_since is null and w.walk_began_at is null
"""
DUE = "update inboxdb.analytics_workspace set walked_at = walked_at - interval '2 days', due_at = inboxdb.clock()"


def bring_up_to_date(database: Database, *, audit: bool = False, may_fail: bool = False) -> None:
    """Drain, then do all that is due for aggregates; with `audit`, walk through all leads, too."""
    drain(database.dsn)
    owner = database.connect()
    owner.execute("select inboxdb.keep_analytics()")
    if audit:
        owner.execute(f"{DUE} where client_id is not null")
    outcomes = refresh_all(owner)
    assert may_fail or set(outcomes) <= {"refreshed", "more"}, outcomes


def drain_counts(owner: Connection[Any]) -> None:
    """Refresh counts alone, which hands changes on."""
    while workspace := owner.execute("select inboxdb.claim_next(true)").fetchone()[0]:  # type: ignore[index]
        owner.execute("select inboxdb.drain_next(%s)", [workspace])


def refresh_all(owner: Connection[Any]) -> list[str]:
    """Refresh aggregates until none are due; return the outcomes."""
    outcomes = []
    while workspace := owner.execute("select inboxdb.next_analytics()").fetchone()[0]:  # type: ignore[index]
        [(outcome,)] = owner.execute("select outcome from inboxdb.refresh_analytics(%s)", [workspace]).fetchall()
        outcomes.append(outcome)
    return outcomes


def is_built(owner: Connection[Any], workspace: str) -> bool:
    """Say whether a workspace's aggregates answer, with nothing left to do."""
    return owner.execute(BUILT, [workspace]).fetchone() is not None

"""The cost of a pass beside a held snapshot, and of a pass with nothing to do, in pages visited.

Milliseconds are for `python -m tests.bench.held`.
"""

from typing import Any, NamedTuple

import pytest
from psycopg import Connection

from tests.holders import HOLDERS, Holder
from tests.parts import in_turn, one_in
from tests.rows import Host, empty_small_slices, live_counts, set_clock, set_slice, stored_counts
from tests.servers import Database

# Refreshes of one workspace while a snapshot is held. Each leaves a dead row for every row.
REFRESHES = 300


class Visited(NamedTuple):
    """Pages visited by a statement, and its WAL records."""

    pages: int
    records: int


def visited(connection: Connection[Any], statement: str, *parameters: Any) -> Visited:
    """Run a statement, and return the pages visited."""
    explain = f"explain (analyze, buffers, wal, format json) {statement}"
    [([explained],)] = connection.execute(explain.encode(), parameters).fetchall()
    plan = explained["Plan"]
    return Visited(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], plan["WAL Records"])


# Statements to make a workspace dirty: for a recount, or by a change of one lead.
CAUSES = {
    "a mark": "select inboxdb.mark_inbox_counts_dirty(%s)",
    "a change": """
        update "Lead" set status = case when status = 'new' then 'blacklisted' else 'new' end
        where id in (select min(id) from "Lead" where "clientId" = %s)
    """,
}


def visits_of_counts(connection: Connection[Any]) -> int:
    """Return how often pages of inbox_counts, and of its index, were visited so far."""
    connection.execute("select pg_stat_force_next_flush()")
    [(visits,)] = connection.execute(
        """
        select heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read
        from pg_statio_all_tables
        where relid = 'inboxdb.inbox_counts'::regclass
        """
    ).fetchall()
    return int(visits)


def refresh(connection: Connection[Any], workspace: str, cause: str) -> int:
    """Make a workspace dirty, claim it and refresh it; return the pages visited by the pass."""
    connection.execute(CAUSES[cause].encode(), [workspace])
    claim = visited(connection, "select inboxdb.claim_next()").pages
    return claim + visited(connection, "select inboxdb.drain_next(%s)", workspace).pages


def refresh_later(connection: Connection[Any], workspace: str, minute: int, cause: str) -> int:
    """Refresh a workspace at a minute of the clock, so that dead rows of earlier minutes are visited only if needed.

    Dead rows of the last seconds are visited: the floor of the log moves once a second, and a claim without a refresh
    would be due again in five.
    """
    set_clock(connection, f"2024-06-10 09:{minute:02}:00+00")
    connection.execute("update inboxdb.drain_state set collected_at = null")
    connection.execute("select inboxdb.collect()")
    return refresh(connection, workspace, cause)


def least_of(connection: Connection[Any], workspace: str, minutes: range, cause: str) -> tuple[int, int]:
    """Make a pass in each minute; return the least of the pages visited, and of those of inbox_counts.

    A pass after an ANALYZE by autovacuum plans anew: that visits 500 pages of catalogs, and dead rows at index ends.
    """
    passes = []
    for minute in minutes:
        start = visits_of_counts(connection)
        pages = refresh_later(connection, workspace, minute, cause)
        passes.append((pages, visits_of_counts(connection) - start))
    return min(pages for pages, _ in passes), min(of_counts for _, of_counts in passes)


@pytest.mark.long
@pytest.mark.parametrize(("holder", "cause"), in_turn(HOLDERS, list(CAUSES)))
def test_a_pass_visits_nothing_that_a_held_snapshot_keeps(
    holder: Holder, cause: str, database: Database, owner: Connection[Any]
) -> None:
    set_clock(owner, "2024-06-10 09:00:00+00")
    host = Host(database.writer())
    workspace, *others = (host.workspace() for _ in range(6))
    for each in (workspace, *others):
        for _ in range(5):
            host.lead(each)
    owner.execute("call inboxdb.drain_dirty()")
    owner.execute("vacuum analyze")
    for minute in range(1, 15):
        refresh_later(owner, workspace, minute, cause)
    before, of_counts_before = least_of(owner, workspace, range(15, 20), cause)

    with holder(database.server.dsn_of(database.name)):
        for number in range(REFRESHES):
            host.lead(others[number % 5])
            refresh(owner, others[number % 5], cause)
            refresh(owner, workspace, cause)
        owner.execute("analyze")  # as autovacuum does, so that all is planned anew
        during, of_counts = least_of(owner, workspace, range(20, 25), cause)
        if cause == "a change":
            # none is a dead row's: a page, if the index has grown a level; by equal conditions there were ten
            assert of_counts <= of_counts_before + 1
        # dead rows would be a page a refresh, beside some 150 that grown indexes take, after 900 refreshes as after 300
        assert during < before + REFRESHES
        assert stored_counts(owner) == {each: live_counts(owner, each) for each in (workspace, *others)}


@pytest.mark.long
@pytest.mark.parametrize("holder", one_in(3, HOLDERS))
def test_the_disk_shrinks_once_the_snapshot_is_gone(holder: Holder, database: Database, owner: Connection[Any]) -> None:
    sizes = "select sum(pg_relation_size(format('inboxdb.change_%s', n))) from generate_series(0, 3) as n"
    workspace = Host(database.writer()).workspace()
    mark = "select inboxdb.mark_inbox_counts_dirty(%s) from generate_series(1, 2500)"

    def turn() -> int:
        """Let each slice have its time, and drain as the program does; return how large the log is then."""
        for number in range(4):
            set_slice(owner, f"{number}")
            owner.execute(mark, [workspace])
            owner.execute("call inboxdb.drain_dirty()")
            owner.execute("select inboxdb.empty_slice()")
        [(size,)] = owner.execute(sizes).fetchall()
        return int(size)

    empty_small_slices(owner)
    for number in range(4):
        # a vacuum at work would hold a lock
        owner.execute(f"alter table inboxdb.change_{number} set (autovacuum_enabled = off)".encode())
    usual = max(turn() for _ in range(2))
    with holder(database.server.dsn_of(database.name)):
        most = max(turn() for _ in range(4))
    # a dump locks all slices, a writer its own; emptying waits for neither, and other holders lock none
    assert most > usual if holder.__name__ != "idle_reader" else most == usual
    assert turn() == usual


@pytest.mark.long
@pytest.mark.parametrize("workspaces", [10, 2000])
def test_a_pass_with_nothing_to_do_is_one_cheap_query(
    workspaces: int, database: Database, owner: Connection[Any]
) -> None:
    """With any number of workspaces and leads an idle pass visits as few pages, and writes nothing."""
    owner.execute(
        """
        with made as (
          insert into public."Client" (id, name, "userId", "updatedAt")
          select gen_random_uuid(), 'Workspace', gen_random_uuid(), now() from generate_series(1, %s)
          returning id
        )
        insert into public."Lead" (id, "clientId", "updatedAt")
        select gen_random_uuid(), id, now() from made cross join generate_series(1, 2)
        """,
        [workspaces],
    )
    owner.execute("call inboxdb.drain_dirty()")
    owner.execute("vacuum analyze")
    passes = [visited(owner, "select inboxdb.claim_next()") for _ in range(50)]
    # the least, because a pass reads catalogs anew where other databases' new tables fill the server's message queue
    assert min(idle.pages for idle in passes) < 120  # 100 with ten workspaces
    assert passes[-1].records == 0

"""How long a refresh of a workspace takes: by the workspace's size, and by the number of changed leads."""

from tests.bench.contenders import KEYED_UPSERT, MATERIALIZED_VIEW, RIVALS
from tests.bench.host import Host, milliseconds
from tests.bench.results import Measure, Results

APPLICATION = "application's own queries"
BY_CHANGE, BY_SCAN, RECOUNT = "inboxdb by change", "inboxdb by scan", "inboxdb, full recount"
FLOOR = "floor: index-only count(*)"
NOTHING_DIFFERS, SOME_DIFFER, FIRST_FILL = "recompute, nothing differs", "recompute, some leads changed", "first fill"
CHANGES = 100  # changed leads, where the size varies
RECOMPUTED = 1_000  # changed leads, where some differ


def by_size(results: Results) -> Measure:
    """Return the measure shared by the application's queries and all others."""
    return results.measure(
        "refresh_by_size",
        f"Refresh of one workspace of which {CHANGES} leads changed",
        "ms",
        x="leads",
        note=(
            "The application's own queries ran before inboxdb's indexes existed. By scan: the live counts of the "
            "workspace, computed and not stored. The full recount scans, too, stores the counts, and brings its memory "
            "of every lead up to date; inboxdb chooses it by itself where too large a part of a workspace changed, as "
            "in the smallest one here. The materialized view is refreshed as a whole, whichever workspace changed, so "
            "it has one figure, beside the largest workspace. Counters by trigger are never refreshed: writers pay for "
            "them."
        ),
    )


def measure_application(host: Host, results: Results) -> None:
    """Measure the application's own queries; to be called while nothing is installed."""
    text = (RIVALS / "application.sql").read_text()
    for leads, workspace in sorted(host.workspaces.items()):
        queries = text.replace(":workspace", f"'{workspace}'")
        for _ in range(host.size.application_rounds):
            by_size(results).add(APPLICATION, {"leads": leads}, milliseconds(host.connection, queries))


def refresh(host: Host, workspace: str) -> float:
    """Let inboxdb refresh a workspace; return the milliseconds."""
    return milliseconds(host.connection, f"select * from inboxdb.drain_next('{workspace}')")


def scan(host: Host, workspace: str) -> float:
    """Compute the live counts of a workspace; return the milliseconds."""
    return milliseconds(host.connection, f"select * from inboxdb.live_inbox_counts('{workspace}')")


def recount(host: Host, workspace: str) -> float:
    """Let inboxdb recount a workspace, filling counted_lead; return the milliseconds."""
    host.connection.execute("select inboxdb.mark_inbox_counts_dirty(%s)", [workspace])
    return refresh(host, workspace)


def refresh_keyed_upsert(host: Host, workspace: str) -> float:
    """Let the job of the keyed upsert recount a workspace; return the milliseconds."""
    host.connection.execute("truncate rival_keyed_upsert.dirty")
    host.connection.execute("select rival_keyed_upsert.mark(%s)", [workspace])
    return milliseconds(host.connection, f"call {KEYED_UPSERT.schema}.drain()")


def measure(host: Host, results: Results) -> None:
    """Measure all of it."""
    measure_sizes(host, results)
    measure_changes(host, results)
    measure_recounts(host, results)
    host.drain()  # an hour after the data were made the first snoozes end
    for workspace in host.workspaces.values():
        host.assert_counted(workspace)


def measure_sizes(host: Host, results: Results) -> None:
    """Measure workspaces of different sizes."""
    times = by_size(results)
    for turn in range(-1, host.size.rounds):
        # the first turn makes plans, and fills caches
        counts = turn >= 0
        for leads, workspace in sorted(host.workspaces.items()):
            host.change(leads, CHANGES, turn)
            seen = {
                BY_CHANGE: refresh(host, workspace),
                BY_SCAN: scan(host, workspace),
                RECOUNT: recount(host, workspace),
                KEYED_UPSERT.name: refresh_keyed_upsert(host, workspace),
                FLOOR: milliseconds(
                    host.connection, f"""select count(*) from public."Lead" where "clientId" = '{workspace}'"""
                ),
            }
            if leads == host.size.largest:
                seen[MATERIALIZED_VIEW.name] = milliseconds(host.connection, f"call {MATERIALIZED_VIEW.schema}.drain()")
            for name, took in seen.items():
                if counts:
                    times.add(name, {"leads": leads}, took)


def measure_changes(host: Host, results: Results) -> None:
    """Measure a large workspace with few and many changes."""
    times = results.measure(
        "refresh_by_changes",
        f"Refresh of the workspace of {host.size.judged:,} leads, by the number of leads that changed",
        "ms",
        x="changes",
        note="inboxdb itself chooses a full recount where that many leads changed that it is the cheaper.",
    )
    for turn in range(host.size.rounds):
        for changes in host.size.changes:
            host.change(host.size.judged, changes, turn)
            times.add(BY_CHANGE, {"changes": changes}, refresh(host, host.judged))
            times.add(BY_SCAN, {"changes": changes}, scan(host, host.judged))


def recompute(host: Host, workspace: str) -> float:
    """Let inboxdb recount a workspace of which nothing is marked; return the milliseconds."""
    return milliseconds(host.connection, f"select inboxdb.recompute_inbox_counts('{workspace}')")


def first_fill(host: Host, workspace: str) -> float:
    """Let inboxdb count a workspace of which it knows nothing; return the milliseconds."""
    host.connection.execute(
        """
        with gone as (delete from inboxdb.workspace where client_id = %s returning number)
        delete from inboxdb.counted_lead as k using gone as g where k.workspace = g.number
        """,
        [workspace],
    )
    host.connection.execute("vacuum inboxdb.counted_lead")
    return recompute(host, workspace)


def measure_recounts(host: Host, results: Results) -> None:
    """Measure what recounts cost beside the plain scan."""
    leads, workspace = host.size.judged, host.judged
    times = results.measure(
        "recounts",
        f"Recounts of the workspace of {leads:,} leads",
        "ms",
        note=(
            "The scan is that of the live counts. A recompute finds by hashes what differs; "
            f"{RECOMPUTED:,} leads, all over the workspace, changed where some did. Ids are uuids in text columns."
        ),
    )
    for turn in range(-1, host.size.rounds):
        seen = {BY_SCAN: scan(host, workspace), NOTHING_DIFFERS: recompute(host, workspace)}
        host.change(leads, RECOMPUTED, turn + 1)
        seen[SOME_DIFFER] = recompute(host, workspace)
        seen[FIRST_FILL] = first_fill(host, workspace)
        for name, took in seen.items():
            # the first turn makes plans, and fills caches
            if turn >= 0:
                times.add(name, {"leads": leads}, took)

"""How long it takes to bring one workspace's counts up to date: by its size, and by how much of it changed."""

from tests.bench.contenders import KEYED_UPSERT, MATERIALIZED_VIEW, RIVALS
from tests.bench.host import Host
from tests.bench.results import Measure, Results

APPLICATION = "application's own queries"
BY_SCAN, BY_CHANGE, FLOOR = "inboxdb by scan", "inboxdb by change", "floor: index-only count(*)"
CHANGES = 100  # leads that changed, where it is the size that varies


def by_size(results: Results) -> Measure:
    """Return the measure that the application's queries and all others have in common."""
    return results.measure(
        "refresh_by_size",
        f"Refresh of one workspace of which {CHANGES} leads changed",
        "ms",
        x="leads",
        note=(
            "The application's own queries ran before inboxdb's indexes existed. The materialized view is refreshed as a "
            "whole, whichever workspace changed, so it has one figure, beside the largest workspace. By scan: the whole "
            "workspace was marked. By change: inboxdb itself chooses a scan where too large a part of a workspace "
            "changed, as in the smallest one here. Counters by trigger are never refreshed: their cost is the writers'."
        ),
    )


def measure_application(host: Host, results: Results) -> None:
    """Measure the application's own queries; to be called while nothing is installed."""
    text = (RIVALS / "application.sql").read_text()
    for leads, workspace in sorted(host.workspaces.items()):
        queries = text.replace(":workspace", f"'{workspace}'")
        for _ in range(host.size.application_rounds):
            by_size(results).add(APPLICATION, {"leads": leads}, host.seconds(queries) * 1000)


def refresh(host: Host, workspace: str) -> float:
    """Let inboxdb refresh a workspace; return the milliseconds that it took."""
    return host.seconds(f"select * from inboxdb.drain_next('{workspace}')") * 1000


def refresh_by_scan(host: Host, workspace: str) -> float:
    """Let it count all of it; return the milliseconds."""
    host.connection.execute("select inboxdb.mark_inbox_counts_dirty(%s)", [workspace])
    return refresh(host, workspace)


def refresh_keyed_upsert(host: Host, workspace: str) -> float:
    """Let the job of the keyed upsert recount a workspace; return the milliseconds."""
    host.connection.execute("truncate rival_keyed_upsert.dirty")
    host.connection.execute("select rival_keyed_upsert.mark(%s)", [workspace])
    return host.seconds(f"call {KEYED_UPSERT.schema}.drain()") * 1000


def measure(host: Host, results: Results) -> None:
    """Measure both."""
    measure_sizes(host, results)
    measure_changes(host, results)
    for workspace in host.workspaces.values():
        host.assert_counted(workspace)


def measure_sizes(host: Host, results: Results) -> None:
    """Measure workspaces of different sizes."""
    times = by_size(results)
    for turn in range(-1, host.size.rounds):
        # the first turn makes plans, and reads what was not read before
        counts = turn >= 0
        for leads, workspace in sorted(host.workspaces.items()):
            host.change(leads, CHANGES, turn)
            seen = {
                BY_CHANGE: refresh(host, workspace),
                BY_SCAN: refresh_by_scan(host, workspace),
                KEYED_UPSERT.name: refresh_keyed_upsert(host, workspace),
                FLOOR: host.seconds(f"""select count(*) from public."Lead" where "clientId" = '{workspace}'""") * 1000,
            }
            if leads == host.size.largest:
                seen[MATERIALIZED_VIEW.name] = host.seconds(f"call {MATERIALIZED_VIEW.schema}.drain()") * 1000
            for name, milliseconds in seen.items():
                if counts:
                    times.add(name, {"leads": leads}, milliseconds)


def measure_changes(host: Host, results: Results) -> None:
    """Measure the largest workspace with few and many changes."""
    times = results.measure(
        "refresh_by_changes",
        f"Refresh of the workspace of {host.size.largest:,} leads, by the number of leads that changed",
        "ms",
        x="changes",
        note=(
            "inboxdb chooses a scan where too large a part of the workspace changed. A scan costs nearly the same whatever "
            "changed, so it was measured at both ends only."
        ),
    )
    for turn in range(host.size.rounds):
        for changes in host.size.changes:
            host.change(host.size.largest, changes, turn)
            times.add(BY_CHANGE, {"changes": changes}, refresh(host, host.largest))
        for changes in (host.size.changes[0], host.size.changes[-1]):
            host.change(host.size.largest, changes, turn)
            times.add(BY_SCAN, {"changes": changes}, refresh_by_scan(host, host.largest))

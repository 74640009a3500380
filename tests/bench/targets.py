"""Targets: promises compared with figures."""

from collections.abc import Iterator

from tests.bench import analytics, bulk, freshness, lists, reads, refresh, steps, writers
from tests.bench.contenders import INBOXDB, NO_TRIGGER
from tests.bench.results import At, Figure, Results, Target, number
from tests.bench.sizes import Size

SMALL = 10_000  # leads of the workspace compared with the judged workspace
DRAINED = 2_000  # small workspaces a second, by one worker
BYTES = 120  # bytes of counted_lead allowed per lead


def judge(results: Results, size: Size) -> list[Target]:
    """Hold the results to the targets. A run without the promised workspace is judged by its largest, and says so."""
    return [
        *judge_refresh(results, size),
        *judge_recounts(results, size),
        *judge_writers(results, size),
        *judge_reads(results),
        *judge_small_workspaces(results),
        *judge_lists(results, size),
        *judge_searches(results, size),
        *judge_memory(results),
        *judge_analytics(results, size),
    ]


def judge_refresh(results: Results, size: Size) -> Iterator[Target]:
    """Hold a refresh by change to all others."""
    leads = size.judged
    this = results.find("refresh_by_size", refresh.BY_CHANGE, {"leads": leads})
    what = f"refresh of {refresh.CHANGES} changed leads in a workspace of {leads:,}"
    for other, least in ((refresh.BY_SCAN, 50), (refresh.APPLICATION, 1_000)):
        slow = results.find("refresh_by_size", other, {"leads": leads})
        name, wanted = f"{what}: {other} takes", f"at least {least:,} times as long"
        yield at_least(name, wanted, slow, this, least, "ms")
    small = results.find("refresh_by_size", refresh.BY_CHANGE, {"leads": SMALL})
    yield at_most(f"{what}: it takes", f"at most 2 times as long as in one of {SMALL:,}", this, small, 2, "ms")


def judge_recounts(results: Results, size: Size) -> Iterator[Target]:
    """Hold recounts to the plain scan, and the application's own queries to a recount."""
    leads = {"leads": size.judged}
    scan = results.find("recounts", refresh.BY_SCAN, leads)
    for what, most in (
        (refresh.NOTHING_DIFFERS, 1.5),
        (refresh.SOME_DIFFER, 1.8),
        (refresh.FIRST_FILL, 3),
    ):
        this = results.find("recounts", what, leads)
        wanted = f"at most {most} times as long as {refresh.BY_SCAN}"
        yield at_most(f"recount of a workspace of {size.judged:,}: {what}", wanted, this, scan, most, "ms")
    slow = results.find("refresh_by_size", refresh.APPLICATION, leads)
    this = results.find("recounts", refresh.NOTHING_DIFFERS, leads)
    name = f"{refresh.APPLICATION} for a workspace of {size.judged:,}"
    yield at_least(name, "at least 15 times as long as a recompute", slow, this, 15, "ms")


def judge_writers(results: Results, size: Size) -> Iterator[Target]:
    """Hold writers beside inboxdb to writers without, and readers to a second."""
    writing = f"writers in one workspace of {size.judged:,}, open 5 ms"
    for at, what, least in (
        (writers.UNDRAINED, f"16 {writing}, with no drain at work", 0.93),
        (writers.DRAINED, f"16 {writing}, while it is drained", 0.9),
        (writers.CROWDED, f"64 {writing}, while it is drained", 0.75),
    ):
        ours = results.find("writers_promised", INBOXDB.name, at)
        bare = results.find("writers_promised", NO_TRIGGER.name, at)
        yield at_least(f"{what}: throughput", f"at least {least} of that with no trigger", ours, bare, least, "tps")
    yield counted_within(results, f"16 {writing}, while it is drained", freshness.PROMISED, 99, 1)
    wanted = "at most {} of that with no trigger"
    for column, most in ((steps.COUNTED, 1.4), (steps.OTHER, 1.02)):
        ours, bare = (results.find("update", one.name, {"column": column}) for one in (INBOXDB, NO_TRIGGER))
        what = f"processor time of an UPDATE of one lead, {column}"
        yield at_most(what, wanted.format(most), ours, bare, most, "µs")
    for statement, most in (("UPDATE", 1.15), ("INSERT", 1.15), ("DELETE", 1.15), (bulk.COPY, 1.3)):
        at = {"statement": statement}
        ours, bare = (results.find("bulk_processor", one.name, at) for one in (INBOXDB, NO_TRIGGER))
        what = f"processor time of {statement} of {size.bulk:,} leads"
        yield at_most(what, wanted.format(most), ours, bare, most, "s")


def judge_reads(results: Results) -> Iterator[Target]:
    """Hold reads of one's counts, access checked, to bare primary-key reads."""
    many: At = {"readers": 8, "beside": reads.ALONE}
    one: At = {"readers": 1, "beside": reads.ALONE}
    ours, bare = (results.find("reads", name, many) for name in (reads.THROUGH_API, reads.BY_KEY))
    yield at_least(
        "8 readers of their counts: reads per second", f"at least 0.35 of {reads.BY_KEY}", ours, bare, 0.35, "reads/s"
    )
    ours, bare = (results.find("reads_p50", name, one) for name in (reads.THROUGH_API, reads.BY_KEY))
    yield at_most("one reader of counts: median latency", f"at most 1.7 times {reads.BY_KEY}", ours, bare, 1.7, "ms")


def judge_small_workspaces(results: Results) -> Iterator[Target]:
    """Hold drains of many small workspaces to a number a second, and readers to fractions of a second."""
    drained = results.find("drain_workspaces", INBOXDB.name, {"workers": 1})
    seen, met = (f"{drained.median:,.0f}", drained.median >= DRAINED) if drained else ("not measured", None)
    name = "one worker drains small workspaces of which one lead changed"
    yield Target(name, f"at least {DRAINED:,} a second", seen, met)
    what = "16 writers in many small workspaces, open 5 ms, while they are drained"
    for percentile, most in ((50, 0.1), (99, 0.3)):
        yield counted_within(results, what, freshness.MANY, percentile, most)


def judge_lists(results: Results, size: Size) -> Iterator[Target]:
    """Hold the slowest page of each kind to a time, and to itself in a small workspace; writers to those without."""
    slowest: dict[tuple[str, bool], Figure] = {}
    for figure in figures(results, "lists"):
        kind = str(figure.at["whose"]), figure.at["filter"] in lists.LOOKED_UP
        if figure.contender == lists.THROUGH_API and figure.at["leads"] == size.judged:
            slowest[kind] = max(slowest.get(kind, figure), figure, key=lambda one: one.median)
    for whose, looked_up in (
        (whose, looked_up) for whose in (lists.MEMBER, lists.SETTER, lists.FEW) for looked_up in (False, True)
    ):
        most = 20 if looked_up else 5
        which = " or ".join(lists.LOOKED_UP) if looked_up else "the others"
        this = slowest.get((whose, looked_up))
        what = f"a {whose}'s page of conversations in a workspace of {size.judged:,}, the slowest of {which}"
        seen, met = (f"{number(this.median)} ms", this.median <= most) if this else ("not measured", None)
        yield Target(what, f"at most {most} ms", seen, met)
        small = results.find("lists", lists.THROUGH_API, {**this.at, "leads": SMALL}) if this else None
        yield at_most(what, f"at most 1.5 times as long as in one of {SMALL:,}", this, small, 1.5, "ms")
    for transaction in lists.TRANSACTIONS:
        ours, bare = (
            results.find("list_writers", one, {"transaction": transaction}) for one in (lists.WITH, lists.WITHOUT)
        )
        what = f"16 writers, {transaction}, with the lists' indexes: throughput"
        yield at_least(what, "at least 0.95 of that without", ours, bare, 0.95, "tps")
    for column in steps.COLUMNS:
        ours, bare = (results.find("list_update", one, {"column": column}) for one in (lists.WITH, lists.WITHOUT))
        what = f"processor time of an UPDATE of one lead, {column}, with the lists' indexes"
        yield at_most(what, "at most 1.05 of that without", ours, bare, 1.05, "µs")


def judge_searches(results: Results, size: Size) -> Iterator[Target]:
    """Hold the slowest search of each kind of user to a time."""
    for whose in (lists.MEMBER, lists.SETTER):
        of = [figure for figure in figures(results, "searches") if figure.at["whose"] == whose]
        slowest = max(of, key=lambda one: one.median, default=None)
        seen, met = (
            (f"{number(slowest.median)} ms ({slowest.at['search']})", slowest.median <= 150)
            if slowest
            else ("not measured", None)
        )
        yield Target(f"a {whose}'s search in a workspace of {size.judged:,}, the slowest", "at most 150 ms", seen, met)


def judge_analytics(results: Results, size: Size) -> Iterator[Target]:
    """Hold a member's slowest read of each window to a time, a refresh of aggregates too, and their size."""
    leads = f"in a workspace of {size.analytics:,}"
    for days in analytics.DAYS:
        of = [one for one in figures(results, "analytics") if one.contender == analytics.THROUGH_API]
        slowest = max((one for one in of if one.at["days"] == days), key=lambda one: one.median, default=None)
        seen, met = (
            (f"{number(slowest.median)} ms ({slowest.at['read']})", slowest.median <= 30)
            if slowest
            else ("not measured", None)
        )
        yield Target(f"a member's analytics of {days} days {leads}, the slowest read", "at most 30 ms", seen, met)
    took = results.find("analytics_refresh", INBOXDB.name, {"leads": size.analytics})
    seen, met = (f"{number(took.median)} ms", took.median <= 50) if took else ("not measured", None)
    yield Target(f"a refresh of analytics, {analytics.CHANGES} leads changed {leads}", "at most 50 ms", seen, met)
    kept, messages = (results.find("analytics_sizes", one, analytics.SIZED) for one in (INBOXDB.name, analytics.HOST))
    yield at_most("facts and aggregates of analytics", "at most 0.15 of messages", kept, messages, 0.15, "MB")


def figures(results: Results, name: str) -> list[Figure]:
    """Return the figures of a measure, none where it was not taken."""
    return [figure for measure in results.measures if measure.name == name for figure in measure.figures]


def counted_within(results: Results, what: str, probe: str, percentile: int, most: float) -> Target:
    """Judge how long commits take to be counted."""
    waited = results.find("freshness", INBOXDB.name, {"probe": probe, "percentile": percentile})
    seen, met = (f"{waited.median:.2f} s", waited.median < most) if waited else ("not measured", None)
    return Target(f"{what}: {percentile} of 100 commits are counted", f"in under {most:g} s", seen, met)


def judge_memory(results: Results) -> Iterator[Target]:
    """Judge the size of the memory."""
    bytes_per_lead = results.find("memory", INBOXDB.name, {"when": "filled"})
    seen, met = (
        (f"{bytes_per_lead.median:.0f} bytes", bytes_per_lead.median <= BYTES)
        if bytes_per_lead
        else ("not measured", None)
    )
    yield Target("memory per lead, index included, ids uuids in text", f"at most {BYTES} bytes", seen, met)


def at_least(name: str, wanted: str, one: Figure | None, other: Figure | None, least: float, unit: str) -> Target:
    """Judge a figure to be at least so many times another."""
    if one is None or other is None:
        return Target(name, wanted, "not measured", None)
    return Target(name, wanted, ratio(one, other, unit), one.median / other.median >= least)


def at_most(name: str, wanted: str, one: Figure | None, other: Figure | None, most: float, unit: str) -> Target:
    """Judge a figure to be at most so many times another."""
    if one is None or other is None:
        return Target(name, wanted, "not measured", None)
    return Target(name, wanted, ratio(one, other, unit), one.median / other.median <= most)


def ratio(one: Figure, other: Figure, unit: str) -> str:
    """Write the ratio of two medians, and the medians."""
    return f"{number(one.median / other.median)} times ({number(one.median)} and {number(other.median)} {unit})"

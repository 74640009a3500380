"""The benchmarks' documents: their figures are the measured ones, and no missed target is called met."""

from pathlib import Path

import pytest

from tests.bench import analytics, freshness, lists, reads, refresh, report, steps, targets, writers
from tests.bench.contenders import INBOXDB, NO_TRIGGER
from tests.bench.results import At, Results, read
from tests.bench.sizes import PROMISED, SIZES

WRITTEN = sorted(report.DOCUMENTS.glob("*.json"))
QUOTED = report.DOCUMENTS / f"{report.QUOTED}.json"


def page_at(name: str, whose: str, leads: int) -> At:
    return {"page": lists.FIRST, "filter": name, "whose": whose, "leads": leads}


# Figures just meeting every target: measure, contender, circumstances, figure; and whether more or less misses.
JUST_MET: list[tuple[str, str, At, float, str]] = [
    ("refresh_by_size", refresh.BY_CHANGE, {"leads": PROMISED}, 2.0, "more"),
    ("refresh_by_size", refresh.BY_CHANGE, {"leads": targets.SMALL}, 1.0, "less"),
    ("refresh_by_size", refresh.BY_SCAN, {"leads": PROMISED}, 100.0, "less"),
    ("refresh_by_size", refresh.APPLICATION, {"leads": PROMISED}, 2000.0, "less"),
    ("recounts", refresh.BY_SCAN, {"leads": PROMISED}, 100.0, "less"),
    ("recounts", refresh.NOTHING_DIFFERS, {"leads": PROMISED}, 133.0, "more"),
    ("recounts", refresh.SOME_DIFFER, {"leads": PROMISED}, 180.0, "more"),
    ("recounts", refresh.FIRST_FILL, {"leads": PROMISED}, 300.0, "more"),
    ("writers_promised", INBOXDB.name, writers.UNDRAINED, 930.0, "less"),
    ("writers_promised", NO_TRIGGER.name, writers.UNDRAINED, 1000.0, "more"),
    ("writers_promised", INBOXDB.name, writers.DRAINED, 900.0, "less"),
    ("writers_promised", NO_TRIGGER.name, writers.DRAINED, 1000.0, "more"),
    ("writers_promised", INBOXDB.name, writers.CROWDED, 750.0, "less"),
    ("writers_promised", NO_TRIGGER.name, writers.CROWDED, 1000.0, "more"),
    ("update", INBOXDB.name, {"column": steps.COUNTED}, 140.0, "more"),
    ("update", NO_TRIGGER.name, {"column": steps.COUNTED}, 100.0, "less"),
    ("update", INBOXDB.name, {"column": steps.OTHER}, 102.0, "more"),
    ("update", NO_TRIGGER.name, {"column": steps.OTHER}, 100.0, "less"),
    ("bulk_processor", INBOXDB.name, {"statement": "UPDATE"}, 1.15, "more"),
    ("bulk_processor", NO_TRIGGER.name, {"statement": "UPDATE"}, 1.0, "less"),
    ("bulk_processor", INBOXDB.name, {"statement": "INSERT"}, 1.15, "more"),
    ("bulk_processor", NO_TRIGGER.name, {"statement": "INSERT"}, 1.0, "less"),
    ("bulk_processor", INBOXDB.name, {"statement": "DELETE"}, 1.15, "more"),
    ("bulk_processor", NO_TRIGGER.name, {"statement": "DELETE"}, 1.0, "less"),
    ("bulk_processor", INBOXDB.name, {"statement": "COPY"}, 1.3, "more"),
    ("bulk_processor", NO_TRIGGER.name, {"statement": "COPY"}, 1.0, "less"),
    ("freshness", INBOXDB.name, {"probe": freshness.PROMISED, "percentile": 99}, 0.99, "more"),
    ("drain_workspaces", INBOXDB.name, {"workers": 1}, 2000.0, "less"),
    ("freshness", INBOXDB.name, {"probe": freshness.MANY, "percentile": 50}, 0.099, "more"),
    ("freshness", INBOXDB.name, {"probe": freshness.MANY, "percentile": 99}, 0.299, "more"),
    ("memory", INBOXDB.name, {"when": "filled"}, 120.0, "more"),
    *(
        ("lists", lists.THROUGH_API, page_at(name, whose, leads), took, worse)
        for name, most in (("all", 5.0), ("ai_sent", 20.0))
        for whose in (lists.MEMBER, lists.SETTER, lists.FEW)
        for leads, took, worse in ((PROMISED, most, "more"), (targets.SMALL, most / 1.5, "less"))
    ),
    *(
        ("list_writers", contender, {"transaction": transaction}, tps, worse)
        for transaction in lists.TRANSACTIONS
        for contender, tps, worse in ((lists.WITH, 950.0, "less"), (lists.WITHOUT, 1000.0, "more"))
    ),
    *(
        ("list_update", contender, {"column": column}, took, worse)
        for column in steps.COLUMNS
        for contender, took, worse in ((lists.WITH, 105.0, "more"), (lists.WITHOUT, 100.0, "less"))
    ),
    *(
        ("searches", INBOXDB.name, {"search": "a company", "whose": whose}, 150.0, "more")
        for whose in (lists.MEMBER, lists.SETTER)
    ),
    ("analytics", analytics.THROUGH_API, {"read": "overview", "days": 30}, 30.0, "more"),
    ("analytics", analytics.THROUGH_API, {"read": "overview", "days": 90}, 30.0, "more"),
    ("analytics", analytics.THROUGH_API, {"read": "overview", "days": 365}, 30.0, "more"),
    ("analytics_refresh", INBOXDB.name, {"leads": SIZES["quick"].analytics}, 50.0, "more"),
    ("analytics_sizes", INBOXDB.name, analytics.SIZED, 150.0, "more"),
    ("analytics_sizes", analytics.HOST, analytics.SIZED, 1000.0, "less"),
    ("reads", reads.THROUGH_API, {"readers": 8, "beside": reads.ALONE}, 350.0, "less"),
    ("reads", reads.BY_KEY, {"readers": 8, "beside": reads.ALONE}, 1000.0, "more"),
    ("reads_p50", reads.THROUGH_API, {"readers": 1, "beside": reads.ALONE}, 1.7, "more"),
    ("reads_p50", reads.BY_KEY, {"readers": 1, "beside": reads.ALONE}, 1.0, "less"),
]


def results(*, spoilt: int | None = None) -> Results:
    """Return figures just meeting every target, but for a figure a tenth too large or too small."""
    made = Results("quick", {}, {}, "")
    for number, (measure, contender, at, value, worse) in enumerate(JUST_MET):
        factor = {"more": 1.1, "less": 0.9}[worse] if number == spoilt else 1
        made.measure(measure, measure, "").add(contender, at, value * factor)
    return made


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_a_document_says_what_was_measured(path: Path) -> None:
    """Or somebody edited it: `python -m tests.bench.report` writes it."""
    seen = read(path)
    assert path.with_suffix(".md").read_text() == report.document(seen)
    plotted = {f"{seen.size}-{measure.name}.svg" for measure in seen.measures if measure.x}
    assert {file.name for file in report.DOCUMENTS.glob(f"{seen.size}-*.svg")} == plotted


def test_the_readme_quotes_it() -> None:
    text = report.README.read_text()
    assert report.quoted(read(QUOTED)) in text
    assert text == report.readme(text, read(QUOTED))


def test_what_just_meets_the_targets_meets_them() -> None:
    assert {target.met for target in targets.judge(results(), SIZES["quick"])} == {True}


@pytest.mark.parametrize("spoilt", range(len(JUST_MET)), ids=lambda number: f"{JUST_MET[number][0]}-{number}")
def test_what_just_misses_one_misses_it(spoilt: int) -> None:
    assert False in {target.met for target in targets.judge(results(spoilt=spoilt), SIZES["quick"])}


def test_what_was_not_measured_is_not_met() -> None:
    nothing = Results("quick", {}, {}, "")
    assert {target.met for target in targets.judge(nothing, SIZES["quick"])} == {None}

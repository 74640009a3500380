"""Spans of runs and refreshes, as OpenTelemetry's SDK gets them."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from inboxdb.database.errors import CannotConnect
from inboxdb.drain.options import DrainOptions
from inboxdb.drain.run import drain
from tests.interleave import until
from tests.rows import Host
from tests.running import watching
from tests.servers import DRAINER, Database

Told = Callable[[], list[ReadableSpan]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What the SDK got: a provider may be set once in a process, so ours is asked in its place."""
    provider, kept = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return lambda: list(kept.get_finished_spans())


def named(spans: list[ReadableSpan], name: str) -> list[ReadableSpan]:
    return [span for span in spans if span.name == name]


def said(span: ReadableSpan) -> dict[str, Any]:
    return {key.removeprefix("inboxdb."): value for key, value in (span.attributes or {}).items()}


def parent_of(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def own_of(span: ReadableSpan) -> int | None:
    return span.context.span_id if span.context else None


def lasted(span: ReadableSpan) -> tuple[int, int]:
    return span.start_time or 0, span.end_time or 0


def test_a_run_has_its_refreshes(database: Database, host: Host, told: Told) -> None:
    """Of each workspace of a set, one that fails, and audits; with nothing of any row."""
    workspaces = [host.workspace() for _ in range(3)]
    leads = [host.lead(workspace, firstName="Ada-Secretive") for workspace in workspaces]
    drain(database.dsn)
    for lead in leads:
        host.update("Lead", lead, status="qualified")
    owner = database.connect()
    broken = f"add constraint broken check (client_id <> '{workspaces[2]}') not valid"
    owner.execute(f"alter table inboxdb.inbox_counts {broken}".encode())
    before = len(told())
    options = DrainOptions()
    assert (drain(database.dsn_of(DRAINER), options).refreshed) == 2
    spans = told()[before:]
    [run] = named(spans, "inboxdb.drain")
    assert said(run) == {"run": options.run_id, "refreshed": 2, "failed": 1}
    refreshes = named(spans, "inboxdb.refresh")
    assert {(said(one)["workspace"], said(one)["outcome"], one.status.is_ok) for one in refreshes} == {
        (workspaces[0], "refreshed", True),
        (workspaces[1], "refreshed", True),
        (workspaces[2], "failed", False),
    }
    assert all(said(one)["version"] and said(one)["seconds_waited"] > 0 for one in refreshes if one.status.is_ok)
    noted = "select date_part('epoch', last_started_at) * 1e9 from inboxdb.job_status where client_id = %s"
    for one in refreshes:
        [(started,)] = owner.execute(f"{noted} and job_name like '%%counts'", [said(one)["workspace"]]).fetchall()
        assert lasted(one)[0] <= started + 1e3 <= lasted(one)[1], "on one clock, to the microsecond"
    [failed] = [one for one in refreshes if not one.status.is_ok]
    assert str(failed.status.description).startswith("23514: ")
    for one in [*refreshes, *named(spans, "inboxdb.audit")]:
        assert parent_of(one) == own_of(run)
        assert sorted([*lasted(run), *lasted(one)]) == [lasted(run)[0], *lasted(one), lasted(run)[1]]
    assert not [one for one in spans if "Secretive" in one.to_json() or database.name in one.to_json()]


@pytest.mark.host_variants("wide-text")
def test_aggregates_are_told_with_their_job(database: Database, host: Host, told: Told) -> None:
    workspace = host.workspace()
    drain(database.dsn, DrainOptions(refreshes=False, job="recompute-analytics-aggregates"))
    [one] = [said(one) for one in named(told(), "inboxdb.refresh_aggregates")]
    assert (one["workspace"], one["job"], one["outcome"]) == (
        *(workspace, "recompute-analytics-aggregates", "refreshed"),
    )


def test_a_watching_run_has_no_span_that_never_ends(database: Database, host: Host, told: Told) -> None:
    host.workspace()
    with watching(database.dsn):
        until(lambda: bool(named(told(), "inboxdb.refresh")))
    assert {one.parent for one in told()} == {None}
    assert named(told(), "inboxdb.drain") == []


def test_a_run_that_gives_up_says_no_name(told: Told) -> None:
    with pytest.raises(CannotConnect):
        drain("host=/nowhere dbname=secretive")
    [run] = told()
    assert (run.status.is_ok, run.status.description) == (False, "CannotConnect")
    assert "secretive" not in run.to_json()


def test_without_the_api_nothing_is_told(database: Database, host: Host) -> None:
    host.workspace()
    drained = (
        "import sys; sys.modules['opentelemetry'] = None; from inboxdb.drain.run import drain; "
        f"print(drain({database.dsn!r}).refreshed)"
    )
    assert subprocess.run([sys.executable, "-c", drained], capture_output=True, text=True, check=True).stdout == "1\n"

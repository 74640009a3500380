"""What is said of an installation: a row per fact, from which `inboxdb status`, its JSON, the metrics and the runbook's
table are made.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Annotated, get_type_hints

UNPUBLISHED_LIMIT = 60.0  # seconds: Redis is behind, not just about to be told
UNWATCHED_LIMIT = 300.0  # seconds: drains look each minute

OLDER = "unknown: the installation is older"
NO_RUN = "none in the last day, or the installation is older"

LEAD_RLS = {
    "undecided": 'not decided for "Lead": see `inboxdb rls plan`',
    "left_out": 'left out on "Lead"',
    "enabled": 'on for "Lead"',
    "drifted": 'NOT AS DECIDED on "Lead": see `inboxdb rls plan`',
    "joined": 'on for "Lead", beside the host\'s own policies',
}


class Unit(Enum):
    """How a value is written."""

    NUMBER = auto()
    SECONDS = auto()
    HOURS = auto()
    BYTES = auto()
    INSTANT = auto()
    WORDS = auto()


@dataclass(frozen=True)
class Fact:
    """How a field of Status is told: its label in `inboxdb status`, its meaning, its unit; its metric, and of which
    quantile; words for None, and for values that are words; the promise that it breaks, in words, and when.
    """

    label: str
    meaning: str
    unit: Unit = Unit.NUMBER
    metric: str | None = None
    quantile: str | None = None
    none: str = "unknown"
    words: Mapping[object, str] | None = None
    broken: str | None = None
    breaks: Callable[["Status"], bool] = lambda _: False


@dataclass(frozen=True)
class Status:
    """The facts: read from the change log itself, not only from what a drain has seen."""

    dirty_workspaces: Annotated[
        int, Fact("dirty workspaces", "workspaces whose counts may be behind", metric="inboxdb_dirty_workspaces")
    ]
    late_workspaces: Annotated[
        int,
        Fact(
            "late workspaces",
            "workspaces that have waited for more than 15 s since a collector could first see their change",
            metric="inboxdb_late_workspaces",
            broken="changes are not counted within 15 seconds",
            breaks=lambda now: now.late_workspaces > 0,
        ),
    ]
    pending_changes: Annotated[int, Fact("pending changes", "changes in the log", metric="inboxdb_pending_changes")]
    oldest_dirty_seconds: Annotated[
        float,
        Fact(
            "oldest change",
            "age of the oldest change in the log. No alarm goes by this age, because a change is noted before its "
            "transaction commits: one that stays open for a minute makes the change a minute old at once",
            Unit.SECONDS,
            metric="inboxdb_oldest_dirty_seconds",
        ),
    ]
    failing_workspaces: Annotated[
        int,
        Fact(
            "failing workspaces",
            "workspaces whose last attempt failed; they are tried again",
            metric="inboxdb_failing_workspaces",
            broken="refreshes fail",
            breaks=lambda now: now.failing_workspaces > 0,
        ),
    ]
    quarantined_workspaces: Annotated[
        int,
        Fact(
            "quarantined workspaces",
            "workspaces that used up their attempts; they are not tried again",
            metric="inboxdb_quarantined_workspaces",
            broken="workspaces are quarantined",
            breaks=lambda now: now.quarantined_workspaces > 0,
        ),
    ]
    workers_seen: Annotated[
        int,
        Fact(
            "workers seen",
            "connections of drains that gave a sign of life in the last 30 s; they give one every 5 s",
            metric="inboxdb_workers_seen",
        ),
    ]
    last_drain_at: Annotated[
        datetime | None,
        Fact(
            "last drain",
            "the last sign of life of any drain; the metric is its age",
            Unit.INSTANT,
            metric="inboxdb_last_drain_age_seconds",
            none="never: nobody has drained yet",
        ),
    ]
    last_command_run_at: Annotated[
        datetime | None,
        Fact(
            "last by command",
            "the last sign of life of a run of `drain-dirty`, by systemd, cron or a shell; the metric is its age",
            Unit.INSTANT,
            metric="inboxdb_last_command_run_age_seconds",
            none=NO_RUN,
        ),
    ]
    last_sql_run_at: Annotated[
        datetime | None,
        Fact(
            "last by SQL",
            "the same of the procedure `inboxdb.drain_dirty`, which pg_cron calls",
            Unit.INSTANT,
            metric="inboxdb_last_sql_run_age_seconds",
            none=NO_RUN,
        ),
    ]
    last_http_run_at: Annotated[
        datetime | None,
        Fact(
            "last by HTTP",
            "the same of a run that `inboxdb serve-trigger` began for a caller",
            Unit.INSTANT,
            metric="inboxdb_last_http_run_age_seconds",
            none=NO_RUN,
        ),
    ]
    last_inngest_run_at: Annotated[
        datetime | None,
        Fact(
            "last by Inngest",
            "the same of a run that Inngest called for",
            Unit.INSTANT,
            metric="inboxdb_last_inngest_run_age_seconds",
            none=NO_RUN,
        ),
    ]
    freshness_p50: Annotated[
        float | None,
        Fact(
            "freshness p50",
            "how long changes waited until they were counted, from when they were noted: percentile over the refreshes "
            "of the last hour, each by its oldest change",
            Unit.SECONDS,
            metric="inboxdb_freshness_seconds",
            quantile="0.5",
            none="nothing was refreshed",
        ),
    ]
    freshness_p95: Annotated[
        float | None,
        Fact(
            "freshness p95",
            "the same: one refresh in twenty was slower",
            Unit.SECONDS,
            metric="inboxdb_freshness_seconds",
            quantile="0.95",
            none="nothing was refreshed",
        ),
    ]
    freshness_p99: Annotated[
        float | None,
        Fact(
            "freshness p99",
            "the same: one refresh in a hundred was slower",
            Unit.SECONDS,
            metric="inboxdb_freshness_seconds",
            quantile="0.99",
            none="nothing was refreshed",
        ),
    ]
    log_bytes: Annotated[
        int,
        Fact("change log", "size of the log on disk, dead rows included", Unit.BYTES, metric="inboxdb_log_bytes"),
    ]
    held_snapshot_seconds: Annotated[
        float,
        Fact(
            "held snapshot",
            "age of the oldest transaction, prepared transaction or replication slot that keeps dead rows from vacuum",
            Unit.SECONDS,
            metric="inboxdb_held_snapshot_seconds",
        ),
    ]
    held_snapshot_by: Annotated[
        str | None, Fact("held by", "the session or slot that holds this snapshot", Unit.WORDS, none="nobody")
    ]
    snapshots_all_seen: Annotated[
        bool,
        Fact(
            "all snapshots seen",
            "whether this role sees the transactions of all others: pg_read_all_stats lets it",
            Unit.WORDS,
            words={True: "yes", False: "no: an older one may be held by another role"},
        ),
    ]
    unpublished_keys: Annotated[
        int | None,
        Fact(
            "unpublished keys",
            "cache versions and job statuses that Redis does not have yet",
            metric="inboxdb_unpublished_keys",
            none="Redis is not in use",
        ),
    ]
    unpublished_seconds: Annotated[
        float | None,
        Fact(
            "oldest unpublished",
            "how long the oldest unpublished key has waited",
            Unit.SECONDS,
            metric="inboxdb_unpublished_age_seconds",
            none="Redis is not in use",
            broken="Redis is behind",
            breaks=lambda now: (now.unpublished_seconds or 0) > UNPUBLISHED_LIMIT,
        ),
    ]
    audit_period_seconds: Annotated[
        float,
        Fact(
            "audit period",
            "how long after its last audit each workspace is to be audited again",
            Unit.HOURS,
            metric="inboxdb_audit_period_seconds",
        ),
    ]
    oldest_audit_seconds: Annotated[
        float | None,
        Fact(
            "longest since an audit",
            "time since the last audit of the workspace that has waited longest for its next one",
            Unit.HOURS,
            metric="inboxdb_oldest_audit_seconds",
            none="no audit yet",
            broken="workspaces are not audited in time",
            breaks=lambda now: (now.oldest_audit_seconds or 0) > 2 * now.audit_period_seconds,
        ),
    ]
    drifted_workspaces: Annotated[
        int,
        Fact(
            "drifted, last day",
            "workspaces in which drift was found in the last day; they are mended",
            metric="inboxdb_drifted_workspaces",
        ),
    ]
    self_healed_workspaces: Annotated[
        int,
        Fact(
            "self-healed, last day",
            "drifted workspaces found because a refresh by change came to a count below zero, or above its leads",
            metric="inboxdb_self_healed_workspaces",
        ),
    ]
    arrived_at: Annotated[
        datetime | None,
        Fact(
            "moved",
            "when a drain last found that the database had been moved, restored or promoted, and had every workspace "
            "counted anew; the metric is how long ago",
            Unit.INSTANT,
            metric="inboxdb_moved_age_seconds",
            none="never",
        ),
    ]
    troubled_runs: Annotated[
        int,
        Fact(
            "troubled runs",
            "runs of the last minute that drain, and cannot log, signal, publish or refresh workspaces together",
            metric="inboxdb_troubled_runs",
        ),
    ]
    run_troubles: Annotated[
        str | None, Fact("their troubles", "what each of these runs cannot do, and why", Unit.WORDS, none="none")
    ]
    counts_source: Annotated[
        str,
        Fact(
            "inbox_api answers from",
            "whether readers get stored or live counts",
            Unit.WORDS,
            words={"stored": "stored counts", "live": "live counts"},
        ),
    ]
    suspended_since: Annotated[
        datetime | None,
        Fact(
            "suspended since",
            "since when nothing is counted, by `inboxdb migrate suspend` or because the host has changed its schema",
            Unit.INSTANT,
            none="not suspended",
            broken="inboxdb is suspended",
            breaks=lambda now: now.suspended_since is not None,
        ),
    ]
    suspended_because: Annotated[
        str | None,
        Fact(
            "suspended because",
            "the host's column that is not as it was, where inboxdb suspended itself",
            Unit.WORDS,
            none="not suspended, or by command",
        ),
    ]
    flags_off: Annotated[
        int | None,
        Fact(
            "flags off",
            "flags that are off for a workspace at least: reads behind them are refused there",
            metric="inboxdb_flags_off",
            none=OLDER,
        ),
    ]
    canaries: Annotated[
        int | None,
        Fact("canaries", "canaries at work", metric="inboxdb_canaries", none=OLDER),
    ]
    undecided_canaries: Annotated[
        int | None,
        Fact(
            "undecided canaries",
            "canaries whose stage was observed for as long as it may be, and is not passed",
            metric="inboxdb_undecided_canaries",
            none=OLDER,
        ),
    ]
    unwatched_canary_seconds: Annotated[
        float | None,
        Fact(
            "longest since a look",
            "time since the last look at the canary that nobody has looked at for longest",
            Unit.SECONDS,
            metric="inboxdb_unwatched_canary_seconds",
            none=OLDER,
            broken="nobody looks at a canary",
            breaks=lambda now: (now.unwatched_canary_seconds or 0) > UNWATCHED_LIMIT,
        ),
    ]
    taken_back_canaries: Annotated[
        int | None,
        Fact(
            "taken back, last day",
            "canaries whose flag was taken back in the last day, after a breach",
            metric="inboxdb_taken_back_canaries",
            none=OLDER,
        ),
    ]
    due_aggregates: Annotated[
        int | None,
        Fact(
            "due aggregates",
            "workspaces whose aggregates of analytics have something to be done: changes, or a walk",
            metric="inboxdb_due_aggregates",
            none=OLDER,
        ),
    ]
    unbuilt_aggregates: Annotated[
        int | None,
        Fact(
            "unbuilt aggregates",
            "workspaces whose aggregates are not built yet, so that reads of analytics answer live",
            metric="inboxdb_unbuilt_aggregates",
            none=OLDER,
        ),
    ]
    late_aggregates: Annotated[
        int | None,
        Fact(
            "late aggregates",
            "workspaces with a change that has waited for more than a minute to be in aggregates",
            metric="inboxdb_late_aggregates",
            none=OLDER,
            broken="aggregates are late by more than a minute",
            breaks=lambda now: (now.late_aggregates or 0) > 0,
        ),
    ]
    oldest_aggregate_seconds: Annotated[
        float | None,
        Fact(
            "oldest for aggregates",
            "how long the oldest change has waited to be in aggregates",
            Unit.SECONDS,
            metric="inboxdb_oldest_aggregate_seconds",
            none=OLDER,
        ),
    ]
    failing_aggregates: Annotated[
        int | None,
        Fact(
            "failing aggregates",
            "workspaces whose last refresh of aggregates failed; they are tried again",
            metric="inboxdb_failing_aggregates",
            none=OLDER,
            broken="refreshes of aggregates fail",
            breaks=lambda now: (now.failing_aggregates or 0) > 0,
        ),
    ]
    quarantined_aggregates: Annotated[
        int | None,
        Fact(
            "quarantined aggregates",
            "workspaces that used up their attempts for aggregates, so that reads of analytics answer live",
            metric="inboxdb_quarantined_aggregates",
            none=OLDER,
            broken="aggregates are quarantined",
            breaks=lambda now: (now.quarantined_aggregates or 0) > 0,
        ),
    ]
    lead_rls: Annotated[
        str,
        Fact(
            "row-level security",
            'what is decided about row-level security on "Lead", and whether the catalog agrees',
            Unit.WORDS,
            words=LEAD_RLS,
            broken='row-level security on "Lead" is not as decided',
            breaks=lambda now: now.lead_rls == "drifted",
        ),
    ]

    @property
    def broken_promises(self) -> list[str]:
        """List the broken promises in words; empty where all is well."""
        return [fact.broken for fact in FACTS.values() if fact.broken and fact.breaks(self)]

    @property
    def told(self) -> Iterator[tuple[Fact, object]]:
        """Each fact with its value."""
        return ((fact, getattr(self, field)) for field, fact in FACTS.items())


FACTS: dict[str, Fact] = {
    field: hint.__metadata__[0] for field, hint in get_type_hints(Status, include_extras=True).items()
}


def runbook() -> str:
    """Make the runbook's table of what `inboxdb status` says, in Markdown."""
    rows = ["| `status` says | which is | metric | BROKEN means |", "|---|---|---|---|"]
    for fact in FACTS.values():
        metric = f"`{fact.metric}`" if fact.metric else ""
        rows.append(f"| {fact.label} | {fact.meaning} | {metric} | {fact.broken or ''} |")
    return "".join(f"{row}\n" for row in rows)

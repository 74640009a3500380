"""How the drain is doing, in Prometheus' text format. No label names a workspace: each would be a series of its own."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from inboxdb.database.connection import session
from inboxdb.database.errors import InboxdbError, MissingExtra
from inboxdb.watch import status

try:
    from prometheus_client import CollectorRegistry, generate_latest, start_http_server
    from prometheus_client.core import GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise MissingExtra("metrics", "metrics") from error

# Name, what it says, and the field of Status that it is read from.
GAUGES = (
    ("inboxdb_dirty_workspaces", "Workspaces whose counts may be behind.", "dirty_workspaces"),
    ("inboxdb_pending_changes", "Changes in the log.", "pending_changes"),
    (
        "inboxdb_oldest_dirty_seconds",
        "Since when the oldest change waits, from when it was noted.",
        "oldest_dirty_seconds",
    ),
    ("inboxdb_late_workspaces", "Workspaces that wait longer than the promised 15 seconds.", "late_workspaces"),
    ("inboxdb_failing_workspaces", "Workspaces whose last attempt failed.", "failing_workspaces"),
    ("inboxdb_quarantined_workspaces", "Workspaces that are not tried again.", "quarantined_workspaces"),
    ("inboxdb_workers_seen", "Connections of drains with a sign of life within 30 seconds.", "workers_seen"),
    ("inboxdb_log_bytes", "Size of the change log.", "log_bytes"),
    ("inboxdb_held_snapshot_seconds", "Age of the oldest transaction that keeps dead rows.", "held_snapshot_seconds"),
    ("inboxdb_audit_period_seconds", "Within how long workspaces are audited again.", "audit_period_seconds"),
    ("inboxdb_oldest_audit_seconds", "How long ago that was of the one it was longest ago.", "oldest_audit_seconds"),
    ("inboxdb_drifted_workspaces", "Workspaces found to differ, in the last day; mended.", "drifted_workspaces"),
    (
        "inboxdb_self_healed_workspaces",
        "Of those, the ones where a difference did not fit the counts.",
        "self_healed_workspaces",
    ),
    ("inboxdb_unpublished_keys", "Keys not yet copied to Redis, where one is in use.", "unpublished_keys"),
    ("inboxdb_unpublished_age_seconds", "How long the oldest of them has waited.", "unpublished_seconds"),
)
QUANTILES = (("0.5", "freshness_p50"), ("0.95", "freshness_p95"), ("0.99", "freshness_p99"))


class _Reading(Collector):
    """What `read` returns, anew for each answer; None where the database did not answer."""

    def __init__(self, read: Callable[[], status.Status | None]) -> None:
        self.read = read

    def collect(self) -> Iterator[Metric]:
        now = self.read()
        up = GaugeMetricFamily("inboxdb_up", "Whether the database answered; nothing else is known where it did not.")
        up.add_metric([], now is not None)
        yield up
        if now:
            yield from _gauges(now)


def _gauges(now: status.Status) -> Iterator[Metric]:
    for name, said, field in GAUGES:
        value = getattr(now, field)
        gauge = GaugeMetricFamily(name, said)
        if value is not None:
            gauge.add_metric([], value)
        yield gauge
    age = GaugeMetricFamily("inboxdb_last_drain_age_seconds", "How long ago a drain last gave a sign of life.")
    if now.last_drain_at:
        age.add_metric([], max((datetime.now(UTC) - now.last_drain_at).total_seconds(), 0))
    yield age
    # SummaryMetricFamily has no quantiles
    freshness = Metric("inboxdb_freshness_seconds", "How long changes waited in the last hour, per refresh.", "summary")
    for quantile, field in QUANTILES:
        if getattr(now, field) is not None:
            freshness.add_sample(freshness.name, {"quantile": quantile}, getattr(now, field))
    yield freshness
    broken = GaugeMetricFamily("inboxdb_broken_promises", "How many promises are broken: see `inboxdb status`.")
    broken.add_metric([], len(now.broken_promises))
    yield broken


def text(dsn: str) -> str:
    """Read the status and return it as text.

    Raises CannotConnect, ConnectionLost, DatabaseRefused.
    """
    now = _read(dsn)
    return str(generate_latest(_registry(lambda: now)).decode())


def serve(dsn: str, port: int) -> None:
    """Serve the same on all addresses, read anew for each request, until the process ends.

    Raises InboxdbError where the port is taken.
    """

    def read() -> status.Status | None:
        try:
            return _read(dsn)
        except InboxdbError:
            return None

    try:
        start_http_server(port, registry=_registry(read))
    except OSError as error:
        raise InboxdbError(
            f"cannot serve metrics on port {port}: it is taken, or not allowed. Choose another."
        ) from error


def _read(dsn: str) -> status.Status:
    with session(dsn, application_name="inboxdb metrics") as connection:
        return status.read(connection)


def _registry(read: Callable[[], status.Status | None]) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Reading(read))
    return registry

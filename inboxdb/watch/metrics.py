"""How the drain is doing, in Prometheus' text format. No label names a workspace: each would be a series of its own."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from inboxdb.database.connection import session
from inboxdb.database.errors import InboxdbError, MissingExtra
from inboxdb.watch import status
from inboxdb.watch.facts import Status

try:
    from prometheus_client import CollectorRegistry, generate_latest, start_http_server
    from prometheus_client.core import GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise MissingExtra("metrics", "metrics") from error


class _Reading(Collector):
    """The status, read anew for each answer; None where the database did not answer."""

    def __init__(self, read: Callable[[], Status | None]) -> None:
        self.read = read

    def collect(self) -> Iterator[Metric]:
        now = self.read()
        up = GaugeMetricFamily("inboxdb_up", "Whether the database answered; nothing else is known where it did not.")
        up.add_metric([], now is not None)
        yield up
        if now:
            yield from _metrics(now)


def _metrics(now: Status) -> Iterator[Metric]:
    by_name: dict[str, Metric] = {}
    for fact, value in now.told:
        if fact.metric is None:
            continue
        help_text = f"{fact.meaning[0].upper()}{fact.meaning[1:]}."
        # SummaryMetricFamily has no quantiles
        kind = "summary" if fact.quantile else "gauge"
        metric = by_name.setdefault(fact.metric, Metric(fact.metric, help_text, kind))
        if value is not None:
            labels = {"quantile": fact.quantile} if fact.quantile else {}
            metric.add_sample(fact.metric, labels, _number(value))
    yield from by_name.values()
    broken = GaugeMetricFamily("inboxdb_broken_promises", "How many promises are broken: see `inboxdb status`.")
    broken.add_metric([], len(now.broken_promises))
    yield broken


def _number(value: Any) -> float:
    """Return a number as it is, and of an instant its age."""
    if isinstance(value, datetime):
        return max((datetime.now(UTC) - value).total_seconds(), 0)
    return float(value)


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

    def read() -> Status | None:
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


def _read(dsn: str) -> Status:
    with session(dsn, application_name="inboxdb metrics") as connection:
        return status.read(connection)


def _registry(read: Callable[[], Status | None]) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Reading(read))
    return registry

"""Spans of OpenTelemetry: of runs that end, and of refreshes. None without its API, and nobody's without its SDK."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from inboxdb.drain.options import DrainOptions
from inboxdb.drain.refresh import Refresh

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

try:
    from opentelemetry import trace
except ModuleNotFoundError:
    trace = None  # type: ignore[assignment]


class Spans:
    """The spans of a run; what they say is what the log says: no row values, no secrets."""

    def __init__(self, options: DrainOptions) -> None:
        """Prepare. A watching run has no span of its own, because it would be told when it ends: its refreshes have no
        parent.
        """
        self._tracer = trace.get_tracer("inboxdb") if trace else None
        self._has_own = options.schedule.kind != "watch"
        self._common = {"inboxdb.run": options.run_id, **({"inboxdb.job": options.job} if options.job else {})}
        self._own: Span | None = None
        self._context: Context | None = None

    def __enter__(self) -> Self:
        """Begin the run's span, within the caller's, if any."""
        if self._tracer and self._has_own:
            self._own = self._tracer.start_span("inboxdb.drain", attributes=self._common)
            self._context = trace.set_span_in_context(self._own)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it; of an error the kind alone is told, because messages may name the database."""
        if self._own:
            if kind:
                self._own.set_status(trace.StatusCode.ERROR, kind.__name__)
            self._own.end()

    def tell_run(self, refreshed: int, failed: int) -> None:
        """Say of the run how many workspaces were refreshed, and failed."""
        if self._own:
            self._own.set_attributes({"inboxdb.refreshed": refreshed, "inboxdb.failed": failed})

    def tell(self, name: str, began_at: int, refresh: Refresh, error: str | None = None) -> None:
        """Tell a refresh that has ended just now.

        Parameters: name, of the span; began_at, in nanoseconds since 1970; refresh; error, its SQLSTATE and our own
        sentence.
        """
        if not self._tracer:
            return
        said = {
            "inboxdb.workspace": refresh.client_id,
            "inboxdb.outcome": refresh.outcome,
            "inboxdb.version": refresh.version,
            "inboxdb.seconds_waited": refresh.seconds_waited,
        }
        attributes = self._common | {key: value for key, value in said.items() if value is not None}
        span = self._tracer.start_span(name, self._context, attributes=attributes, start_time=began_at)
        if refresh.outcome in ("failed", "lost"):
            span.set_status(trace.StatusCode.ERROR, error)
        span.end()

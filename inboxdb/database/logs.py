"""Log lines: a sentence for people and fields for machines, to stderr. No row values, no secrets."""

import logging
import os
import select
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import structlog

logger: Any = structlog.get_logger("inboxdb")

# Messages of these loggers may quote the server, and so rows.
for library in ("psycopg", "redis"):
    logging.getLogger(library).addHandler(logging.NullHandler())

PATIENCE = 100  # milliseconds for which a line waits for a full pipe's reader

# How the outcomes of a refresh are logged.
OUTCOMES = {
    "refreshed": (logging.DEBUG, "refreshed a workspace"),
    "failed": (logging.WARNING, "a refresh failed, and is tried again later"),
    "lost": (logging.WARNING, "a refresh lost its connection, and is tried again later"),
    "skipped": (logging.DEBUG, "left a workspace to somebody else"),
}
AUDIT_OUTCOMES = {
    "audited": (logging.DEBUG, "audited a workspace: all is as it should be"),
    "refreshed": (logging.WARNING, "audited a workspace, and counted it anew"),
    "failed": (logging.WARNING, "an audit failed"),
    "skipped": (logging.DEBUG, "left a workspace to be audited to somebody else"),
}
AGGREGATES_OUTCOMES = {
    "refreshed": (logging.DEBUG, "refreshed a workspace's aggregates of analytics"),
    "more": (logging.DEBUG, "refreshed some of a workspace's aggregates of analytics"),
    "failed": (logging.WARNING, "a refresh of aggregates failed, and is tried again later"),
    "skipped": (logging.DEBUG, "left a workspace's aggregates to somebody else"),
}


class Output:
    """Stderr, for which no worker waits or fails: lines that a full disk or pipe does not take are counted."""

    def __init__(self) -> None:
        """Begin with nothing lost."""
        self.lost = 0  # lines, in all
        self._untold = 0  # of these, since the last line that said so
        self._since: datetime | None = None  # the first of the untold ones
        self._lock = Lock()

    def write(self, line: str) -> bool:
        """Write a line, if stderr takes one now; return whether it did."""
        with self._lock:
            if self._tells_lost() and _written(f"{line}\n"):
                return True
            self.lost += 1
            self._untold += 1
            self._since = self._since or datetime.now(UTC)
            return False

    def trouble(self) -> str | None:
        """Say since when stderr takes no lines, after another try; None where it does."""
        with self._lock:
            return None if self._tells_lost() else f"could not log since {self._since:%Y-%m-%d %H:%M:%S} UTC"

    def _tells_lost(self) -> bool:
        """Say how many lines were lost, if any were; return whether stderr takes lines."""
        if self._untold:
            if not _written(f"inboxdb: {self._untold} lines of the log were lost here\n"):
                return False
            self._untold, self._since = 0, None
        return True

    def msg(self, message: str) -> None:
        """Write a line, as structlog asks for it."""
        self.write(message)

    debug = info = warning = error = critical = exception = fatal = log = msg


def _written(text: str) -> bool:
    """Write to stderr; return whether all was taken. Python's end would fail on a rest in the stream's buffer."""
    stream = sys.stderr
    if stream is None:  # closed before the start
        return False
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):  # a test's or an embedding program's stream
            stream.write(text)
            stream.flush()
            return True
        return False
    rest = text.encode(errors="backslashreplace")
    with suppress(OSError, ValueError):
        while rest and _takes_more(descriptor):
            # a pipe with room for anything has room for PIPE_BUF
            rest = rest[os.write(descriptor, rest[: select.PIPE_BUF]) :]
    return not rest


def _takes_more(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(PATIENCE))


output = Output()


def configure(style: str = "plain", *, level: int = logging.ERROR, run_id: str | None = None) -> None:
    """Set up the process's log.

    Parameters: style, plain (the sentence, then key=value) or json (one object per line, the sentence in `event`);
    level, logging's; run_id, the field `run` of every line from now on.
    """

    def with_run(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {name: value for name, value in fields.items() if value is not None} | (
            {"run": run_id} if run_id else {}
        )

    plain = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, pad_level=False)
    structlog.configure(
        processors=[
            with_run,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer() if style == "json" else plain,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=False,
    )


configure()

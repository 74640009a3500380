"""Log lines: a sentence for people and fields for machines, to stderr. No row values, no secrets."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

logger: Any = structlog.get_logger("inboxdb")

# Messages of these loggers may quote the server, and so rows.
for library in ("psycopg", "redis"):
    logging.getLogger(library).addHandler(logging.NullHandler())

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
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


configure()

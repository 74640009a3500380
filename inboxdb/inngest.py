"""Functions for Inngest, an ASGI app: `uvicorn inboxdb.inngest:app`. Inngest says when; what they do is a drain's."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Any

from inboxdb.database import logs
from inboxdb.database.connection import describe, resolve_dsn, session, transaction
from inboxdb.database.errors import InboxdbError, MissingExtra
from inboxdb.database.logs import logger
from inboxdb.drain.options import DrainOptions, Schedule
from inboxdb.drain.redis import Cache
from inboxdb.drain.run import DrainResult, drain
from inboxdb.serve.runs import told

try:
    import inngest
    import inngest.fast_api
    from fastapi import FastAPI
except ModuleNotFoundError as error:
    raise MissingExtra("inboxdb.inngest", "inngest") from error

APP = "inboxdb"
ENVIRONMENT = "INNGEST_ENV"  # the name of the variable
PRODUCTION = "production"
UNNAMED = "unnamed"  # the setting's default

SECONDS = 50.0  # a run starts no workspace afterwards, so that the next minute's is not kept waiting
RETRIES = 4
BUSY_FOR = timedelta(seconds=5)  # until a function whose run is under way is called again


@dataclass(frozen=True)
class Work:
    """A function: its name, when it is due, the event that asks for it, and of a run of it whether workspaces are
    refreshed, and which job alone is done, None for all.
    """

    name: str
    cron: str
    event: str
    refreshes: bool
    job: str | None = None


AGGREGATES = "recompute-analytics-aggregates"
FUNCTIONS = (
    Work("recompute-inbox-counts", "* * * * *", "inbox/counts.dirty", True),
    Work(AGGREGATES, "* * * * *", "analytics/aggregates.recompute", False, AGGREGATES),
    Work("maintenance", "*/5 * * * *", "background/maintenance.requested", False),
)

# A window is the sender's: the second event of one is dropped. Events without one, and those of the clock, never are.
ONCE_A_WINDOW = "has(event.data.window) ? string(event.data.window) : event.id"


class WrongEnvironment(InboxdbError):
    """Functions of one environment beside the database of another."""

    def __init__(self, trouble: str) -> None:
        """Say what does not agree."""
        super().__init__(
            f"{trouble}. Nothing is served. Give {ENVIRONMENT} the environment's name as Inngest has it, and the "
            "database the same, as its owner: select inboxdb.set_setting('environment', …)."
        )


class RunFailed(Exception):
    """A run that ended with an error: told to Inngest, which calls again, without what only our log may know."""


def require_environment(dsn: str, *, is_development: bool) -> None:
    """Refuse to work for another environment than the database's.

    Parameters: dsn; is_development, whether requests carry no signatures.
    Raises WrongEnvironment; CannotConnect, DatabaseRefused.
    """
    named = os.environ.get(ENVIRONMENT, "").strip()
    with session(dsn, application_name="inboxdb inngest") as connection, transaction(connection):
        [(here,)] = connection.execute("select inboxdb.environment()").fetchall()
    if is_development:
        if named == PRODUCTION:
            raise WrongEnvironment(f"{PRODUCTION} takes signed requests alone, and INNGEST_DEV turns signatures off")
        if here == UNNAMED:
            return
    if here == UNNAMED:
        raise WrongEnvironment("the database does not say which environment it belongs to")
    if here != named:
        raise WrongEnvironment(f"{ENVIRONMENT} is {named or 'not set'!r}, and the database belongs to {here!r}")


def make_functions(
    client: inngest.Inngest, dsn: str, carry_out: Callable[[DrainOptions], DrainResult]
) -> list[inngest.Function[Any]]:
    """Make the functions, each of which has one run at a time in this process, and in its environment, by Inngest.

    Parameters: client; dsn; carry_out, which drains.
    """
    return [_function(client, dsn, carry_out, work) for work in FUNCTIONS]


def _function(
    client: inngest.Inngest, dsn: str, carry_out: Callable[[DrainOptions], DrainResult], work: Work
) -> inngest.Function[Any]:
    busy = Lock()
    is_development = not client.is_production

    @client.create_function(
        fn_id=work.name,
        trigger=[inngest.TriggerCron(cron=work.cron), inngest.TriggerEvent(event=work.event)],
        # a function is of one environment, for which Inngest counts
        concurrency=[inngest.Concurrency(limit=1, scope="fn")],
        idempotency=ONCE_A_WINDOW,
        retries=RETRIES,
    )
    def function(context: inngest.ContextSync) -> dict[str, Any]:
        if not busy.acquire(blocking=False):
            # no success: what this call is about may have changed after the run at hand looked
            raise inngest.RetryAfterError("a run is under way: call again when it has ended", BUSY_FOR)
        try:
            require_environment(dsn, is_development=is_development)
            return told(carry_out(_options(work)))
        except InboxdbError as error:
            logger.error("gave up", action="end", function=work.name, reason=str(error), sqlstate=error.sqlstate)
            raise RunFailed(_told_of(error)) from None
        except Exception as error:
            logger.error("gave up", action="end", function=work.name, reason=f"internal error: {type(error).__name__}")
            raise RunFailed("internal error; the log of this server names it") from None
        finally:
            busy.release()

    return function


def _told_of(error: InboxdbError) -> str:
    if isinstance(error, WrongEnvironment):
        return "this server and its database are of different environments; its log says which"
    code = f" ({error.sqlstate})" if error.sqlstate else ""
    return f"the database cannot be reached, or refuses{code}; the log of this server says why"


def _options(work: Work) -> DrainOptions:
    url = os.environ.get("INBOXDB_REDIS_URL")
    cache = Cache(url, os.environ.get("INBOXDB_REDIS_PREFIX", "")) if url else None
    return DrainOptions(
        Schedule(seconds=SECONDS), cache=cache, refreshes=work.refreshes, job=work.job, called_by="inngest"
    )


def make_app(dsn: str, carry_out: Callable[[DrainOptions], DrainResult] | None = None) -> FastAPI:
    """Make the app, which answers at /api/inngest alone.

    Parameters: dsn; carry_out, what to call in place of a drain.
    """

    def run(options: DrainOptions) -> DrainResult:
        logger.info("draining", action="start", run=options.run_id, database=describe(dsn))
        result = drain(dsn, options)
        outcomes = {name: getattr(result, name) for name in ("refreshed", "failed", "skipped", "audited")}
        logger.info("ended", action="end", run=options.run_id, **outcomes)
        return result

    client = inngest.Inngest(app_id=APP, logger=logger)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        """Begin nothing in the wrong environment; each run looks again, since a server need not call this."""
        await asyncio.to_thread(require_environment, dsn, is_development=not client.is_production)
        yield

    made = FastAPI(lifespan=lifespan, openapi_url=None)
    functions = make_functions(client, dsn, carry_out or run)
    # without a signature nobody has this server introduce itself to Inngest
    inngest.fast_api.serve(made, client, functions, enable_unauthed_sync=False)
    return made


def __getattr__(name: str) -> FastAPI:
    """Make `app` when a server asks for it: with the database and the keys in the environment."""
    if name != "app":
        raise AttributeError(name)
    logs.configure(os.environ.get("INBOXDB_LOG_FORMAT", "plain"), level=logging.INFO)
    return make_app(resolve_dsn(None))

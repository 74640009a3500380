"""Drain, by hand or for callers over HTTP, and publish to Redis."""

import functools
import logging
import signal
from collections.abc import Callable
from dataclasses import asdict
from threading import Event

import click

from inboxdb.cli import render
from inboxdb.cli.app import Call, Seconds, command, main, options
from inboxdb.database import logs
from inboxdb.database.connection import session, transaction
from inboxdb.database.logs import logger, output
from inboxdb.drain.options import BOUNDED_ONCE, ONCE, TIME_LIMIT, DrainOptions, Schedule
from inboxdb.drain.publish import Publisher
from inboxdb.drain.redis import Cache
from inboxdb.drain.run import DrainResult, drain
from inboxdb.drain.state import Progress

ANSWER_WITHIN = 20.0  # seconds: longer than it takes to find out that a database does not answer


def uses_redis(function: Callable[..., bool]) -> Callable[..., bool]:
    """Add the options that say where versions are published, given to the function as `cache`, None for nowhere."""

    @options(
        click.option(
            "--redis-url",
            envvar="INBOXDB_REDIS_URL",
            metavar="URL",
            help="Publish cache versions and job statuses there; prefer INBOXDB_REDIS_URL where it holds a password.",
        ),
        click.option(
            "--redis-prefix",
            envvar="INBOXDB_REDIS_PREFIX",
            default="",
            metavar="TEXT",
            help="Put before every key, as in preview: (or INBOXDB_REDIS_PREFIX).",
        ),
    )
    @functools.wraps(function)
    def connect(*args: object, redis_url: str | None, redis_prefix: str, **rest: object) -> bool:
        return function(*args, cache=Cache(redis_url, redis_prefix) if redis_url else None, **rest)

    connected: Callable[..., bool] = connect
    return connected


# Of every run, whoever begins it.
BOUNDS = options(
    click.option("--limit", type=click.IntRange(1, 2**31 - 1), metavar="N", help="Refresh N workspaces at most."),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        metavar="N",
        default=1,
        show_default=True,
        help="Connections side by side.",
    ),
    click.option(
        "--time-limit",
        type=Seconds(min=1, max=86400),
        metavar="SECONDS",
        default=TIME_LIMIT,
        show_default=True,
        help="What every workspace has; one that took longer has twice that the next time, up to 900.",
    ),
    click.option(
        "--pace",
        type=Seconds(min=0.01, max=1),
        metavar="SHARE",
        default=1.0,
        show_default=True,
        help="Of its time, how much each worker may refresh; it rests in between.",
    ),
    click.option(
        "--for", "seconds", type=Seconds(min=1, max=86400), metavar="SECONDS", help="Go on draining for so long."
    ),
)
LOG_STYLES = click.Choice(["plain", "json"])


@command(main, "drain-dirty")
@BOUNDS
@click.option(
    "--every", type=Seconds(min=0.1), metavar="SECONDS", help="With --for (default 1) or --watch: a pass so often."
)
@click.option("--watch", is_flag=True, help="Go on draining until SIGTERM or SIGINT.")
@click.option("--metrics-port", type=click.IntRange(1, 65535), metavar="PORT", help="With --watch: serve `metrics`.")
@uses_redis
@click.option("--log-format", type=LOG_STYLES, help="How to log to stderr; a single run only logs with this.")
def drain_dirty(
    call: Call,
    limit: int | None,
    workers: int,
    time_limit: float,
    pace: float,
    seconds: float | None,
    every: float | None,
    watch: bool,
    metrics_port: int | None,
    cache: Cache | None,
    log_format: str | None,
) -> bool:
    """Bring the counts of all waiting workspaces up to date.

    Any number of drains may run at once. A workspace that fails keeps its changes and is tried again later, less and
    less often, until it is quarantined (see `inboxdb requeue`). SIGTERM lets the workspace at hand be finished. Exit
    status 3 when a workspace failed or inboxdb suspended itself, unless watching, and when stderr did not take lines of
    the log.
    """
    schedule = _schedule(seconds, every, watch, limit, metrics_port)
    asked = DrainOptions(schedule, limit, workers, time_limit, pace, cache)
    _log(call, log_format, asked.run_id, always=schedule is not ONCE)
    stop = _stopped_by_signals(watch)
    if metrics_port is not None:
        from inboxdb.watch import metrics  # needs an extra

        metrics.serve(call.dsn, metrics_port)
    with render.progress("draining", schedule is ONCE) as on_progress:
        result = _drain(call, asked, stop, on_progress)
    call.answer(asdict(result), render.drained(result))
    return (watch or result.is_healthy) and not output.lost


@command(main, "serve-trigger")
@click.option("--port", type=click.IntRange(1, 65535), metavar="PORT", required=True, help="Listen there.")
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Listen on this address; beyond this machine only behind something that speaks TLS.",
)
@click.option(
    "--answer-within",
    type=Seconds(min=0, max=3600),
    metavar="SECONDS",
    default=ANSWER_WITHIN,
    show_default=True,
    help="Answer 202 to a caller whose run takes longer, and go on with the run.",
)
@BOUNDS
@uses_redis
@click.option("--log-format", type=LOG_STYLES, default="plain", show_default=True, help="How to log to stderr.")
def serve_trigger(
    call: Call,
    port: int,
    host: str,
    answer_within: float,
    limit: int | None,
    workers: int,
    time_limit: float,
    pace: float,
    seconds: float | None,
    cache: Cache | None,
    log_format: str,
) -> bool:
    """Serve HTTP to schedulers that can send requests only; it needs the extra `trigger`.

    POST /drain begins a run as `inboxdb drain-dirty` does, with the options given here; without --for it starts no
    workspace after five minutes. POST /maintenance does a drain's work besides refreshes. Both want the secret in
    INBOXDB_TRIGGER_SECRET, as in "Authorization: Bearer SECRET". Answers: 200 the run has ended, 202 it goes on, 409
    another is under way, 503 the database is away, or this server about to end. GET /healthz asks for no secret, and
    no database. SIGTERM lets the workspace at hand be finished.
    """
    from inboxdb.serve import http  # needs an extra

    schedule = _schedule(seconds, None, False, limit, None)
    asked = DrainOptions(
        BOUNDED_ONCE if schedule is ONCE else schedule, limit, workers, time_limit, pace, cache, called_by="http"
    )
    secret = http.read_secret()
    stop = _stopped_by_signals(watch=True)
    _log(call, log_format)
    carry_out = functools.partial(_drain_for_caller, call, log_format, stop)
    http.serve(asked, carry_out, stop, address=(host, port), secret=secret, answer_within=answer_within)
    return not output.lost


def _drain_for_caller(call: Call, log_format: str, stop: Event, asked: DrainOptions) -> DrainResult:
    """Drain, with the run's id in lines of the log, which those of the server do not have."""
    _log(call, log_format, asked.run_id)
    try:
        return _drain(call, asked, stop)
    finally:
        _log(call, log_format)


def _drain(call: Call, asked: DrainOptions, stop: Event, on_progress: Progress | None = None) -> DrainResult:
    """Drain, and log how it began and ended."""
    kind = asked.schedule.kind if asked.refreshes else "maintenance"
    logger.info("draining", action="start", database=call.database, kind=kind, workers=asked.workers)
    result = drain(call.dsn, asked, stop=stop, on_progress=on_progress)
    _log_end(result)
    return result


def _schedule(
    seconds: float | None, every: float | None, watch: bool, limit: int | None, metrics_port: int | None
) -> Schedule:
    if watch and seconds is not None:
        raise click.UsageError("--watch goes on for ever, --for for a time: give one of them.")
    if limit is not None and (watch or seconds is not None):
        raise click.UsageError("--limit is for a single run, without --watch or --for.")
    if every is not None and seconds is None and not watch:
        raise click.UsageError("--every needs --for or --watch.")
    if metrics_port is not None and not watch:
        raise click.UsageError("--metrics-port needs --watch.")
    if seconds is not None:
        return Schedule("for", seconds, 1 if every is None else every)
    return Schedule("watch", every=every) if watch else ONCE


def _log(call: Call, log_format: str | None, run_id: str | None = None, *, always: bool = True) -> None:
    """Make stderr a log; unless always, and without --log-format, of errors only."""
    level = logging.DEBUG if call.debug else logging.INFO
    if log_format or always:
        click.get_current_context().meta[render.LOGS] = True
    else:
        level = logging.ERROR
    logs.configure(log_format or "plain", level=level, run_id=run_id)


def _log_end(result: DrainResult) -> None:
    outcomes = {name: getattr(result, name) for name in ("refreshed", "failed", "skipped", "audited")}
    logger.info("ended", action="end", **outcomes)
    if result.suspended_since:
        logger.warning(f"suspended: {render.suspended(result.suspended_because)}", action="suspended")


def _stopped_by_signals(watch: bool) -> Event:
    """Return the event set by a first signal, to end the run. A second signal also ends the workspace at hand."""
    stop = Event()

    def end(number: int, frame: object) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler)

    for number in (signal.SIGTERM, signal.SIGINT) if watch else (signal.SIGTERM,):
        signal.signal(number, end)
    return stop


@command(main, "publish")
@click.option("--all", "everything", is_flag=True, help="Everything anew: Redis was flushed, or is another one.")
@uses_redis
def publish_cache(call: Call, everything: bool, cache: Cache | None) -> bool:
    """Copy unpublished cache versions and job statuses to Redis.

    Drains with --redis-url publish by themselves; this is for the rest when no drain runs, and for a new Redis.
    """
    if cache is None:
        raise click.UsageError("Say where to publish: --redis-url or INBOXDB_REDIS_URL.")
    with session(call.dsn, application_name="inboxdb publish") as connection:
        if everything:
            with transaction(connection):
                connection.execute("select inboxdb.mark_all_unpublished()")
        keys = Publisher(cache).publish(connection)
    call.answer({"published": keys}, f"published {render.plural(keys, 'key')}")
    return True

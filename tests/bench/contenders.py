"""Who is compared: ways to keep counts, each with the triggers and the job that its advocates would give it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import psycopg

from tests.interleave import until

RIVALS = Path(__file__).parent / "rivals"
PAUSE = 0.1  # seconds between two passes of a rival's job: as a watching drain pauses after work


@dataclass(frozen=True)
class Contender:
    """A way to keep counts. `schema` has its triggers' functions, its `inbox_counts` and its job, procedure `drain`;
    null for none at all.
    """

    name: str
    schema: str | None = None
    has_triggers: bool = True
    has_job: bool = True


NO_TRIGGER = Contender("no trigger", has_triggers=False, has_job=False)
KEYED_UPSERT = Contender("keyed upsert", "rival_keyed_upsert")
MATERIALIZED_VIEW = Contender("materialized view", "rival_materialized_view", has_triggers=False)
TRIGGER_COUNTERS = Contender("counters by trigger", "rival_trigger_counters", has_job=False)
INBOXDB = Contender("inboxdb", "inboxdb")

# In the order in which tables and plots show them.
CONTENDERS = (NO_TRIGGER, KEYED_UPSERT, MATERIALIZED_VIEW, TRIGGER_COUNTERS, INBOXDB)


@contextmanager
def watching(dsn: str) -> Iterator[None]:
    """Run `inboxdb drain-dirty --watch` as its users do; it has begun when the block does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "inboxdb", "drain-dirty", "--watch"],
        env={**os.environ, "INBOXDB_DSN": dsn},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            runs = "select from pg_stat_activity where application_name like 'inboxdb drain-dirty%'"
            until(lambda: connection.execute(runs).rowcount > 0 or process.poll() is not None)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    if process.returncode:
        raise SystemExit(f"the watching drain did not end well: {said}")


@contextmanager
def repeating(dsn: str, statement: str) -> Iterator[None]:
    """Run a statement over and over until the block ends."""
    stop = Event()
    with psycopg.connect(dsn, autocommit=True) as connection:

        def repeat() -> None:
            while not stop.wait(PAUSE):
                try:
                    connection.execute(statement.encode())
                except psycopg.errors.QueryCanceled:
                    return

        thread = Thread(target=repeat)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            while thread.is_alive():
                connection.cancel_safe()
                thread.join(0.1)


@contextmanager
def at_work(contender: Contender, dsn: str) -> Iterator[None]:
    """Keep a contender's job running: inboxdb's watching drain, or a rival's procedure over and over."""
    if not contender.has_job:
        yield
    elif contender is INBOXDB:
        with watching(dsn):
            yield
    else:
        with repeating(dsn, f"call {contender.schema}.drain()"):
            yield

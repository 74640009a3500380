"""Who is compared: ways to keep counts, each with the triggers and the job of its advocates."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event

import psycopg

from tests.interleave import until

RIVALS = Path(__file__).parent / "rivals"
PAUSE = 0.1  # seconds between two passes of a rival's job: as a watching drain pauses after work
STOP_TIMEOUT = 60.0  # seconds for a watching drain to end


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
def watching(dsn: str, *options: str) -> Iterator[None]:
    """Run `inboxdb drain-dirty --watch` as its users do, with options; it has begun when the block does."""
    command = [sys.executable, "-m", "inboxdb", "drain-dirty", "--watch", *options]
    environment = {**os.environ, "INBOXDB_DSN": dsn}
    with (
        TemporaryFile() as said,
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=said) as process,
    ):
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                runs = "select from pg_stat_activity where application_name like 'inboxdb drain-dirty%'"
                until(lambda: connection.execute(runs).rowcount > 0 or process.poll() is not None)
            yield
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_TIMEOUT)
        finally:
            process.kill()
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"the watching drain did not end well: {said.read().decode()}")


@contextmanager
def repeating(dsn: str, statement: str) -> Iterator[None]:
    """Run a statement over and over until the block ends."""
    stop = Event()
    with psycopg.connect(dsn, autocommit=True) as connection, ThreadPoolExecutor(1) as pool:

        def repeat() -> None:
            while not stop.wait(PAUSE):
                try:
                    connection.execute(statement.encode())
                except psycopg.errors.QueryCanceled:
                    return

        running = pool.submit(repeat)
        try:
            yield
        finally:
            stop.set()
            while not wait([running], 0.1).done:
                connection.cancel_safe()
        running.result()


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

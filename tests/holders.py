"""Holders of a snapshot for hours: a forgotten session, a session with writes, a hanging dump."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg

from inboxdb.demo import embedded
from tests.interleave import until


@contextmanager
def idle_reader(dsn: str) -> Iterator[None]:
    """Hold the snapshot of a REPEATABLE READ session, taken by reading a lead."""
    with psycopg.connect(dsn) as connection:
        connection.execute("set transaction isolation level repeatable read")
        connection.execute('select from public."Lead" limit 1')
        yield
        connection.rollback()


@contextmanager
def idle_writer(dsn: str) -> Iterator[None]:
    """Hold the xmin of a session with a written lead."""
    with psycopg.connect(dsn) as connection:
        connection.execute("""
            insert into public."Lead" (id, "clientId", "updatedAt")
            select gen_random_uuid(), id, now() from public."Client" order by id limit 1
        """)
        yield
        connection.rollback()


@contextmanager
def stopped_dump(dsn: str) -> Iterator[None]:
    """Hold the snapshot and the locks of a stopped pg_dump."""
    with psycopg.connect(dsn) as gate, psycopg.connect(dsn, autocommit=True) as watcher:
        gate.execute('lock table public."Client" in access exclusive mode')
        # pg_dump 18 dumps every version
        program = embedded.binaries(18) / "pg_dump"
        with subprocess.Popen([program, "--data-only", dsn], stdout=subprocess.DEVNULL) as dump:
            try:
                waits = "select from pg_stat_activity where %s = any (pg_blocking_pids(pid))"
                until(lambda: watcher.execute(waits, [gate.info.backend_pid]).rowcount == 1)
                dump.send_signal(signal.SIGSTOP)
                gate.rollback()
                yield
            finally:
                dump.kill()
        # the backend learns of the kill when it next sends something
        its_backend = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg_dump'"
        until(lambda: watcher.execute(f"{its_backend} and datname = current_database()").rowcount == 0)


Holder = Callable[[str], AbstractContextManager[None]]

# Each takes the connection string of a role that may read everything.
HOLDERS: list[Holder] = [idle_reader, idle_writer, stopped_dump]

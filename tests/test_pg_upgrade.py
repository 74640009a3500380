"""pg_upgrade between two versions: inboxdb goes along, changes that wait included."""

import os
import pwd
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from inboxdb.demo import embedded
from inboxdb.drain.run import drain
from inboxdb.install import access
from tests.interleave import until
from tests.rows import Host, new_id
from tests.servers import SETTINGS, Server, new_folder
from tests.test_restore import NAMED, assert_sound, leave_waiting, next_xid, run, versions, waiting

OLD, NEW = 16, 18  # those at hand with a pg_upgrade and of one age: Debian's 15 is newer than either


class Cluster:
    """A server of the test's own, which can be stopped and started again."""

    def __init__(self, folder: Path, postgres: int) -> None:
        """Keep where it lives; it runs, started by `embedded.server`."""
        self.folder = folder
        self.data = folder / "data"
        copies = list(folder.glob("programs/*/*/bin"))
        self.programs = copies[0] if copies else embedded.binaries(postgres)

    def stop(self) -> None:
        """Stop it."""
        pid = self.data / "postmaster.pid"
        os.kill(int(pid.read_text().splitlines()[0]), signal.SIGINT)
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
    def started(self) -> Iterator[str]:
        """Run it again; yield its superuser's connection string."""
        options = {**SETTINGS, "listen_addresses": "", "unix_socket_directories": str(self.folder)}
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


def test_inboxdb_goes_along() -> None:
    from_folder, to_folder = new_folder(), new_folder()
    with (
        embedded.server(from_folder, OLD, settings=SETTINGS) as dsn,
        embedded.server(to_folder, NEW, settings=SETTINGS),
    ):
        server = Server(dsn, secrets.token_hex(16))
        with server.database("mixed", installed=True) as database:
            access.turn_on(database.dsn, NAMED)
            with psycopg.connect(server.dsn_of(database.name), autocommit=True) as connection:
                host = Host(connection)
                workspace = host.workspace()
                host.ai_sent(host.lead(workspace, assignedToUserId=new_id(), lastInboundAt="2024-01-01 00:00:00+00"))
                drain(database.dsn)
                leave_waiting(host, workspace)
            with psycopg.connect(dsn, autocommit=True) as admin:
                admin.execute(f"create database upgraded template {database.name}".encode())
        server.close()
        before = versions(make_conninfo(dsn, dbname="upgraded"))
        counted = next_xid(dsn)

        was, now = Cluster(from_folder, OLD), Cluster(to_folder, NEW)
        was.stop()
        now.stop()
        # from 18 on a new cluster has them, and both have to agree
        subprocess.run(**now.command("pg_checksums", "--disable", "-D", now.data), check=True, capture_output=True)
        folders: list[str | Path] = [
            "-b",
            was.programs,
            "-B",
            now.programs,
            "-d",
            was.data,
            "-D",
            now.data,
            "-s",
            now.folder,
        ]
        result = subprocess.run(**now.command("pg_upgrade", *folders), capture_output=True, text=True)
        assert result.returncode == 0, result.stdout

        with now.started() as dsn:
            upgraded = make_conninfo(dsn, dbname="upgraded")
            assert next_xid(dsn) >= counted
            assert waiting(upgraded) > 300
            run(upgraded, "drain-dirty")
            assert_sound(upgraded)
            assert all(versions(upgraded)[key] >= version for key, version in before.items())

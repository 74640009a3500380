"""docs/deploy/fleet: a command on three servers, one after the other, and the one that is away is named."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from inboxdb.database import sources
from inboxdb.drain.run import drain
from tests.servers import Database

FLEET = sources.ROOT / "docs/deploy/fleet"

NAMES = ("shard0", "shard1", "shard2")


class Fleet:
    """Three services, and a file that lists them."""

    def __init__(self, folder: Path, dsns: list[str]) -> None:
        """Write both files."""
        self.folder = folder
        parts = [conninfo_to_dict(dsn) for dsn in dsns]
        (folder / "pg_service.conf").write_text(
            "\n".join(
                f"[{name}]\n" + "\n".join(f"{key}={value}" for key, value in part.items())
                for name, part in zip(NAMES, parts, strict=True)
            )
        )
        # without a line's end, as editors may leave it
        (folder / "servers").write_text(f"# ours\n\n{NAMES[0]}\n{NAMES[1]}  # the largest\n{NAMES[2]}")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the script; inboxdb is the program installed beside this Python."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PGSERVICEFILE": str(self.folder / "pg_service.conf")}
        return subprocess.run(
            [str(FLEET), *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )


@pytest.fixture
def installed(server: Any, host_variant: str) -> Any:
    """Two more databases with inboxdb."""
    with (
        server.database(host_variant, installed=True) as one,
        server.database(host_variant, installed=True) as other,
    ):
        yield one, other


def away() -> str:
    """A server that does not answer."""
    return "host=/nowhere port=1 dbname=app user=app"


def asked(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Which servers were asked, in order."""
    lines = (line.split() for line in result.stderr.splitlines() if line.startswith("fleet: "))
    return [words[1] for words in lines if len(words) == 2]


def test_the_first_that_is_away_ends_it(database: Database, bare_database: Database, tmp_path: Path) -> None:
    """Nothing is applied to those behind it; with --all they are asked, too."""
    fleet = Fleet(tmp_path, [database.dsn, away(), bare_database.dsn])
    result = fleet.run("servers", "migrate", "apply", "--without-rls")
    assert (result.returncode, asked(result)) == (1, ["shard0", "shard1"]), result.stderr
    assert "fleet: shard1 failed, exit status 1" in result.stderr
    assert "cannot connect to shard1" in result.stderr
    assert database.server.password not in result.stderr + result.stdout
    schemas = "select from pg_namespace where nspname = 'inboxdb'"
    assert bare_database.connect().execute(schemas).rowcount == 0
    result = fleet.run("--all", "servers", "migrate", "status", "--json")
    assert (result.returncode, asked(result), len(result.stdout.splitlines())) == (1, list(NAMES), 2)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["status", "metrics", "doctor --json"])
def test_all_are_asked(database: Database, installed: tuple[Database, Database], tmp_path: Path, command: str) -> None:
    databases = [database, *installed]
    for one in databases:
        drain(one.dsn)
    fleet = Fleet(tmp_path, [one.dsn for one in databases])
    result = fleet.run("servers", *command.split())
    assert (result.returncode, asked(result)) == (0, list(NAMES)), result.stdout + result.stderr
    if command == "metrics":
        assert result.stdout.count("\ninboxdb_up 1.0\n") == 3


def test_used_wrongly(tmp_path: Path) -> None:
    shutil.copy(FLEET, tmp_path)
    for arguments in ((), ("servers",), ("--all", "servers"), ("nowhere", "status")):
        result = subprocess.run([tmp_path / "fleet", *arguments], capture_output=True, text=True, check=False)
        assert (result.returncode, result.stdout) == (2, "")
        assert "usage" in result.stderr or "nowhere" in result.stderr

"""The wheel: it works where there is no checkout, from any folder, with nothing but its own dependencies."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from inboxdb import __version__
from inboxdb.database import sources
from inboxdb.install import migrate
from tests.rows import Host
from tests.servers import Database

pytestmark = pytest.mark.slow

PIP = [sys.executable, "-m", "pip"]
LEFTOVERS = {"build", "dist", "inboxdb.egg-info"}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout, which is left as it was."""
    folder = tmp_path_factory.mktemp("wheel")
    before = LEFTOVERS & {path.name for path in sources.ROOT.iterdir()}
    run([*PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(sources.ROOT)], folder)
    assert LEFTOVERS & {path.name for path in sources.ROOT.iterdir()} == before
    [wheel] = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a virtual environment that has the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder)
    run([*PIP, "--python", str(folder / "bin" / "python"), "install", "--quiet", str(wheel)], folder)
    return folder / "bin"


def test_what_travels(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert all(name.startswith(("inboxdb/", f"inboxdb-{__version__}.dist-info/")) for name in names)
    assert f"inboxdb/migrations/{sources.CHECKSUMS}" in names
    assert {name for name in names if name.endswith(".sql")} == {
        *(f"inboxdb/sql/{file.relative_to(sources.SQL)}" for file in sources.SQL.rglob("*.sql")),
        *(f"inboxdb/migrations/{file.name}" for file in sources.MIGRATIONS.glob("*.sql")),
        *(f"inboxdb/host/{file.name}" for file in sources.HOST.glob("*.sql")),
    }


def test_it_runs_from_another_folder(programs: Path, tmp_path: Path, bare_database: Database) -> None:
    def inboxdb(*arguments: str) -> str:
        return run([str(programs / "inboxdb"), *arguments], tmp_path, INBOXDB_DSN=bare_database.dsn)

    def answer(*arguments: str) -> Any:
        return json.loads(inboxdb(*arguments, "--json"))

    host = Host(bare_database.writer())
    workspace = host.workspace()
    host.lead(workspace)

    assert inboxdb("--version") == f"inboxdb {__version__}\n"
    assert len(answer("migrate", "apply", "--without-rls")["applied"]) == len(migrate.status(bare_database.dsn))
    assert answer("migrate", "verify")["findings"] == []
    assert answer("drain-dirty")["refreshed"] == 1
    assert answer("counts", workspace)["total"] == 1
    assert answer("verify")["drifted"] == 0

    where = run([str(programs / "python"), "-c", "from inboxdb.database import sources; print(sources.HOST)"], tmp_path)
    assert Path(where.strip(), "host.sql").exists()
    assert not Path(where).is_relative_to(sources.ROOT)


def run(command: list[str], folder: Path, **variables: str) -> str:
    """Run a program in a folder, in our environment but for the Python that we run in; return what it printed."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    result = subprocess.run(command, cwd=folder, env={**ours, **variables}, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout

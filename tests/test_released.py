"""Installations of a release, upgraded: tests/released.py, tried with a release and a migration made up for it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from inboxdb.counts.verify import verify
from inboxdb.database import sources
from inboxdb.drain.run import drain
from inboxdb.install import migrate
from tests import released
from tests.catalog import catalog, difference
from tests.programs import program
from tests.rows import Host
from tests.servers import Database, Server
from tests.test_migrations import NAMES, ours_with

NEXT = "9999-made-up"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is here, committed in a repository of its own, and fetched from there."""
    repository = tmp_path_factory.mktemp("repository")
    for folder in ("inboxdb", "sql", "migrations"):
        shutil.copytree(sources.ROOT / folder, repository / folder, ignore=shutil.ignore_patterns("__pycache__"))
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@example.invalid")
    for command in (("init",), ("add", "."), (*identity, "commit", "--message=0.0.1")):
        subprocess.run([program("git", "git"), *command], cwd=repository, check=True, capture_output=True)
    return released.fetch("HEAD", tmp_path_factory.mktemp("release"), repository)


@pytest.mark.all_hosts
def test_an_upgraded_installation_is_as_a_new_one(
    server: Server,
    host_variant: str,
    bare_database: Database,
    release: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made_up(tmp_path, monkeypatch, "alter table inboxdb.workspace {} column made_up{};\n")
    migrate.apply(bare_database.dsn)
    upgrading = Server(server.dsn, server.password, release=release)
    try:
        with upgrading.database(host_variant, installed=True) as upgraded:
            assert [one.id for one in migrate.status(upgraded.dsn) if one.state == "applied"] == [*NAMES, NEXT]
            assert not difference(catalog(bare_database.connect()), catalog(upgraded.connect()))
            host = Host(upgraded.writer())
            host.lead(host.workspace())
            drain(upgraded.dsn)
            assert verify(upgraded.dsn).scopes == 1
    finally:
        upgrading.close()


@pytest.mark.parametrize(
    ("statement", "lost"),
    [
        # where the release's change has to be counted by its upgrade
        ("truncate table inboxdb.change_0, inboxdb.change_1, inboxdb.change_2, inboxdb.change_3", "was not counted"),
        pytest.param("update inboxdb.cache_version set version = version + 10 ^ 12", "", marks=pytest.mark.slow),
        pytest.param(
            "update inboxdb.cache_version set version = version - 10 ^ 12", "went back", marks=pytest.mark.slow
        ),
    ],
)
def test_what_an_upgrade_loses_is_found(
    bare_database: Database,
    release: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    lost: str,
) -> None:
    made_up(tmp_path, monkeypatch, f"{statement};\n")
    if lost:
        with pytest.raises(AssertionError, match=lost):
            released.upgrade(bare_database.dsn, release)
    else:
        released.upgrade(bare_database.dsn, release)


def made_up(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Have a migration after ours: text, with `{}` for what adds and what drops."""
    copy = ours_with(folder, monkeypatch, f"{NEXT}.sql", text.format("add", " integer"))
    (copy / f"{NEXT}.rollback.sql").write_text(f"-- Undoes {NEXT}.\n\n{text.format('drop', '')}")
    (copy / sources.CHECKSUMS).write_text(sources.checksums())

"""Prisma's schema engines over an installed inboxdb: what they plan, push, pull and reset (tests/prisma/)."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from inboxdb.counts import verify
from inboxdb.database import sources
from inboxdb.drain.run import drain
from inboxdb.install import migrate, repair, suspend, uninstall
from tests import programs
from tests.catalog import catalog, difference
from tests.parts import one_in
from tests.rows import Host
from tests.servers import OWNER, WRITER, Database

HERE = Path(__file__).parent / "prisma"
ENGINES = [name for name in json.loads((HERE / "package.json").read_text())["dependencies"] if "engine" in name]

SCHEMA = (sources.HOST / "schema.prisma").read_text().replace('"postgresql"', '"postgresql"\n  url = env("URL")')
PREVIEW = 'generator client {\n  provider = "prisma-client-js"\n  previewFeatures = ["partialIndexes"]\n}\n'
EMPTY = ("-- This is an empty migration.", "")


def packages() -> Path:
    """Find the folder in which .ci/install has installed package.json."""
    folder = Path(os.environ.get("INBOXDB_TEST_PRISMA", "/opt/inboxdb/prisma"))
    installed = folder / "package.json"
    if (
        not shutil.which("node")
        or not installed.exists()
        or installed.read_text() != (HERE / "package.json").read_text()
    ):
        programs.lacking("node, and the packages of tests/prisma/package.json")
    return folder


class Engine:
    """A schema engine that connects to a database as the host's owner."""

    def __init__(self, database: Database, name: str) -> None:
        """Find the engine; skipped where there is none, but failed in CI."""
        self.folder, self.name = packages(), name
        at = conninfo_to_dict(database.dsn)
        self.connection = {
            "host": at["host"],
            "port": int(at["port"] or 5432),
            "user": at["user"],
            "password": at["password"],
            "database": at["dbname"],
        }

    def run(self, *commands: str, preview: bool = False) -> list[dict[str, Any]]:
        """Run commands; return an answer or an error of each."""
        schema = SCHEMA if self.name < "engine-7" else SCHEMA.replace('\n  url = env("URL")', "")
        migration = (sources.HOST / "host.sql").read_text()
        asked = [{"name": name, "schema": schema + PREVIEW * preview, "migration": migration} for name in commands]
        done = subprocess.run(
            ["node", str(HERE / "engine.mjs"), str(self.folder), self.name],
            input=json.dumps({"connection": self.connection, "commands": asked}),
            capture_output=True,
            text=True,
            env=os.environ | {"URL": "postgresql://nobody@localhost/nowhere"},
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        answers: list[dict[str, Any]] = json.loads(done.stdout)
        return answers


@pytest.fixture(params=one_in(4, ENGINES[::-1]))
def engine(request: pytest.FixtureRequest, bare_database: Database) -> Iterator[Engine]:
    """An engine, and a database with inboxdb whose host tables were made by `prisma migrate deploy`."""
    made = Engine(bare_database, request.param)
    superuser = bare_database.superuser()
    superuser.execute(f"drop schema public cascade; create schema public; grant all on schema public to {OWNER}")
    superuser.execute(f"grant usage on schema public to {WRITER}")
    [deployed] = made.run("deploy")
    assert deployed == {"answer": {"appliedMigrationNames": ["20200101000000_init"]}}
    migrate.apply(bare_database.dsn)
    counted(bare_database)
    shadow = f"{bare_database.name}_shadow"  # where `migrate dev` runs the migrations
    superuser.execute(f"create database {shadow} owner {OWNER}")
    yield made
    superuser.execute(f"drop database {shadow} with (force)")


def counted(database: Database) -> None:
    """Write as the application, drain, and see that the counts are right."""
    superuser = database.superuser()
    superuser.execute(f"grant select, insert, update, delete on all tables in schema public to {WRITER}")
    host = Host(database.writer())
    host.ai_sent(host.lead(host.workspace()))
    assert drain(database.dsn).failed == 0
    assert verify.verify(database.dsn).drifted == 0


def test_prisma(engine: Engine, bare_database: Database) -> None:
    owner = bare_database.connect()
    before = catalog(owner)
    for preview in (False, True):
        if preview and engine.name < "engine-7":
            continue
        diff, push, dev, pull = engine.run("diff", "push", "dev", "pull", preview=preview)
        assert not [one for one in (diff, push, dev, pull) if "error" in one]
        assert diff["answer"]["stdout"].strip() in EMPTY
        assert push["answer"] == {"executedSteps": 0, "unexecutable": [], "warnings": []}
        diagnosed, created = dev["answer"]
        assert diagnosed == {"action": {"tag": "createMigration"}}, "neither drift nor a reset"
        assert created["migrationScript"] is None or created["migrationScript"].strip() in EMPTY
        [file] = pull["answer"]["schema"]["files"]
        assert "inboxdb" not in file["content"]
        assert not difference(before, catalog(owner))

    # the role owns no schema public: the engine then drops each table by itself, without CASCADE
    [reset] = engine.run("reset")
    assert "view inboxdb.classified_lead depends on table" in reset["error"]
    # Prisma's ledger, which the engine drops first
    assert all("_prisma_migrations" in line for line in difference(before, catalog(owner)).splitlines())
    counted(bare_database)

    suspend.suspend(bare_database.dsn)
    reset, deployed = engine.run("reset", "deploy")
    assert reset == {"answer": None}
    assert deployed == {"answer": {"appliedMigrationNames": ["20200101000000_init"]}}
    assert suspend.resume(bare_database.dsn)
    assert not repair.verify(bare_database.dsn).findings
    counted(bare_database)

    uninstall.uninstall(bare_database.dsn)
    assert engine.run("reset", "deploy")[0] == {"answer": None}
    migrate.apply(bare_database.dsn)
    counted(bare_database)

"""What each kind of dump restores to, and what has to be run until the doctor, `verify` and `migrate verify` are content.

pg_dump and pg_restore are the newest at hand. The other server is one of the newest version whose transactions are
counted from far below, or far above, those of the dump.
"""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from inboxdb import access, doctor, embedded, migrate, repair
from inboxdb.cli import main
from inboxdb.errors import InboxdbError
from inboxdb.verify import verify
from inboxdb.worker import drain
from tests.rows import Host, new_id, stored_counts
from tests.running import watching
from tests.servers import DRAINER, HELD, MONITOR, OWNER, SETTINGS, WRITER, Database, Server, new_folder
from tests.test_cli import invoke

PROGRAMS = embedded.binaries(18)
NAMED = access.Named(trusted=[WRITER], restricted=["authenticated"])

OURS = ("--exclude-schema=inboxdb", "--exclude-schema=inbox_api")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """A server that has seen neither inboxdb nor a role of the tests', as its superuser."""
    with embedded.server(new_folder(), 18, settings=SETTINGS) as dsn:
        yield dsn


@pytest.fixture
def protected(database: Database) -> Database:
    """A database in use: row-level security on "Lead", two workspaces counted, and four kinds of changes waiting."""
    access.turn_on(database.dsn, NAMED)
    host = Host(database.writer())
    counted, waiting = host.workspace(), host.workspace()
    for workspace in (counted, waiting):
        host.ai_sent(host.lead(workspace, assignedToUserId=new_id(), lastInboundAt="2024-01-01 00:00:00+00"))
    drain(database.dsn)
    leave_waiting(host, waiting)
    return database


def leave_waiting(host: Host, workspace: str) -> None:
    """Note changes of a lead, of a draft, whose workspace nobody has looked up yet, and of a whole new workspace."""
    host.draft(host.lead(workspace, status="needs_repair"))
    host.workspace()


def burn(dsn: str, number: int) -> None:
    """Let a server count so many transactions."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"do $$begin for i in 1..{number} loop perform pg_current_xact_id(); commit; end loop; end$$")


def next_xid(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        [(number,)] = connection.execute("select pg_snapshot_xmax(pg_current_snapshot())::text::int8").fetchall()
    return int(number)


def dump(dsn: str, folder: Path, *options: str) -> Path:
    """Dump a database in pg_dump's own format."""
    file = folder / "dump"
    subprocess.run([PROGRAMS / "pg_dump", "--format=custom", "--file", file, *options, dsn], check=True)
    return file


def restore(dsn: str, file: Path, *options: str) -> list[str]:
    """Restore a dump; return the errors that pg_restore ignored."""
    result = subprocess.run(
        [PROGRAMS / "pg_restore", "--dbname", dsn, *options, file], capture_output=True, text=True
    )
    errors = [line for line in result.stderr.splitlines() if " error: " in line]
    assert result.returncode == (1 if errors else 0), result.stderr
    return errors


@contextmanager
def empty_database(server: str) -> Iterator[str]:
    """Lend a database without anything in it, not even schema public, which a dump brings along."""
    name = f"restored_{new_id()[:8]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"create database {name} template template0")
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            admin.execute(f"drop database {name} with (force)")


def complaints(dsn: str) -> dict[str, list[str]]:
    """Return what the doctor finds that is a problem, by check."""
    problems = {
        one.check: [finding.evidence for finding in one.findings if finding.severity == doctor.PROBLEM]
        for one in doctor.examine(dsn)
    }
    return {check: evidence for check, evidence in problems.items() if evidence}


def versions(dsn: str) -> dict[tuple[str, str], int]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("select client_id::text, family, version from inboxdb.cache_version").fetchall()
    return {(workspace, family): version for workspace, family, version in rows}


def differing(dsn: str) -> list[str]:
    return [one.object for one in repair.verify(dsn).findings]


def assert_sound(dsn: str) -> None:
    """Every promise holds: all is counted and right, installed as shipped, and the doctor has no complaint."""
    assert {one.state for one in migrate.status(dsn)} == {"applied"}
    assert differing(dsn) == []
    assert complaints(dsn) == {}
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select count(*) from inboxdb.waiting").fetchone() == (0,)
        counted = set(stored_counts(connection))
        assert counted == {str(one) for (one,) in connection.execute('select id from "Client"')}
    assert verify(dsn).healthy

"""Databases installed and filled by a release, then upgraded by the present migrations, while others wrote.

`pytest --upgraded-from COMMIT` runs the suite on such databases: the commit that migrations/RELEASED names, or a folder
with a checkout of the release.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import Event
from zipfile import ZipFile

import psycopg
from psycopg.sql import SQL, Identifier

from inboxdb.counts.verify import verify
from inboxdb.database import sources
from inboxdb.demo import embedded
from inboxdb.drain.run import drain
from inboxdb.install import catalog, migrate
from tests.programs import program
from tests.rows import Host, new_id

# Tables with rows made by installing, to stay as after the upgrade.
KEPT = ("setting", "installation", "list_key", "migration_text", "_yoyo_migration", "_yoyo_log", "_yoyo_version")


def fetch(release: str, folder: Path, repository: Path = sources.ROOT) -> Path:
    """Return the folder of a release.

    Parameters: release, a commit, or the folder itself; folder, where to unpack it; repository, which has the commit.
    """
    if Path(release).is_dir():
        return Path(release).absolute()
    archive = subprocess.run(
        [program("git", "git"), "archive", "--format=zip", release], cwd=repository, check=True, capture_output=True
    ).stdout
    # not a tar: Python 3.11 before 3.11.4 unpacks none as later ones are to
    with ZipFile(BytesIO(archive)) as packed:
        packed.extractall(folder)
    return folder


def upgrade(dsn: str, release: Path) -> None:
    """Install a release by its own program, put data in, upgrade beside writers, and see that nothing is lost; on the
    way go back, and see that the catalog is the release's.

    Parameters: dsn, of a database with the host's tables, as their owner; release, its folder. The upgraded database is
    left as a new installation is: the suite counts on its host's tables being empty.
    """
    # as psql runs it, nothing is decided yet about row-level security on "Lead"
    script = _run(release, dsn, "migrate", "plan", "--sql")
    psql: list[str | Path] = [embedded.binaries(18) / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", dsn]
    subprocess.run(psql, input=script, check=True, text=True, stdout=subprocess.DEVNULL)
    with psycopg.connect(dsn, autocommit=True) as connection:
        host = Host(connection)
        workspaces = [host.workspace() for _ in range(4)]
        for workspace in workspaces:
            setter = new_id()
            host.member(workspace, setter, "SETTER")
            host.ai_sent(host.lead(workspace, assignedToUserId=setter, lastInboundAt="2024-01-01 00:00:00+00"))
            host.lead(workspace, snoozedUntil="2124-01-01 00:00:00+00")
        _run(release, dsn, "drain-dirty")
        before = _versions(connection)
        # left for the upgraded drain
        host.draft(host.lead(workspaces[0], status="needs_repair"))
        host.delete("Client", workspaces[1])

        installed = catalog.installed(connection)
        release_has = [one.id for one in migrate.status(dsn) if one.applied_at]
        with _writing(dsn, workspaces[3]):
            migrate.apply(dsn)
        upgraded = catalog.installed(connection)
        [(logged,)] = connection.execute("select array_agg(id) from inboxdb._yoyo_log")
        with _writing(dsn, workspaces[3]):
            migrate.rollback(dsn, to=release_has[-1])
            assert catalog.installed(connection) == installed, "undone, the catalog is not the release's"
            migrate.apply(dsn)
        assert catalog.installed(connection) == upgraded
        # the suite counts on each migration being logged once
        connection.execute("delete from inboxdb._yoyo_log where id <> all (%s)", (logged,))
        drain(dsn)
        assert verify(dsn).healthy, "what the release noted was not counted after the upgrade"
        after = _versions(connection)
        assert before, "the release counted nothing"
        assert all(after[key] >= version for key, version in before.items()), "a cache version went back"
        _empty(connection)


@contextmanager
def _writing(dsn: str, workspace: str) -> Iterator[None]:
    """Have leads and drafts written from before until after; at the end, assert the success of every write."""
    begun, stop = Event(), Event()

    def write() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            host = Host(connection)
            while not stop.is_set():
                lead = host.lead(workspace)
                host.draft(lead)
                host.update("Lead", lead, status="needs_repair")
                begun.set()

    with ThreadPoolExecutor() as threads:
        writers = [threads.submit(write) for _ in range(2)]
        try:
            assert begun.wait(60)
            yield
        finally:
            stop.set()
        for writer in writers:
            writer.result()


def _run(release: Path, dsn: str, *arguments: str) -> str:
    """Run the release's own `inboxdb`; return its output."""
    environment = {**os.environ, "PYTHONPATH": str(release), "INBOXDB_DSN": dsn}
    command = [sys.executable, "-m", "inboxdb", *arguments]
    return subprocess.run(command, env=environment, cwd=release, check=True, text=True, stdout=subprocess.PIPE).stdout


def _versions(connection: psycopg.Connection[tuple[object, ...]]) -> dict[tuple[str, str], int]:
    rows = connection.execute("select client_id::text, family, version from inboxdb.cache_version")
    return {(str(workspace), str(family)): int(str(version)) for workspace, family, version in rows}


def _empty(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    tables = connection.execute(
        """
        select c.relnamespace::regnamespace::text, c.relname::text
        from pg_class as c
        where c.relnamespace in ('public'::regnamespace, 'inboxdb'::regnamespace)
          and c.relkind = 'r'
          and c.relname <> all (%s)
        """,
        (list(KEPT),),
    ).fetchall()
    names = SQL(", ").join(Identifier(str(space), str(name)) for space, name in tables)
    with connection.transaction():
        connection.execute(SQL("truncate table {} restart identity").format(names))
        for table in ("analytics_state", "drain_state", "search_state"):
            start = "insert into inboxdb.{} (read_from, server_started_at) values ('0', pg_postmaster_start_time())"
            connection.execute(SQL(start).format(Identifier(table)))
        connection.execute("select inboxdb.mark_all_inbox_counts_dirty()")

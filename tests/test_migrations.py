"""The migrations: each file's form, what they make, undo and leave, beside writers, other runners and crashes."""

import re
import shlex
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlencode

import pytest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from yoyo.migrations import topological_sort

from inboxdb.database import connection, sources
from inboxdb.database.errors import InboxdbError, MigrationFailed, MigrationsBusy
from inboxdb.demo import embedded
from inboxdb.install import migrate
from inboxdb.release import frozen, migration
from tests.catalog import COMMITTED, HOW_TO_WRITE, catalog, difference
from tests.interleave import DEADLINE, until
from tests.rows import GLOBAL, Host, live_counts, new_id, stored_counts
from tests.running import python, python_ends
from tests.servers import OWNER, Database

FILES = sorted(file for file in sources.MIGRATIONS.glob("*.sql") if not file.name.endswith(".rollback.sql"))
NAMES = [file.stem for file in FILES]
INDEXES, LEADS, ACCESS, LAST = "0003-host-indexes", "0006-lead-triggers", "0007-access", NAMES[-1]
FROM_LEADS = NAMES[NAMES.index(LEADS) :]


# The files


@pytest.mark.parametrize(("number", "file"), list(enumerate(FILES, 1)), ids=NAMES)
def test_file(number: int, file: Path) -> None:
    text = file.read_text()
    header, _, rest = text.partition("\n\n")
    by_hand = f"-- By hand: psql {{}}-v ON_ERROR_STOP=1 -f migrations/{file.name} ({{}})."
    assert re.fullmatch(rf"{number:04d}(-[a-z]+)+\.sql", file.name), "numbered without a gap, and named"
    assert header.startswith(f"-- inboxdb {number:04d}: ")
    assert re.search(r"^-- Locks: .+$", header, re.MULTILINE)
    assert "Duration: " in header
    assert f"\n-- Undo: {file.stem}.rollback.sql " in header
    assert re.findall(r"^-- depends: (.*)$", header, re.MULTILINE) == NAMES[: number - 1][-1:]

    rollback = file.with_suffix(".rollback.sql").read_text()
    assert rollback.startswith(f"-- Undoes {file.stem}: ")
    assert "\n-- Locks: " in rollback.partition("\n\n")[0]

    for statements in (rest, rollback.partition("\n\n")[2]):
        first = re.sub(r"^(--.*)?\n", "", statements, flags=re.MULTILINE)
        if "-- transactional: false" in header:
            assert first.startswith("set lock_timeout = 0;\nset statement_timeout = 0;\n")
            assert by_hand.format("", "NOT in a transaction") in header
        else:
            assert first.startswith("set local lock_timeout = '2s';\n")
            assert by_hand.format("-1 ", "one transaction") in header


def test_yoyo_reads_them_as_we_do() -> None:
    ours = migrate.shipped()
    read = {one.id: migrate.transactional(one) for one in ours}
    assert [one.id for one in topological_sort(ours[::-1])] == NAMES  # loads them
    assert read == {one.id: one.use_transactions for one in ours}
    assert set(read.values()) == {True, False}


def test_newest_body_of_each_source_is_that_of_sql() -> None:
    assert migration.carried(migration.files()).texts == migration.today(), "run `make migration`"


@pytest.mark.long
def test_migrations_are_as_they_would_be_written() -> None:
    stale = [file.name for file, text in migration.planned().items() if file.read_text() != text]
    assert not stale, "run `make migration`"


def test_files_of_the_last_release_are_as_they_were_released() -> None:
    assert not frozen.edits()


# What they make


def by_psql(database: Database) -> None:
    for file in FILES:
        run_psql(database, by_hand(file))


def by_contents(database: Database) -> None:
    run_psql(database, "-v ON_ERROR_STOP=1 -f sql/inboxdb.sql")


def by_yoyo(database: Database) -> None:
    database.connect().execute("create schema inboxdb")
    run_yoyo(database, "apply")


@pytest.mark.all_hosts
@pytest.mark.parametrize("install", [by_psql, by_contents, by_yoyo])
def test_every_way_makes_the_same_catalog(
    database: Database, bare_database: Database, install: Callable[[Database], None]
) -> None:
    install(bare_database)
    assert not difference(catalog(database.connect()), catalog(bare_database.connect()))


def test_catalog_is_the_committed_one(database: Database, bare_database: Database) -> None:
    added = difference(catalog(bare_database.connect()), catalog(database.connect()))
    assert added == COMMITTED.read_text(), HOW_TO_WRITE


# Up and down


@pytest.mark.all_hosts
def test_up_down_up_with_rows(bare_database: Database) -> None:
    owner = bare_database.connect()
    assert owner.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (False,)
    host = Host(bare_database.writer())
    workspace, setter = host.workspace(), new_id()
    lead = host.lead(workspace, assignedToUserId=setter, lastInboundAt="2024-01-01 00:00:00+00")
    host.draft(lead)
    host.ai_sent(lead)
    rows = host_rows(owner)
    bare = catalog(owner)

    assert migrate.apply(bare_database.dsn) == NAMES
    installed = catalog(owner)
    counts = drained(owner)
    assert counts[workspace].keys() == {GLOBAL, setter}
    assert counts[workspace][GLOBAL].ai_sent == counts[workspace][setter].ai_review == 1

    assert [undone.id for undone in migrate.rollback(bare_database.dsn, count=None)] == NAMES[::-1]
    assert difference(bare, catalog(owner)) == f"+ schema inboxdb owner={OWNER}\n"
    left = owner.execute("select relname from pg_class where relnamespace = 'inboxdb'::regnamespace and relkind = 'r'")
    assert {name for (name,) in left} == {"_yoyo_log", "_yoyo_migration", "_yoyo_version", "migration_text"}
    assert host_rows(owner) == rows

    assert migrate.apply(bare_database.dsn) == NAMES
    assert not difference(installed, catalog(owner))
    assert drained(owner) == counts
    assert host_rows(owner) == rows


@pytest.mark.long
def test_each_step_down_and_up(bare_database: Database) -> None:
    owner = bare_database.connect()
    owner.execute("create schema inboxdb")
    ladder = [catalog(owner)]
    for name in NAMES:
        assert migrate.apply(bare_database.dsn, batch=1) == [name]
        ladder.append(catalog(owner))
    assert migrate.apply(bare_database.dsn) == []

    for below, name, above in zip(ladder[-2::-1], NAMES[::-1], ladder[:0:-1], strict=True):
        assert [undone.id for undone in migrate.rollback(bare_database.dsn)] == [name]
        assert not difference(below, catalog(owner))
        assert migrate.apply(bare_database.dsn, batch=1) == [name]
        assert not difference(above, catalog(owner))
        migrate.rollback(bare_database.dsn)
    assert migrate.rollback(bare_database.dsn) == []


@pytest.mark.long
def test_yoyo_by_hand_and_ours_continue_each_other(bare_database: Database) -> None:
    owner = bare_database.connect()
    owner.execute("create schema inboxdb")
    bare = catalog(owner)

    run_yoyo(bare_database, "apply", "--revision", INDEXES)
    pending = NAMES[NAMES.index(INDEXES) + 1 :]
    assert not_applied(bare_database) == pending
    assert migrate.apply(bare_database.dsn) == pending
    assert re.findall(r"^([AU]) +(\S+)", run_yoyo(bare_database, "list"), re.MULTILINE) == [("A", n) for n in NAMES]

    run_yoyo(bare_database, "rollback", "--revision", pending[0])
    assert not_applied(bare_database) == pending
    assert len(migrate.rollback(bare_database.dsn, count=1)) == 1
    run_yoyo(bare_database, "rollback", "--all")
    assert not_applied(bare_database) == NAMES
    assert not difference(bare, catalog(owner))


# What goes wrong


def test_failed_migration_leaves_nothing(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours_with(tmp_path, monkeypatch, "9999-broken.sql", "create table inboxdb.half (id integer);\nselect 1 / 0;\n")
    owner = database.connect()
    before = catalog(owner)
    with pytest.raises(MigrationFailed) as failed:
        migrate.apply(database.dsn)
    assert "9999-broken" in str(failed.value)
    assert "22012" in str(failed.value)
    assert "division" not in str(failed.value), "a server's message may quote rows"
    assert not difference(before, catalog(owner))
    assert not_applied(database) == ["9999-broken"]


@pytest.mark.long
@pytest.mark.parametrize("table", ["_yoyo_migration", "migration_text"])
def test_migration_that_cannot_be_recorded_is_undone(
    table: str, threads: ThreadPoolExecutor, bare_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.apply(bare_database.dsn, batch=len(NAMES) - 1)
    owner = bare_database.connect()
    before = catalog(owner)
    monkeypatch.setattr(connection, "ATTEMPTS", 1)
    reader = bare_database.connect(autocommit=False)
    reader.execute(f"lock table inboxdb.{table} in share mode")
    with pytest.raises(MigrationFailed, match="55P03"):
        threads.submit(migrate.apply, bare_database.dsn).result(DEADLINE)
    assert not difference(before, catalog(owner))
    reader.rollback()
    assert migrate.apply(bare_database.dsn) == [LAST]


def test_missing_rollback_file_undoes_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = ours_with(tmp_path, monkeypatch)
    (copy / f"{NAMES[-2]}.rollback.sql").unlink()
    (copy / sources.CHECKSUMS).write_text(sources.checksums())
    before = catalog(database.connect())
    with pytest.raises(InboxdbError, match=NAMES[-2]):
        migrate.rollback(database.dsn, count=None)
    assert not difference(before, catalog(database.connect()))
    assert not_applied(database) == []


@pytest.mark.parametrize("interrupt", ["pg_cancel_backend", "pg_terminate_backend"])
def test_interrupted_index_build(
    threads: ThreadPoolExecutor, bare_database: Database, database: Database, interrupt: str
) -> None:
    reader = holding_a_snapshot(bare_database)
    interrupted_build(threads, bare_database, reader, interrupt)
    owner = bare_database.connect()
    assert not_applied(bare_database)[0] == INDEXES
    assert bool(invalid_indexes(owner)) == (interrupt == "pg_terminate_backend"), "a cancelled build is cleared away"

    reader.rollback()
    assert migrate.apply(bare_database.dsn)[0] == INDEXES
    assert not invalid_indexes(owner)
    assert not difference(catalog(database.connect()), catalog(owner))


def test_lost_connection_is_not_logged_in_the_servers_words(
    threads: ThreadPoolExecutor, bare_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    interrupted_build(threads, bare_database, holding_a_snapshot(bare_database), "pg_terminate_backend")
    assert not caplog.records


def test_lock_that_is_not_free_is_tried_again_and_stops_no_writer(
    threads: ThreadPoolExecutor, bare_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PAUSE", (0.0, 0.0))
    workspace = Host(bare_database.writer()).workspace()
    holder = holding_lead(bare_database)
    applying = threads.submit(migrate.apply, bare_database.dsn)
    waiting_for(holder, bare_database)

    # A writer comes to wait behind the migration, and goes on although nobody else does: the migration made way.
    writer = bare_database.writer(options="-c statement_timeout=30s")
    writing = threads.submit(Host(writer).lead, workspace)
    until(lambda: waits(bare_database, writer.info.backend_pid))
    writing.result(DEADLINE)
    assert not applying.done()
    assert not_applied(bare_database) == FROM_LEADS

    holder.rollback()
    assert applying.result(DEADLINE) == NAMES


def test_file_runs_as_it_is_with_the_lock_timeout_that_is_asked_for(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """set local lock_timeout = '2s';
create table if not exists inboxdb.seen (setting text);
insert into inboxdb.seen values ('{} ' || current_setting('lock_timeout'));
"""
    copy = ours_with(tmp_path, monkeypatch, "9999-seen.sql", text.format("up"))
    (copy / "9999-seen.rollback.sql").write_text(text.format("down"))
    (copy / sources.CHECKSUMS).write_text(sources.checksums())
    assert migrate.apply(database.dsn, lock_timeout=0.25) == ["9999-seen"]
    assert "set local lock_timeout = '2s';\ncreate table" in kept_text(database, "9999-seen")
    assert [one.id for one in migrate.rollback(database.dsn, lock_timeout=7)] == ["9999-seen"]
    assert database.connect().execute("select setting from inboxdb.seen").fetchall() == [("up 250ms",), ("down 7s",)]


def test_lock_that_never_comes_free(bare_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ATTEMPTS", 1)
    holder = holding_lead(bare_database)
    with pytest.raises(MigrationFailed, match=LEADS) as failed:
        migrate.apply(bare_database.dsn)
    assert "55P03" in str(failed.value)
    assert not_applied(bare_database) == FROM_LEADS, "the ones before it stand"
    holder.rollback()
    assert migrate.apply(bare_database.dsn) == FROM_LEADS


def test_two_runners(threads: ThreadPoolExecutor, bare_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    # In the middle of CREATE INDEX CONCURRENTLY, which a second runner would deadlock if it waited with a snapshot.
    reader = holding_a_snapshot(bare_database)
    first = threads.submit(migrate.apply, bare_database.dsn)
    waiting_for(reader, bare_database)

    monkeypatch.setattr(migrate, "PATIENCE", 0.0)
    refused = threads.submit(migrate.apply, bare_database.dsn)
    with pytest.raises(MigrationsBusy):
        refused.result(DEADLINE)

    monkeypatch.setattr(migrate, "PATIENCE", DEADLINE)
    second = threads.submit(migrate.apply, bare_database.dsn)
    until(lambda: len(runners(bare_database)) == 2)
    reader.rollback()
    assert first.result(DEADLINE) == NAMES
    assert second.result(DEADLINE) == []


def test_killed_runner_leaves_no_lock(bare_database: Database) -> None:
    holder = holding_lead(bare_database)
    killed_while_it_waits_for(holder, bare_database)
    assert not_applied(bare_database) == FROM_LEADS
    holder.rollback()
    assert migrate.apply(bare_database.dsn) == FROM_LEADS


@pytest.mark.long
def test_runner_killed_before_each_migration(bare_database: Database, database: Database) -> None:
    apply = (
        "import os, signal, sys; from inboxdb.install import migrate\n"
        "def kill(name):\n"
        "    if name == sys.argv[2]: os.kill(os.getpid(), signal.SIGKILL)\n"
        "migrate.apply(sys.argv[1], on_step=kill)"
    )
    for name in NAMES:
        assert python_ends(apply, bare_database.dsn, name) == -signal.SIGKILL
        assert not_applied(bare_database) == NAMES[NAMES.index(name) :]
    resumes(bare_database, database, NAMES[-1:])


@pytest.mark.long
def test_runner_killed_at_the_end_of_each_migration(bare_database: Database, database: Database) -> None:
    migrate.apply(bare_database.dsn, batch=0)
    for name in NAMES:
        # its statements have run, and it is about to be recorded
        reader = bare_database.connect(autocommit=False)
        reader.execute("lock table inboxdb._yoyo_migration in share mode")
        killed_while_it_waits_for(reader, bare_database)
        reader.rollback()
        if name != NAMES[-1]:
            assert migrate.apply(bare_database.dsn, batch=1) == [name]
    resumes(bare_database, database, NAMES[-1:])


def test_runner_killed_while_it_builds_an_index(bare_database: Database, database: Database) -> None:
    reader = holding_a_snapshot(bare_database)
    killed_while_it_waits_for(reader, bare_database)
    until(lambda: not runners(bare_database))
    assert invalid_indexes(bare_database.connect())
    reader.rollback()
    resumes(bare_database, database, NAMES[NAMES.index(INDEXES) :])
    assert not invalid_indexes(bare_database.connect())


UNDO = "import sys; from inboxdb.install import migrate; migrate.rollback(sys.argv[1], count=None)"


@pytest.mark.long
def test_runner_killed_before_it_undoes_each_migration(bare_database: Database, database: Database) -> None:
    bare = catalog(bare_database.connect())
    undo = (
        "import os, signal, sys; from inboxdb.install import migrate\n"
        "def kill(name):\n"
        "    if name == sys.argv[2]: os.kill(os.getpid(), signal.SIGKILL)\n"
        "migrate.rollback(sys.argv[1], count=None, on_step=kill)"
    )
    for name in reversed(NAMES):
        assert python_ends(undo, database.dsn, name) == -signal.SIGKILL
        assert not_applied(database) == NAMES[NAMES.index(name) + 1 :]
    goes_on_undoing(database, bare, NAMES[0])


@pytest.mark.long
def test_runner_killed_at_the_end_of_undoing_each_migration(bare_database: Database, database: Database) -> None:
    bare = catalog(bare_database.connect())
    for name in reversed(NAMES):
        # its statements have run, and it is about to be recorded
        reader = database.connect(autocommit=False)
        reader.execute("lock table inboxdb._yoyo_migration in share mode")
        killed_while_it_waits_for(reader, database, UNDO)
        reader.rollback()
        if name != NAMES[0]:
            assert [one.id for one in migrate.rollback(database.dsn, count=1)] == [name]
    goes_on_undoing(database, bare, NAMES[0])


def test_runner_killed_while_it_drops_an_index(bare_database: Database, database: Database) -> None:
    bare = catalog(bare_database.connect())
    migrate.rollback(database.dsn, to=INDEXES)
    reader = database.connect(autocommit=False)
    reader.execute('lock table "Message" in access share mode')
    killed_while_it_waits_for(reader, database, UNDO)
    until(lambda: not runners(database))
    assert invalid_indexes(database.connect())
    reader.rollback()
    goes_on_undoing(database, bare, INDEXES)


# Beside writers


def test_no_write_before_the_last_trigger_is_lost(threads: ThreadPoolExecutor, bare_database: Database) -> None:
    owner = bare_database.connect()
    host = Host(bare_database.writer())
    workspace = host.workspace()
    host.lead(workspace)

    # This write is committed before the last trigger exists, and after a drain that took all that was marked by then.
    late = holding_lead(bare_database)
    Host(late).lead(workspace)
    applying = threads.submit(migrate.apply, bare_database.dsn)
    waiting_for(late, bare_database)
    drained(owner)
    late.commit()
    assert applying.result(DEADLINE) == NAMES
    assert drained(owner)[workspace][GLOBAL].total == 2

    host.lead(workspace)
    assert drained(owner)[workspace][GLOBAL].total == 3


@pytest.mark.all_hosts
def test_install_while_writers_write(threads: ThreadPoolExecutor, bare_database: Database) -> None:
    workspaces = [Host(bare_database.writer()).workspace() for _ in range(2)]
    begun, stop = Event(), Event()

    def write() -> int:
        host = Host(bare_database.writer())
        leads: list[str] = []
        while not stop.is_set():
            leads.append(host.lead(workspaces[len(leads) % 2]))
            host.draft(leads[-1])
            host.update("Lead", leads[len(leads) // 2], clientId=workspaces[0], status="needs_repair")
            if len(leads) > 20:
                begun.set()
        return len(leads)

    writers = [threads.submit(write) for _ in range(3)]
    assert begun.wait(DEADLINE)
    try:
        assert migrate.apply(bare_database.dsn) == NAMES
    finally:
        stop.set()
    written = sum(writer.result(DEADLINE) for writer in writers)

    owner = bare_database.connect()
    counts = drained(owner)
    assert counts == {workspace: live_counts(owner, workspace) for workspace in workspaces}
    assert sum(scopes[GLOBAL].ai_review for scopes in counts.values()) == written


# Helpers


@pytest.fixture
def threads(bare_database: Database) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as threads:
        yield threads
        # frees whoever a failed test left waiting
        bare_database.connections.close()


def by_hand(file: Path) -> str:
    """Read the options of psql that the top of a migration names."""
    found = re.search(r"^-- By hand: psql (.*) \(", file.read_text(), re.MULTILINE)
    assert found
    return found[1]


def run_psql(database: Database, options: str) -> None:
    command = [str(embedded.binaries(18) / "psql"), "--no-psqlrc", "--dbname", database.dsn, *shlex.split(options)]
    result = subprocess.run(command, cwd=sources.ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def run_yoyo(database: Database, command: str, *options: str) -> str:
    known = conninfo_to_dict(database.dsn)
    parts = {"host": known["host"], "port": known["port"], "schema": "inboxdb"}
    uri = f"postgresql+psycopg://{known['user']}:{known['password']}@/{known['dbname']}?{urlencode(parts)}"
    yoyo = Path(sysconfig.get_path("scripts")) / "yoyo"
    arguments = ["--batch", "--no-config-file", "--database", uri, "migrations"]
    result = subprocess.run([yoyo, command, *options, *arguments], cwd=sources.ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def ours_with(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "", text: str = "") -> Path:
    """Have our runner use a copy of the migrations, one file added if named."""
    copy = Path(shutil.copytree(sources.MIGRATIONS, folder / "migrations"))
    if name:
        (copy / name).write_text(f"-- depends: {LAST}\n\n{text}")
    monkeypatch.setattr(sources, "MIGRATIONS", copy)
    (copy / sources.CHECKSUMS).write_text(sources.checksums())
    return copy


def not_applied(database: Database) -> list[str]:
    return [migration.id for migration in migrate.status(database.dsn) if migration.applied_at is None]


def kept_text(database: Database, name: str) -> str:
    query = "select body from inboxdb.migration_text where migration_id = %s"
    [(body,)] = database.connect().execute(query, (name,)).fetchall()
    return str(body)


def host_rows(owner: Connection[Any]) -> dict[str, Any]:
    """Fingerprint the rows of each of the host's tables."""
    tables = owner.execute("select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'")
    fingerprint = 'select md5(string_agg(t::text, chr(10) order by t::text)) from public."{}" as t'
    return {table: owner.execute(fingerprint.format(table)).fetchone() for (table,) in tables.fetchall()}


def drained(owner: Connection[Any]) -> dict[str, Any]:
    """Drain whatever is dirty, and read all the counts."""
    owner.execute("call inboxdb.drain_dirty()")
    return stored_counts(owner)


def holding_a_snapshot(database: Database) -> Connection[Any]:
    """Begin a transaction that lets no index be finished concurrently."""
    reader = database.connect(autocommit=False)
    reader.execute("set transaction isolation level repeatable read")
    reader.execute("select")
    return reader


def interrupted_build(threads: ThreadPoolExecutor, database: Database, reader: Connection[Any], interrupt: str) -> None:
    """Apply until an index build waits for `reader`, and end it with a function of the server's."""
    applying = threads.submit(migrate.apply, database.dsn)
    [builder] = waiting_for(reader, database)
    database.connect().execute(f"select {interrupt}(%s)", [builder])
    with pytest.raises(MigrationFailed, match=INDEXES):
        applying.result(DEADLINE)


def holding_lead(database: Database) -> Connection[Any]:
    """Begin a transaction that holds "Lead" as a writer does."""
    holder = database.writer(autocommit=False)
    holder.execute('lock table public."Lead" in row exclusive mode')
    return holder


APPLY = "import sys; from inboxdb.install import migrate; migrate.apply(sys.argv[1])"


def killed_while_it_waits_for(holder: Connection[Any], database: Database, program: str = APPLY) -> None:
    """Run a program until a lock that `holder` holds is in its way, and kill it then."""
    runner = python(program, database.dsn)
    try:
        waiting_for(holder, database)
    finally:
        runner.kill()
    runner.join()
    assert runner.exitcode == -signal.SIGKILL


def resumes(killed: Database, whole: Database, pending: list[str]) -> None:
    """See that a runner goes on where the one that was killed stopped, and ends with a whole installation."""
    assert migrate.apply(killed.dsn) == pending
    assert {one.state for one in migrate.status(killed.dsn)} == {"applied"}
    assert not difference(catalog(whole.connect()), catalog(killed.connect()))
    [(runs,)] = killed.connect().execute("select count(*) from inboxdb._yoyo_log").fetchall()
    assert runs == len(NAMES), "each is recorded once"


def goes_on_undoing(killed: Database, bare: list[str], name: str) -> None:
    """See that a rollback goes on where the one that was killed stopped, and leaves nothing but the ledger."""
    owner = killed.connect()
    assert [one.id for one in migrate.rollback(killed.dsn, count=None)] == NAMES[NAMES.index(name) :: -1]
    assert {one.state for one in migrate.status(killed.dsn)} == {"pending"}
    assert difference(bare, catalog(owner)) == f"+ schema inboxdb owner={OWNER}\n"
    undone = "select count(*) from inboxdb._yoyo_log where operation = 'rollback'"
    assert owner.execute(undone).fetchone() == (len(NAMES),), "each is recorded once"


RUNNERS = "select pid from pg_stat_activity where datname = current_database() and application_name = 'inboxdb migrate'"


def runners(database: Database) -> list[int]:
    return [pid for (pid,) in database.connect().execute(RUNNERS)]


def waits(database: Database, pid: int) -> list[int]:
    """Say which sessions a session is waiting for."""
    row = database.connect().execute("select pg_blocking_pids(%s)", [pid]).fetchone()
    assert row
    blocking: list[int] = row[0]
    return blocking


def waiting_for(holder: Connection[Any], database: Database) -> list[int]:
    """Return the migration runners that wait for `holder`, once there are any."""
    watcher = database.connect()
    query = f"{RUNNERS} and %s = any (pg_blocking_pids(pid))"
    return until(lambda: [pid for (pid,) in watcher.execute(query, [holder.info.backend_pid])])


def invalid_indexes(owner: Connection[Any]) -> list[Any]:
    return owner.execute("select indexrelid::regclass from pg_index where not indisvalid").fetchall()

"""The life of an installation on a host that never rests, by the commands that a DBA types.

Writers and readers of the application's go on from before the installation until after it is gone. None of their
statements may fail, or wait for a lock of ours for longer than the lock_timeout that we were given.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import Connection

from inboxdb import cli
from inboxdb.database import connection, sources
from inboxdb.demo import embedded
from inboxdb.install import ledger
from tests import test_doctor as doctors
from tests.catalog import catalog, difference
from tests.interleave import DEADLINE, until
from tests.redis_server import RedisServer
from tests.rows import GLOBAL, Host, live_counts, new_id, stored_counts
from tests.running import drains, own_postgres, programs
from tests.servers import DRAINER, MEMBER, OWNER, WRITER, Database, Server
from tests.test_doctor import own_server
from tests.test_migrations import FILES, LEADS, NAMES, holding_lead, waiting_for

__all__ = ["own_server"]

LOCK_TIMEOUT = 0.5  # seconds, for whatever of ours stops writers

# A writer that waits for a lock for as long fails: our lock_timeout, what waits for it being writers as well, and a
# machine that is busy with other things.
WRITERS_PATIENCE = "4s"

NAMED = ("--trust", WRITER, "--restrict", "authenticated")


class Session:
    """Somebody of the application's, who does something again and again until told to stop, or until it fails."""

    def __init__(self, opened: Connection[Any], work: Callable[[Connection[Any]], None]) -> None:
        """Start."""
        self.done = 0
        self.error: BaseException | None = None
        self._opened = opened
        self._work = work
        self._go, self._rests, self._stop = Event(), Event(), Event()
        self._go.set()
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if not self._go.is_set():
                    self._rests.set()
                    self._go.wait()
                    self._rests.clear()
                    continue
                self._work(self._opened)
                self.done += 1
                self._stop.wait(0.01)
        except BaseException as error:
            self.error = error
        finally:
            self._rests.set()

    @property
    def is_at_work(self) -> bool:
        """Whether it has neither failed nor been told to stop."""
        return self._thread.is_alive()

    def rest(self) -> None:
        """Do nothing until `go_on`."""
        self._go.clear()
        assert self._rests.wait(DEADLINE)

    def go_on(self) -> None:
        """End the rest."""
        self._go.set()

    def end(self) -> None:
        """Stop."""
        self._stop.set()
        self._go.set()
        self._thread.join(DEADLINE)


class Busy:
    """The application at work."""

    def __init__(self, database: Database) -> None:
        """Make a few workspaces and start."""
        self.database = database
        host = Host(database.writer())
        self.member = new_id()
        self.workspaces = [host.workspace(userId=self.member) for _ in range(6)]
        self.sessions: list[Session] = []
        for seed in range(3):
            self.start(WRITER, partial(self.write, Random(seed)))
        self.start(WRITER, self.read)

    def start(self, role: str, work: Callable[[Connection[Any]], None], *before: str) -> Session:
        """Let somebody in, who connects as `role` and runs the statements `before` first."""
        opened = self.database.connect(role, options=f"-c lock_timeout={WRITERS_PATIENCE}")
        for statement in before:
            opened.execute(statement.encode())
        self.sessions.append(Session(opened, work))
        return self.sessions[-1]

    def write(self, dice: Random, opened: Connection[Any]) -> None:
        """Do one of the things that the application does, to a lead that nobody else writes."""
        host = Host(opened)
        lead = host.lead(
            dice.choice(self.workspaces),
            assignedToUserId=dice.choice((None, self.member)),
            sentimentTag="Interested",
        )
        host.update("Lead", lead, lastInboundAt="2024-05-01 00:00:00+00")
        what = dice.randrange(4)
        if what == 0:
            host.update("Lead", lead, status=dice.choice(("needs_repair", "blacklisted")))
        elif what == 1:
            host.draft(lead)
        elif what == 2:
            with opened.transaction():
                host.ai_sent(lead)
                host.update("Lead", lead, lastZrgOutboundAt="2024-05-02 00:00:00+00")
        else:
            host.delete("Lead", lead)

    def read(self, opened: Connection[Any]) -> None:
        """Read what the application reads without us."""
        opened.execute('select count(*) from public."Lead" where "clientId" = %s', [self.workspaces[0]])

    def read_counts(self, opened: Connection[Any]) -> None:
        """Read a member's counts."""
        assert opened.execute("select from inbox_api.inbox_counts(%s)", [self.workspaces[0]]).rowcount == 1

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Let everybody rest for as long as the block lasts, so that what there is can be compared."""
        for session in self.sessions:
            session.rest()
        self.check()
        try:
            yield
        finally:
            for session in self.sessions:
                session.go_on()

    def goes_on(self) -> None:
        """Return once everybody who is at work has done something more, each of them."""
        then = [(session, session.done + 3) for session in self.sessions if session.is_at_work]
        until(lambda: all(one.done >= wanted or one.error for one, wanted in then))
        self.check()

    def check(self) -> None:
        """Fail where anything failed."""
        for session in self.sessions:
            if session.error:
                raise AssertionError("the application failed") from session.error


class Life:
    """An installation, and the DBA at the command line."""

    def __init__(self, database: Database, busy: Busy) -> None:
        """Begin on a host without inboxdb."""
        self.database = database
        self.busy = busy
        self.owner = database.connect()

    def run(self, *arguments: str, status: int = 0, dsn: str | None = None) -> Result:
        """Type a command, which has to end with this status; the host goes on."""
        result = CliRunner().invoke(cli.main, [*arguments, "--dsn", dsn or self.database.dsn])
        assert result.exit_code == status, (arguments, result.output, result.exc_info)
        return result

    def stop_writers(self, *arguments: str, status: int = 0) -> Result:
        """Type one that stops writers for a moment."""
        result = self.run(*arguments, "--lock-timeout", str(LOCK_TIMEOUT), status=status)
        self.busy.goes_on()
        return result

    def kill(self, *arguments: str) -> None:
        """Type one that runs migrations, and kill it when it has run one and is about to record it."""
        holder = self.database.connect(autocommit=False)
        holder.execute("lock table inboxdb._yoyo_migration in share mode")
        runner = subprocess.Popen(
            [sys.executable, "-m", "inboxdb", *arguments],
            env={**os.environ, "INBOXDB_DSN": self.database.dsn},
            stderr=subprocess.DEVNULL,
        )
        try:
            backends = waiting_for(holder, self.database)
        finally:
            runner.kill()
            holder.rollback()
        assert runner.wait() == -signal.SIGKILL
        query = "select from pg_stat_activity where pid = any (%s)"
        until(lambda: self.owner.execute(query, [backends]).rowcount == 0)

    def apply(self, migration: str, *options: str) -> None:
        """Apply up to a migration, which is killed twice first."""
        for _ in range(2):
            self.kill("migrate", "apply", "--to", migration, *options)
        self.stop_writers("migrate", "apply", "--to", migration, *options)

    def all_is_counted(self) -> None:
        """Whatever was written until now is counted."""

        def agree() -> bool:
            self.owner.execute("call inboxdb.drain_dirty()")
            ids = self.owner.execute('select id from public."Client"').fetchall()
            live = {workspace: live_counts(self.owner, workspace) for (workspace,) in ids}
            assert all(live[workspace][GLOBAL].total for workspace in self.busy.workspaces)
            return stored_counts(self.owner) == live

        with self.busy.resting():
            until(agree)


# The faults that the doctor is to find, planted and mended as its own tests do it, but one after the other, in a
# database that has been through a lot.


def impatient(queries: Path) -> None:
    """Let whatever holds the horizon be old."""
    file = queries / "horizon.sql"
    file.write_text(file.read_text().replace("values (300, 3600, 1000000,", "values (0, 3600, 0,"))


def hold_horizon(database: Database, queries: Path) -> None:
    impatient(queries)
    doctors.test_session_holds_the_horizon(database, "repeatable read")
    doctors.test_prepared_transaction_holds_the_horizon(database)


def change_type(database: Database) -> None:
    owner = database.connect()
    doctors.test_host_column_of_another_type(database)
    owner.execute('alter table public."AIDraft" alter column id type text')
    owner.execute(MESSAGES_OF_DRAFTS)


MESSAGES_OF_DRAFTS = """
alter table public."Message" add constraint "Message_aiDraftId_fkey"
foreign key ("aiDraftId") references public."AIDraft" (id) on update cascade on delete set null
"""

Plant = Callable[[Database, RedisServer, Path, Path], object]

FAULTS: dict[str, Plant] = {
    "nobody drains": lambda database, *_: doctors.test_nobody_drains_any_more(database),
    "the oldest change is too old": lambda database, *_: doctors.test_oldest_change_is_too_old(database),
    "a trigger is off": lambda database, *_: doctors.test_trigger_is_off(database, "disable trigger user", "disabled"),
    "a trigger is lost": lambda database, *_: doctors.test_trigger_is_lost(database),
    "triggers are bypassed": lambda database, *_: doctors.test_session_replication_role(database, doctors.ROLE),
    "changes were missed": lambda database, *_: doctors.test_workspace_that_was_missed(database),
    "an index is dropped": lambda database, *_: doctors.test_index_is_dropped(database),
    "an index is invalid": lambda database, *_: doctors.test_index_is_invalid(database),
    "row-level security is off": lambda database, *_: doctors.test_row_security_is_off_on_leads(database),
    "a restricted role bypasses it": lambda database, *_: doctors.test_restricted_role_bypasses_policies(database),
    "grants are wider": lambda database, *_: doctors.test_grants_are_wider(
        database, f"grant select on inboxdb.inbox_counts to {WRITER}"
    ),
    "the horizon is held": lambda database, _, queries, __: hold_horizon(database, queries),
    "by a slot": lambda database, *_: doctors.test_unused_slot_holds_the_horizon(database),
    "autovacuum is behind": lambda database, *_: doctors.test_autovacuum_is_behind(database),
    "leads have a replica identity": lambda database, *_: doctors.test_replica_identity(database, "full"),
    "a host column has another type": lambda database, *_: change_type(database),
    "a workspace is quarantined": lambda database, *_: doctors.test_workspace_is_quarantined(database),
    "Redis is behind": lambda database, redis, *_: doctors.test_redis_is_behind(database, redis),
    "the server leaks": lambda database, _, queries, __: doctors.test_server_version(
        database, queries, 170001, {"CVE-2025-8713"}, "17.6"
    ),
    "Prisma manages a schema of ours": lambda database, _, __, folder: doctors.test_prisma_manages_a_schema_of_ours(
        database, folder
    ),
    "a table of ours is in public": lambda database, *_: doctors.test_ledger_of_yoyo_in_public(database),
}


@pytest.fixture
def database(own_server: Server) -> Iterator[Database]:
    with own_server.database("text", installed=False) as database:
        yield database


@pytest.fixture
def busy(database: Database) -> Iterator[Busy]:
    busy = Busy(database)
    yield busy
    for session in busy.sessions:
        session.end()


@pytest.fixture
def life(database: Database, busy: Busy, monkeypatch: pytest.MonkeyPatch) -> Life:
    monkeypatch.setattr(connection, "PAUSE", (0.0, 0.1))
    return Life(database, busy)


@pytest.mark.slow
def test_the_life_of_an_installation(
    life: Life,
    redis: RedisServer,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database, busy, owner = life.database, life.busy, life.owner
    before = catalog(owner)

    # It is shown first.
    life.run("rls", "plan")
    plan = json.loads(life.run("migrate", "plan", "--json").stdout)
    assert [step["id"] for step in plan["steps"]] == NAMES
    life.run("migrate", "plan", "--sql")
    assert not difference(before, catalog(owner))

    # A first version, each of its migrations killed twice on the way. The last one meets a long transaction.
    owner.execute("create schema inboxdb")
    owner.execute(ledger.MAKE)
    leads, *others = NAMES[NAMES.index(LEADS) :]
    first_ones = NAMES[: NAMES.index(LEADS)]
    for migration in first_ones:
        life.apply(migration)
    holder = holding_lead(database)
    assert "55P03" in life.stop_writers("migrate", "apply", "--to", leads, status=1).stderr
    holder.rollback()
    life.apply(leads)
    life.all_is_counted()

    # Files that were edited are refused.
    with monkeypatch.context() as patch:
        copy = Path(shutil.copytree(sources.MIGRATIONS, tmp_path / "migrations"))
        patch.setattr(sources, "MIGRATIONS", copy)
        (copy / FILES[0].name).write_text(FILES[0].read_text() + "-- edited\n")
        assert FILES[0].name in life.stop_writers("migrate", "apply", *NAMED, status=1).stderr
        (copy / sources.CHECKSUMS).write_text(sources.checksums())
        assert "-- edited" in life.stop_writers("migrate", "apply", *NAMED, status=1).stderr

    # The upgrade to what is shipped now, which asks who may see what. From now on counts are read, too.
    assert WRITER in life.stop_writers("migrate", "apply", status=1).stderr
    life.apply(others[-1], *NAMED)
    installed = catalog(owner)
    life.run("migrate", "verify")
    life.run("drain-dirty", "--workers", "2")
    signed_in = f"set request.jwt.claims = '{json.dumps({'sub': busy.member})}'"
    readers = busy.start(MEMBER, busy.read_counts, "set role authenticated", signed_in)

    with programs(database.dsn_of(DRAINER)) as start:
        worker = start("drain-dirty", "--watch")
        until(lambda: drains(owner))
        life.all_is_counted()

        # The host's own migration, which fails beside us, and does not when we step aside.
        changed = 'alter table public."Lead" alter column status type varchar(200)'
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            owner.execute(changed)
        life.stop_writers("migrate", "suspend")
        owner.execute(changed)
        busy.goes_on()
        owner.execute('alter table public."Lead" alter column status type text')
        life.stop_writers("migrate", "resume")
        assert not difference(installed, catalog(owner))
        life.all_is_counted()

        worker.signal(signal.SIGTERM)
        assert worker.end()[0] == 0

    # A dump, restored beside it.
    with restored(life, own_postgres(request.config), tmp_path) as copy_dsn:
        for command in (("drain-dirty",), ("verify",), ("migrate", "verify"), ("doctor",)):
            life.run(*command, dsn=copy_dsn)

    # Back and forth.
    readers.end()
    life.run("rls", "off")
    life.stop_writers("migrate", "rollback", "--to", first_ones[1])
    life.stop_writers("migrate", "apply", *NAMED)
    assert not difference(installed, catalog(owner))
    life.all_is_counted()

    # Each fault is found, and no other; what the doctor says to do mends it.
    with busy.resting():
        for number, plant in enumerate(FAULTS.values()):
            folder = tmp_path / str(number)
            with monkeypatch.context() as patch:
                patch.setattr(sources, "SQL", Path(shutil.copytree(sources.SQL, folder / "sql")))
                life.run("drain-dirty")
                plant(database, redis, folder / "sql" / "checks" / "doctor", folder)
            # it may have stopped the clock
            life.run("migrate", "verify", "--repair")
        life.run("publication", "off")
        owner.execute("drop function public.nothing(); drop table public._prisma_migrations")  # what the tests made
    life.all_is_counted()

    # What was damaged is mended, and what was written meanwhile counted.
    owner.execute('drop trigger inboxdb_note_update on public."Lead"')
    owner.execute("drop function inboxdb.recompute_inbox_counts")
    owner.execute('alter policy inboxdb_member on public."Lead" using (true)')
    busy.goes_on()
    life.run("migrate", "verify", status=3)
    life.run("migrate", "verify", "--repair")
    assert not difference(installed, catalog(owner))
    life.all_is_counted()

    # And it is gone.
    life.run("rls", "off")
    life.stop_writers("uninstall", "--yes")
    assert not difference(before, catalog(owner))


@contextmanager
def restored(life: Life, postgres: int | Path, folder: Path) -> Iterator[str]:
    """Dump the database, as the host goes on, and lend what it was restored into, as its owner's connection string."""
    programs = embedded.binaries(postgres) if isinstance(postgres, int) else postgres
    server, name = life.database.server, f"{life.database.name}_restored"
    dump = str(folder / "dump")
    superuser = life.database.superuser()
    subprocess.run([programs / "pg_dump", "-Fc", "-f", dump, server.dsn_of(life.database.name)], check=True)
    superuser.execute(f"create database {name} template template0")
    try:
        subprocess.run([programs / "pg_restore", "-e", "-d", server.dsn_of(name), dump], check=True)
        yield server.dsn_of(name, OWNER)
    finally:
        superuser.execute(f"drop database {name} with (force)")

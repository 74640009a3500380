"""The host at work, all through the life of an installation: no statement fails, none waits for long.

Its writers and readers have no right in inboxdb. Writers passing between our attempts at a lock are forced step by
step in tests/test_suspend.py and tests/test_migrations.py; here waits are held to a bound under load, and while a
long transaction is in our way.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from inboxdb.database import connection
from inboxdb.install import access, migrate
from inboxdb.install.access import Named
from inboxdb.install.suspend import resume, suspend
from inboxdb.install.uninstall import uninstall
from tests.catalog import catalog, difference
from tests.interleave import DEADLINE, until
from tests.rows import Host, live_counts, stored_counts
from tests.servers import WRITER, Database

LOCK_TIMEOUT = 0.5  # seconds, ours; the host's statements queue behind us for as long
# Beyond lock_timeout: time for the statement itself, and for our work under the lock, on a loaded machine.
SLACK = 2.0
HALF = "0004-client-triggers"


class Traffic:
    """The statements of the host's connections: how long each took, by kind."""

    def __init__(self, database: Database, threads: ThreadPoolExecutor) -> None:
        self.database, self.threads = database, threads
        self.stop = Event()
        self.longest: dict[str, float] = {}
        self.statements = 0
        host = Host(database.writer())
        self.workspaces = [host.workspace() for _ in range(3)]
        self.running: list[Future[None]] = [
            *(threads.submit(self._write, number) for number in range(3)),
            threads.submit(self._read),
        ]
        self.goes_on()

    def goes_on(self) -> None:
        """Return once every kind of statement went through from here on; raise the first error, if any."""
        self.longest_before = dict(self.longest)
        seen, kinds = self.statements, 60

        def progressed() -> bool:
            for one in self.running:
                if one.done():
                    one.result()
            return self.statements > seen + kinds

        until(progressed)

    def end(self) -> None:
        self.stop.set()
        for one in self.running:
            one.result(DEADLINE)

    def _timed(self, kind: str, statement: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        began = time.monotonic()
        answer = statement(*arguments, **options)
        self.longest[kind] = max(self.longest.get(kind, 0), time.monotonic() - began)
        self.statements += 1
        return answer

    def _write(self, number: int) -> None:
        """Write as the application does: several tables in a transaction, in either order."""
        writer = self.database.writer(autocommit=False)
        host = Host(writer)
        home, other = self.workspaces[number], self.workspaces[number - 1]
        turn = 0
        while not self.stop.is_set():
            turn += 1
            lead = self._timed("insert lead", host.lead, home)
            draft = self._timed("insert draft", host.draft, lead)
            if turn % 2:
                writer.commit()
            self._timed("insert message", host.message, lead)
            self._timed("update draft", host.update, "AIDraft", draft, status="approved")
            self._timed("update lead", host.update, "Lead", lead, status="needs_repair", clientId=other)
            if turn % 3 == 0:
                self._timed("delete draft", host.delete, "AIDraft", draft)
                self._timed("delete lead", host.delete, "Lead", lead)
            if turn % 4 == 0:
                empty = self._timed("insert client", host.workspace)
                self._timed("delete client", host.delete, "Client", empty)
            self._timed("commit", writer.commit)

    def _read(self) -> None:
        reader = self.database.writer()
        while not self.stop.is_set():
            self._timed("read", reader.execute, 'select count(*) from public."Lead" where status <> %s', ["x"])


@contextmanager
def traffic(database: Database) -> Iterator[Traffic]:
    with ThreadPoolExecutor() as threads:
        busy = Traffic(database, threads)
        try:
            yield busy
        finally:
            busy.stop.set()
        busy.end()
        kinds = 11
        assert len(busy.longest) == kinds, "every kind of statement ran"
        slow = {kind: seconds for kind, seconds in busy.longest.items() if seconds > LOCK_TIMEOUT + SLACK}
        assert not slow


def steps(dsn: str, owner: Any) -> dict[str, Callable[[], object]]:
    timeout = LOCK_TIMEOUT
    return {
        "half": lambda: migrate.apply(dsn, to=HALF, lock_timeout=timeout),
        "upgrade": lambda: migrate.apply(dsn, lock_timeout=timeout),
        "rls on": lambda: access.turn_on(dsn, Named([WRITER]), lock_timeout=timeout),
        "drain": lambda: owner.execute("call inboxdb.drain_dirty(max_workspaces => 5)"),
        "suspend": lambda: suspend(dsn, lock_timeout=timeout),
        "host": lambda: owner.execute('alter table public."Message" alter column source type varchar(40)'),
        "resume": lambda: resume(dsn, lock_timeout=timeout),
        "drain again": lambda: owner.execute("call inboxdb.drain_dirty(max_workspaces => 5)"),
        "rls off": lambda: access.turn_off(dsn, lock_timeout=timeout),
        "rollback": lambda: migrate.rollback(dsn, count=None, lock_timeout=timeout),
        "install": lambda: migrate.apply(dsn, lock_timeout=timeout),
        "suspend again": lambda: suspend(dsn, lock_timeout=timeout),
        "uninstall": lambda: uninstall(dsn, lock_timeout=timeout),
    }


@pytest.mark.all_hosts
def test_no_statement_of_the_hosts_fails_or_waits(bare_database: Database) -> None:
    owner = bare_database.connect()
    owner.execute('alter table public."Message" alter column source type varchar(40)')
    before = catalog(owner)
    with traffic(bare_database) as busy:
        for step in steps(bare_database.dsn, owner).values():
            step()
            busy.goes_on()
    assert not difference(before, catalog(owner))


def test_what_was_written_meanwhile_is_counted(database: Database) -> None:
    owner = database.connect()
    with traffic(database) as busy:
        suspend(database.dsn, lock_timeout=LOCK_TIMEOUT)
        busy.goes_on()
        resume(database.dsn, lock_timeout=LOCK_TIMEOUT)
        owner.execute("call inboxdb.drain_dirty(max_workspaces => 5)")
        busy.goes_on()
    owner.execute("call inboxdb.drain_dirty()")
    stored = stored_counts(owner)
    assert {one: stored[one] for one in busy.workspaces} == {one: live_counts(owner, one) for one in busy.workspaces}


@pytest.mark.parametrize("name", ["upgrade", "rls on", "suspend", "resume", "rollback", "uninstall"])
def test_a_long_transaction_is_in_our_way_and_nobody_else_waits(
    bare_database: Database, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A long transaction holds "Lead"; each of our attempts ends after lock_timeout, and writers go between."""
    monkeypatch.setattr(connection, "PAUSE", (0.1, 0.2))
    monkeypatch.setattr(connection, "ATTEMPTS", 1000)
    owner = bare_database.connect()
    parts = steps(bare_database.dsn, owner)
    before: dict[str, list[str]] = {"upgrade": ["half"], "resume": ["install", "suspend"]}
    for part in before.get(name, ["install"]):
        parts[part]()
    with traffic(bare_database) as busy:
        holder = bare_database.writer(autocommit=False)
        holder.execute('lock table public."Lead" in row exclusive mode')
        ours = busy.threads.submit(parts[name])
        until(
            lambda: (
                owner.execute(
                    "select from pg_stat_activity where application_name like %s and %s = any (pg_blocking_pids(pid))",
                    ["inboxdb %", holder.info.backend_pid],
                ).rowcount
            )
        )
        for _ in range(2):
            busy.goes_on()
        assert not ours.done()
        holder.rollback()
        ours.result(DEADLINE)
        busy.goes_on()

"""Races forced step by step: sessions stop at chosen places, while the test takes the next step elsewhere.

A test takes its steps one after the other. A statement with a stop on its way runs in a thread (`Step`), and stops
at one of inboxdb's checkpoints, or at a lock of another session of the test. Nothing sleeps
and hopes: a test polls the server until the step has got there, and fails loudly after a time.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from psycopg import Connection
from psycopg.sql import SQL, Literal

from tests.servers import Database

# How long a step may take to its stop, in seconds: never reached unless something is wrong.
DEADLINE = 30.0

Answer = TypeVar("Answer")

# A session not meant to wait fails after this: the holder of the lock does not go on meanwhile.
NO_WAIT = "-c lock_timeout=2s -c statement_timeout=60s"

PAUSE = """
create schema interleave;
grant usage on schema interleave to public;

create function interleave.pause(here text) returns void
language plpgsql
-- a session that pauses waits for the test, however long that takes
set lock_timeout = 0
as $$
begin
  if pg_catalog.current_setting('interleave.pause_at', true) = here then
    perform pg_catalog.pg_advisory_lock_shared(4242, pg_catalog.pg_backend_pid());
    perform pg_catalog.pg_advisory_unlock_shared(4242, pg_catalog.pg_backend_pid());
  end if;
end
$$;
"""

# Replaces inboxdb.checkpoint, which does nothing.
CHECKPOINT = """
create or replace function inboxdb.checkpoint(name text, about text default null) returns void
language plpgsql volatile
as {}
"""


def until(condition: Callable[[], Answer]) -> Answer:
    """Poll until a condition holds, and return its value."""
    give_up_at = time.monotonic() + DEADLINE
    while not (answer := condition()):
        assert time.monotonic() < give_up_at, "it did not come to pass"
        time.sleep(0.005)
    return answer


class Step:
    """A statement under way on a session, in a thread of its own."""

    def __init__(self, stage: "Stage", session: Connection[Any], outcome: Future[list[Any]]) -> None:
        """Keep the facts of a step; `Stage.start` makes one."""
        self._stage = stage
        self.session = session
        self.outcome = outcome

    def waits_for(self, holder: Connection[Any]) -> bool:
        """Say whether the statement now waits for a lock of `holder`'s."""
        pids = self._stage.watcher.execute("select pg_blocking_pids(%s)", [self.session.info.backend_pid]).fetchone()
        assert pids
        return holder.info.backend_pid in pids[0]

    def wait_until_it_waits_for(self, holder: Connection[Any]) -> None:
        """Return once the statement waits for a lock of `holder`'s; fail if the statement ends or never gets there."""
        give_up_at = time.monotonic() + DEADLINE
        while not self.waits_for(holder):
            if self.outcome.done():
                raise AssertionError(f"the statement did not wait, it ended: {self.outcome.result()}")
            if time.monotonic() > give_up_at:
                raise AssertionError(f"the statement did not come to wait: {self._stage.activity()}")
            time.sleep(0.002)

    def assert_paused(self) -> None:
        """Fail unless the statement still stands at its pause."""
        assert self.waits_for(self._stage.gate), f"nothing is paused: {self._stage.activity()}"

    def resume(self) -> list[Any]:
        """Let a paused statement go on to its end; return its rows, or raise its error."""
        self._stage.gate.execute("select pg_advisory_unlock(4242, %s)", [self.session.info.backend_pid])
        return self.finish()

    def finish(self) -> list[Any]:
        """Wait for the statement to end; return its rows, or raise its error."""
        try:
            return self.outcome.result(DEADLINE)
        except TimeoutError:
            raise AssertionError(f"the statement did not end: {self._stage.activity()}") from None


class Stage:
    """The sessions of a race in a database."""

    def __init__(self, database: Database) -> None:
        """Prepare `database` for pauses."""
        self.database = database
        self.owner = self.session()
        self.owner.execute(PAUSE)
        self.watcher = database.connect()
        self.gate = database.connect()
        self._threads = ThreadPoolExecutor(thread_name_prefix="step")
        self._steps: list[Step] = []
        self._at_checkpoints: list[str] = []
        self._forever = ExitStack()
        self._replace_checkpoint()

    def session(self, role: str | None = None) -> Connection[Any]:
        """Connect as the host's owner or another role. The session raises 55P03 instead of waiting for a lock."""
        return self.database.connect(role, direct=True, options=NO_WAIT)

    def edit(self, function: str, code: str, replacement: str) -> None:
        """Replace a piece of a function of inboxdb's, in this database: the piece has to be there once."""
        found = self.owner.execute(
            "select pg_get_functiondef(oid) from pg_proc where pronamespace = 'inboxdb'::regnamespace and proname = %s",
            [function],
        ).fetchall()
        assert len(found) == 1, f"{function} is not the name of one function"
        [(definition,)] = found
        assert definition.count(code) == 1, f"{function} does not have this piece once: {code!r}"
        self.owner.execute(definition.replace(code, replacement).encode())

    @contextmanager
    def at(self, checkpoint: str, code: str, *, about: str | None = None) -> Iterator[None]:
        """Have every session run some PL/pgSQL at one of inboxdb's checkpoints while the block lasts.

        Parameters: about, the workspace, instead of any; a variable `about` in the code.
        """
        whose = f" and about = '{about}'" if about else ""
        code = f"if name = '{checkpoint}'{whose} then {code}; end if;"
        self._at_checkpoints.append(code)
        self._replace_checkpoint()
        yield
        self._at_checkpoints.remove(code)
        self._replace_checkpoint()

    def always_at(self, checkpoint: str, code: str, *, about: str | None = None) -> None:
        """Have every session run some PL/pgSQL at one of inboxdb's checkpoints from now on: see `at`."""
        self._forever.enter_context(self.at(checkpoint, code, about=about))

    def _replace_checkpoint(self) -> None:
        body = f"begin {' '.join(self._at_checkpoints)} perform interleave.pause(name); end"
        self.owner.execute(SQL(CHECKPOINT).format(Literal(body)))

    def start(
        self, session: Connection[Any], statement: str, parameters: Sequence[Any] = (), *, pause_at: str | None = None
    ) -> Step:
        """Run a statement in a thread.

        Parameters: pause_at, a checkpoint: the thread has stopped there when this returns.
        """
        if pause_at is not None:
            session.execute("select set_config('interleave.pause_at', %s, false)", [pause_at])
            self.gate.execute("select pg_advisory_lock(4242, %s)", [session.info.backend_pid])

        def run() -> list[Any]:
            cursor = session.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

        step = Step(self, session, self._threads.submit(run))
        self._steps.append(step)
        if pause_at is not None:
            step.wait_until_it_waits_for(self.gate)
        return step

    def activity(self) -> list[Any]:
        """List the activity of every session of the database, for a failure's message."""
        return self.watcher.execute(
            "select pid, state, wait_event_type, wait_event, pg_blocking_pids(pid), left(query, 120) "
            "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchall()

    def close(self) -> None:
        """End statements still under way, as after a failed test."""
        for step in self._steps:
            if not step.outcome.done():
                step.session.cancel_safe()
        self._threads.shutdown()

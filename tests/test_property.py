"""Random histories of a host: whenever all is drained, stored counts == live counts == those of tests/naive.py, and the
pages of each list have the leads that its badge counts. Whatever is written or drained between two pages, each page has
the leads that follow in the list of that moment.

A history is made of steps: of three writers, each in or out of a transaction, of clients paging through lists, and of
the drain, which is also stopped on its way, cut short, rolled back and robbed of its work list. The database's clock
stands still but for the steps that move it. One step is taken at a time, and none waits for a lock: whoever would have
to wait fails. What is drawn never hangs on what the database said, so a seed takes the same steps again.

INBOXDB_PROPERTY_HISTORIES (48, over the host variants together) and INBOXDB_PROPERTY_STEPS (50 each) set the size: CI
takes 60 in a step of their own. From 200 on every kind of operation has to take effect. A failure prints its steps, and
the --hypothesis-seed with which a run begins shortly before them.
"""

import functools
import itertools
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from psycopg import errors
from psycopg.pq import TransactionStatus

from inboxdb.install import lists
from tests.hosts import HOSTS, WIDE_HOSTS
from tests.naive import Lead, naive_counts, naive_leads
from tests.rows import BY_AI, GLOBAL, Counts, empty_small_slices, live_counts, set_slice, stored_counts
from tests.servers import Database
from tests.test_lists import COUNTS, FILTERS, ask, ids, is_in, listed, may_see

VARIANTS = (*HOSTS, *WIDE_HOSTS)

HISTORIES = int(os.environ.get("INBOXDB_PROPERTY_HISTORIES", "48"))
STEPS = int(os.environ.get("INBOXDB_PROPERTY_STEPS", "50"))

# Histories that Hypothesis makes in one run: the simplest, then random ones. In longer runs most repeat one another.
PER_RUN = 9

# How long a drain may take to get to where it stops, in seconds: never reached unless something is wrong.
DEADLINE = 30.0

# What the host itself refuses in the course of things.
REFUSALS = (
    errors.LockNotAvailable,
    errors.SerializationFailure,
    errors.UniqueViolation,
    errors.ForeignKeyViolation,
)

Columns = Mapping[str, str | None]


def row_id(number: int) -> str:
    """Make an id. Those that are drawn are below 100, and come back after their row is gone."""
    return f"00000000-0000-4000-8000-{number:012d}"


def minute(number: int) -> str:
    """Say when: so many minutes after the start of a history."""
    return (START + timedelta(minutes=number)).isoformat()


# What is drawn: few rows and few values, so that steps meet.

START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
MOMENTS = (None, "-infinity", "1969-07-20 20:17:40+00", minute(-2), minute(-1), minute(0), "infinity")
SNOOZES = (None, "-infinity", *map(minute, (-1, 0, 1, 2, 3, 4, 6, 9)), "2025-03-01 12:01:00.000001+00", "infinity")
USERS = (None, GLOBAL, row_id(0), row_id(1), row_id(2))
STATUSES = ("new", "contacted", "needs_repair", "blacklisted", "unqualified")
TAGS = (None, "Interested", "Follow Up", "Not Interested", "interested")
MESSAGES = (BY_AI, BY_AI, BY_AI | {"channel": "sms"}, BY_AI | {"sentBy": "setter"}, BY_AI | {"direction": "inbound"})


def changes_of(**choices: tuple[str | None, ...]) -> st.SearchStrategy[Columns]:
    """Draw a value for one or two of the columns."""
    pairs = [(column, value) for column, values in choices.items() for value in values]
    return st.lists(st.sampled_from(pairs), min_size=1, max_size=2).map(dict)


ROLLUP = {"lastInboundAt": MOMENTS, "lastOutboundAt": MOMENTS, "lastZrgOutboundAt": MOMENTS}
ROLLUP_CHANGES = changes_of(**ROLLUP)
LISTED = {"lastMessageAt": MOMENTS, "createdAt": MOMENTS[1:], "updatedAt": MOMENTS[1:]}
LEAD_CHANGES = changes_of(
    status=STATUSES, sentimentTag=TAGS, snoozedUntil=SNOOZES, assignedToUserId=USERS, **ROLLUP, **LISTED
)
DRAFT_CHANGES = changes_of(
    status=("pending", "pending", "approved"), autoSendAction=("needs_review", "needs_review", None), content=("…",)
)
NUMBERS = st.sampled_from((0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 5, 7))
IDS = st.integers(0, 11).map(row_id)
WORKSPACE_IDS = st.integers(0, 5).map(row_id)
WRITERS = st.integers(0, 2)
ENDS = st.sampled_from(("commit", "commit", "rollback"))
BEFORE = (None, "begin isolation level read committed", "begin isolation level repeatable read", "savepoint")
AFTER = (
    *((), (), (), (), ("compare",), ("commit",), ("commit", "compare"), ("commit", "compare")),
    *(("turn pages",), ("commit", "turn pages"), ("commit", "turn pages")),
    *(("rollback",), ("rollback to savepoint",), ("release savepoint",)),
)


PAGES = 10  # of lists, read at a time

# Who reads lists, and the scope of each: the owner of every workspace, and setters.
READERS = {row_id(0): GLOBAL, row_id(1): row_id(1), row_id(2): row_id(2)}
LISTS = (*FILTERS, "updated")


@dataclass(frozen=True)
class Turn:
    """Who takes a step, and what becomes of its transaction before and after it, where that can be.

    "compare" leaves it as it is, and compares what is committed; "turn pages" lets clients read.
    """

    writer: int
    before: str | None = None
    after: tuple[str, ...] = ()


TURNS = st.builds(Turn, WRITERS, st.sampled_from(BEFORE), st.sampled_from(AFTER))

# Every kind of operation, `step` adds the others: one that never took effect fails the test.
KINDS = {
    *filter(None, BEFORE),
    *("commit", "rollback", "rollback to savepoint", "release savepoint"),
    *("compare beside open writers", "compare when quiet", "turn pages"),
    *("announce", "stop drain", "commit drain", "rollback drain"),
    # comparisons of a workspace in which the count was above 0
    *(f"count {name}" for name in Counts._fields),
    # and comparisons of a list of more pages than one
    *(f"list {name}" for name in LISTS),
}


def step(*kinds: str, **arguments: Any) -> Callable[[Callable[..., bool]], Callable[..., None]]:
    """Make a method a step, which returns whether it took effect, and count that.

    Parameters: kinds, from which its argument `kind` is drawn, and which count apart; arguments, the strategies of the
    others.
    """
    if kinds:
        arguments["kind"] = st.sampled_from(kinds)

    def decorate(method: Callable[..., bool]) -> Callable[..., None]:
        name = method.__name__.replace("_", " ")
        KINDS.update({f"{name} {kind}" for kind in kinds} or {name})

        @functools.wraps(method)
        def counted(histories: "Histories", **drawn: Any) -> None:
            histories.done["step"] += 1
            histories.done[f"{name} {drawn['kind']}" if kinds else name] += method(histories, **drawn)

        # overloaded for other uses, which keyword arguments might mean
        as_rule: Callable[..., Callable[[Callable[..., None]], Callable[..., None]]] = rule
        return as_rule(**arguments)(counted)

    return decorate


def nth(table: str, number: str = "number") -> str:
    """Write the query for the id of a table's nth row, counted round and round; no row where there is none.

    Parameters: number, the name of the parameter that holds n.
    """
    return f"""
        select id from public."{table}"
        order by id offset %({number})s %% greatest((select count(*) from public."{table}"), 1) limit 1
    """


def assigned(changes: Columns) -> str:
    return ", ".join(f'"{column}" = %({column})s' for column in changes)


# A small host, or what is missing of it, and its messages announced. #1 stands for row_id(1).
POPULATION = re.sub(
    r"#(\d)",
    lambda found: row_id(int(found[1])),
    """
    insert into public."Client" (id, name, "userId", "updatedAt")
    values ('#0', '…', '#0', now()), ('#1', '…', '#0', now()), ('#2', '…', '#0', now())
    on conflict (id) do nothing;

    insert into public."ClientMember" (id, "clientId", "userId", role, "updatedAt")
    values
      ('#0', '#0', '#1', 'SETTER', now()), ('#1', '#1', '#1', 'SETTER', now()), ('#2', '#2', '#1', 'SETTER', now()),
      ('#3', '#0', '#2', 'SETTER', now()), ('#4', '#1', '#2', 'SETTER', now())
    on conflict do nothing;

    insert into public."Lead" (
      id, "clientId", "assignedToUserId", status, "sentimentTag", "lastInboundAt", "lastOutboundAt", "snoozedUntil",
      "updatedAt"
    )
    values
      ('#0', '#0', '#0', 'new', 'Interested', '2025-03-01 12:00+00', null, '2025-03-01 12:02+00', now()),
      ('#1', '#1', '#1', 'new', 'Interested', '2025-03-01 12:00+00', '2025-03-01 12:00+00', null, now()),
      ('#2', '#2', '#0', 'needs_repair', 'Interested', '2025-03-01 12:00+00', null, '2025-03-01 12:03+00', now()),
      ('#3', '#0', '#1', 'new', 'Interested', '2025-03-01 12:00+00', '2025-03-01 12:00+00', null, now()),
      ('#4', '#1', '#0', 'contacted', 'Interested', '2025-03-01 12:00+00', null, null, now()),
      ('#5', '#2', null, 'new', 'Interested', '2025-03-01 12:00+00', null, '2025-03-01 12:05+00', now()),
      ('#6', '#0', '#0', 'new', 'Interested', '2025-03-01 12:00+00', null, '2025-03-01 12:04+00', now()),
      ('#7', '#0', '#1', 'new', 'Interested', '2025-03-01 12:00+00', null, null, now()),
      ('#8', '#0', '#1', 'needs_repair', 'Interested', '2025-03-01 12:00+00', null, null, now()),
      ('#9', '#0', null, 'needs_repair', null, '2025-03-01 12:00+00', null, null, now())
    on conflict (id) do nothing;

    insert into public."AIDraft" (id, "leadId", content, "autoSendAction", "updatedAt")
    values
      ('#0', '#0', '…', 'needs_review', now()),
      ('#1', '#1', '…', 'needs_review', now()),
      ('#2', '#2', '…', 'needs_review', now()),
      ('#3', '#7', '…', 'needs_review', now()),
      ('#4', '#8', '…', 'needs_review', now())
    on conflict (id) do nothing;

    -- to leads of other workspaces than the drafts'
    insert into public."Message" (id, "leadId", "aiDraftId", body, channel, direction, source, "sentBy")
    values
      ('#0', '#4', '#0', '…', 'email', 'outbound', 'zrg', 'ai'),
      ('#1', '#5', '#1', '…', 'email', 'outbound', 'zrg', 'ai'),
      ('#2', '#7', '#0', '…', 'email', 'outbound', 'zrg', 'ai'),
      ('#3', '#9', '#0', '…', 'email', 'outbound', 'zrg', 'ai')
    on conflict (id) do nothing;

    update public."Lead" set "lastOutboundAt" = "lastOutboundAt" where id in ('#4', '#5', '#7', '#9');
    """,
).encode()


class Writer:
    """The application's connection: its transaction, and what it has yet to announce."""

    def __init__(self, database: Database, done: Counter[str]) -> None:
        """Connect as the application, and count in `done` what takes effect."""
        # neither the server's time zone nor the drain's
        self.connection = database.writer(options="-c TimeZone=Asia/Kathmandu -c lock_timeout=1ms")
        self.done = done
        self.reset()

    def reset(self) -> None:
        """Be as if new."""
        self.connection.rollback()
        self.savepoints = 0
        self.has_truncated = False
        # leads whose messages no committed UPDATE has announced, and those of them whose UPDATE waits for COMMIT
        self.unannounced: set[str] = set()
        self.announced: set[str] = set()

    @property
    def is_open(self) -> bool:
        """Whether it is in a transaction."""
        return self.connection.info.transaction_status != TransactionStatus.IDLE

    def control(self, command: str) -> None:
        """Begin or end a transaction, or set, go back to or release its last savepoint: where that can be done."""
        if command in ("rollback to savepoint", "release savepoint"):
            possible = self.savepoints > 0
        else:
            possible = self.is_open != command.startswith("begin")
        if not possible:
            return
        self.savepoints += command == "savepoint"
        self.connection.execute((f"{command} s{self.savepoints}" if "savepoint" in command else command).encode())
        self.savepoints -= command == "release savepoint"
        self.done[command] += 1
        if command == "commit":
            self.unannounced -= self.announced
        if command.startswith(("commit", "rollback")):
            self.announced.clear()
        if command in ("commit", "rollback"):
            self.savepoints = 0
            self.has_truncated = False

    def announce(self, leads: set[str], changes: Columns) -> None:
        """Announce messages: name a rollup column of their leads. Without changes it stays as it is."""
        values = assigned(changes) or '"lastOutboundAt" = "lastOutboundAt"'
        statement = f'update public."Lead" set {values} where id::text = any (%(leads)s)'
        self.done["announce"] += self.connection.execute(statement, {"leads": list(leads), **changes}).rowcount
        if self.is_open:
            self.announced |= leads
        else:
            self.unannounced -= leads


class OpenDrain:
    """A drain in a transaction that stays open, stopped at its nth reading of the clock if it gets that far."""

    def __init__(self, database: Database, options: str, thread: ThreadPoolExecutor) -> None:
        """Connect with libpq's `options`, to drain in `thread`."""
        self.connection = database.connect(options=options)
        self.gate = database.connect()
        self.thread = thread
        self.is_open = self.is_stopped = False

    def start(self, claimed: Any, reading: int) -> bool:
        """Begin, and drain in a thread until it stops or is done; return whether it stopped.

        Parameters: claimed, a workspace, None for any; reading, n, 0 to stop nowhere.
        """
        self.connection.execute(f"begin; set local property.readings_left = {reading}")
        self.gate.execute("select pg_advisory_lock(4343)")
        self.is_open = True
        self.outcome = self.thread.submit(self._drain, claimed)
        pids = (self.gate.info.backend_pid, self.connection.info.backend_pid)
        give_up_at = time.monotonic() + DEADLINE
        while not self.outcome.done():
            if self.gate.execute("select %s = any (pg_blocking_pids(%s))", pids).fetchone() == (True,):
                self.is_stopped = True
                break
            assert time.monotonic() < give_up_at, "the drain neither stops nor ends"
        return self.is_stopped

    def _drain(self, claimed: Any) -> str:
        [(outcome,)] = self.connection.execute("select outcome from inboxdb.drain_next(%s)", [claimed]).fetchall()
        return str(outcome)

    def resume(self) -> str:
        """Let the drain go on to its end; return its outcome, or raise its error."""
        self.gate.execute("select pg_advisory_unlock_all()")
        self.is_stopped = False
        return self.outcome.result(DEADLINE)

    def end(self, command: str) -> None:
        """Commit or roll back."""
        self.connection.execute(command.encode())
        self.is_open = False


def in_order(leads: list[Lead], workspace: str, scope: str, name: str) -> list[tuple[datetime, str]]:
    """List the leads of a list as they are to come, with the instants by which they are sorted."""

    def at(lead: Lead) -> datetime:
        columns = lead.columns
        found: datetime = (
            columns["updatedAt"] if name == "updated" else columns["lastMessageAt"] or columns["createdAt"]
        )
        return found

    filter = "all" if name == "updated" else name
    there = [lead for lead in leads if may_see(lead, workspace, scope) and is_in(lead, filter)]
    return sorted(((at(lead), lead.id) for lead in there), reverse=True)


def arguments_of(name: str) -> dict[str, str]:
    return {"sort": "updated"} if name == "updated" else {"filter": name}


@dataclass
class Paging:
    """A client who pages through a list: whose, which, and behind which lead the next page begins."""

    user: str
    workspace: str
    name: str
    size: int
    cursor: str | None = None
    last: tuple[datetime, str] | None = None


class World:
    """A database, everyone who is connected to it, and how often each kind of operation took effect."""

    def __init__(self, database: Database, thread: ThreadPoolExecutor) -> None:
        """Connect everyone; `thread` is for what may stop on its way."""
        self.done: Counter[str] = Counter()
        self.writers = [Writer(database, self.done) for _ in range(3)]
        options = "-c TimeZone=America/St_Johns -c lock_timeout=1ms"
        self.owner = database.connect(options=options)
        self.open_drain = OpenDrain(database, options, thread)
        self.readers = {user: database.signed_in(user) for user in READERS}
        for reader in self.readers.values():
            reader.execute("set lock_timeout = '1ms'")
        self.lead_columns = [column.name for column in self.owner.execute('table public."Lead"').description or []]
        # or its locks would fail steps that wait for nobody else
        tables = "select oid::regclass::text from pg_class where relkind = 'r' and relowner = current_user::regrole"
        for (table,) in self.owner.execute(tables).fetchall():
            self.owner.execute(f"alter table {table} set (autovacuum_enabled = off)")

    def end_all(self) -> None:
        """Roll back whatever is still open."""
        for writer in self.writers:
            writer.reset()
        if self.open_drain.is_open:
            with suppress(errors.LockNotAvailable):
                self.open_drain.resume()
            self.open_drain.end("rollback")

    def drain_all(self) -> None:
        """Drain, signals included: a commit after NOTIFY takes a lock of all databases of the server for a moment.

        A drain that waited for a writer would fail nevertheless: no writer moves meanwhile.
        """
        self.owner.execute("set lock_timeout = '10s'")
        # at most so many, because a workspace made dirty by its own refresh would hold the test up for ever
        self.owner.execute("call inboxdb.drain_dirty(100)")
        self.owner.execute("set lock_timeout = '1ms'")

    def reset(self) -> None:
        """Empty everything, and drain a small host."""
        self.end_all()
        # with DELETE, which takes 2 ms; TRUNCATE would take 38, and a new database 208
        self.owner.execute(
            """
            delete from public."Client";
            delete from inboxdb.change_0;
            delete from inboxdb.change_1;
            delete from inboxdb.change_2;
            delete from inboxdb.change_3;
            delete from inboxdb.inbox_counts;
            delete from inboxdb.cache_version;
            delete from inboxdb.job_status;
            delete from inboxdb.workspace;
            update inboxdb.drain_state set read_from = '0', also_read = '{}', claim_from = '-infinity';
            -- of those equally due, the one that lies first in the table is claimed: let that be the same each time
            truncate inboxdb.inbox_counts_dirty;
            """
        )
        self.new_ids = map(row_id, itertools.count(100))
        self.set_clock(START)
        set_slice(self.owner, "0")
        empty_small_slices(self.owner)
        self.owner.execute(POPULATION)
        self.drain_all()

    def set_clock(self, now: datetime) -> None:
        """Let the clock stand at `now`. A session that says so stops at the gate, at its nth reading."""
        self.now = now
        self.owner.execute(
            f"""
            create or replace function inboxdb.clock() returns timestamptz
            language plpgsql volatile set lock_timeout = 0
            as $$
            declare
              readings_left integer := nullif(current_setting('property.readings_left', true), '');
            begin
              if readings_left > 0 then
                perform set_config('property.readings_left', (readings_left - 1)::text, true);
                if readings_left = 1 then
                  perform pg_advisory_xact_lock_shared(4343);
                end if;
              end if;
              return '{now.isoformat()}'::timestamptz;
            end
            $$
            """
        )
        # collectors go by the wall clock: by it, too, the last one was long ago
        self.owner.execute(
            "update inboxdb.drain_state set collected_at = null "
            "where revision in (select s.revision from inboxdb.drain_state as s for update skip locked)"
        )


class Histories(RuleBasedStateMachine):
    """The steps, and what must hold."""

    world: ClassVar[World]

    def __init__(self) -> None:
        """Begin a history."""
        super().__init__()
        self.world.reset()
        self.done = self.world.done
        self.owner = self.world.owner
        self.versions: dict[tuple[str, str], int] = {}
        self.counts: dict[str, dict[str, Counts]] = {}
        self.may_have_failed = False  # the open drain, when it was started
        self.lists = itertools.cycle(itertools.product(LISTS, READERS))
        self.paging = [Paging(user, row_id(0), name, 1) for name in LISTS for user in READERS]

    def teardown(self) -> None:
        """End a history that went well: quiet."""
        if sys.exc_info() == (None, None, None):
            self.compare_when_quiet(("commit", "commit", "commit"))
            self.compare_lists(len(READERS) * len(LISTS))

    # The application

    @contextmanager
    def turn(self, turn: Turn, *, truncates: bool = False) -> Iterator[Writer]:
        """Let a writer take a step. What the host refuses is undone, to the last savepoint if there is one."""
        writer = self.world.writers[turn.writer]
        try:
            if turn.before:
                writer.control(turn.before)
            yield writer
            for command in turn.after:
                if command == "compare":
                    self.compare()
                elif command == "turn pages":
                    self.turn_pages()
                else:
                    writer.control(command)
        except REFUSALS as error:
            if isinstance(error, errors.LockNotAvailable):
                others = [other for other in self.world.writers if other is not writer and other.is_open]
                assert others or (truncates and self.world.open_drain.is_open), "a writer waits for other writers only"
            writer.control("rollback to savepoint" if writer.savepoints else "rollback")

    def write(self, turn: Turn, statement: str, **values: Any) -> bool:
        """Execute a statement; return whether it touched a row."""
        with self.turn(turn) as writer:
            return writer.connection.execute(statement, values).rowcount > 0
        return False

    @step(turn=TURNS, id=IDS, number=NUMBERS, columns=LEAD_CHANGES)
    def insert_lead(self, turn: Turn, id: str, number: int, columns: Columns) -> bool:
        columns = {"updatedAt": minute(0), **columns}
        names = ", ".join(f'"{column}"' for column in columns)
        values = ", ".join(f"%({column})s" for column in columns)
        statement = f"""
            insert into public."Lead" (id, "clientId", {names})
            select %(id)s, c.id, {values} from ({nth("Client")}) as c
            on conflict (id) do nothing
        """
        return self.write(turn, statement, id=id, number=number, **columns)

    @step(turn=TURNS, number=NUMBERS, tag=st.sampled_from(TAGS), snooze=st.sampled_from(SNOOZES))
    def copy_leads(self, turn: Turn, number: int, tag: str | None, snooze: str | None) -> bool:
        columns = 'id, "clientId", "updatedAt", "sentimentTag", "lastInboundAt", "snoozedUntil"'
        with self.turn(turn) as writer, writer.connection.cursor() as cursor:
            workspace = cursor.execute(nth("Client"), {"number": number}).fetchone()
            if workspace:
                with cursor.copy(f'copy public."Lead" ({columns}) from stdin') as copy:
                    for _ in range(2):
                        copy.write_row((next(self.world.new_ids), *workspace, minute(0), tag, minute(0), snooze))
                return True
        return False

    def update_lead(self, turn: Turn, number: int, set_to: str, values: Columns) -> bool:
        statement = f'update public."Lead" set {set_to} where id = ({nth("Lead")})'
        return self.write(turn, statement, number=number, **values)

    @step(turn=TURNS, number=NUMBERS, changes=LEAD_CHANGES)
    def update_counted_columns(self, turn: Turn, number: int, changes: Columns) -> bool:
        return self.update_lead(turn, number, assigned(changes), changes)

    @step(turn=TURNS, number=NUMBERS, changes=LEAD_CHANGES)
    def update_all_columns(self, turn: Turn, number: int, changes: Columns) -> bool:
        """Update as an ORM does that saves an object."""
        unchanged = (f'"{column}" = "{column}"' for column in self.world.lead_columns if column not in changes)
        return self.update_lead(turn, number, ", ".join([*unchanged, assigned(changes)]), changes)

    @step("to same values", "in other columns", turn=TURNS, number=NUMBERS)
    def update_nothing_counted(self, kind: str, turn: Turn, number: int) -> bool:
        set_to = {
            "to same values": 'status = status, "snoozedUntil" = "snoozedUntil", "clientId" = "clientId"',
            "in other columns": """ "firstName" = '…', "scoredAt" = now(), "updatedAt" = now() """,
        }
        return self.update_lead(turn, number, set_to[kind], {})

    @step(turn=TURNS, number=NUMBERS, changes=LEAD_CHANGES)
    def update_leads_of_a_workspace(self, turn: Turn, number: int, changes: Columns) -> bool:
        statement = f'update public."Lead" set {assigned(changes)} where "clientId" = ({nth("Client")})'
        return self.write(turn, statement, number=number, **changes)

    @step(turn=TURNS, id=WORKSPACE_IDS)
    def insert_workspace(self, turn: Turn, id: str) -> bool:
        statement = """
            insert into public."Client" (id, name, "userId", "updatedAt")
            values (%(id)s, '…', %(owner)s, now()) on conflict (id) do nothing
        """
        return self.write(turn, statement, id=id, owner=row_id(0))

    @step(turn=TURNS, id=IDS, number=NUMBERS, action=st.sampled_from(("needs_review", "needs_review", None)))
    def insert_draft(self, turn: Turn, id: str, number: int, action: str | None) -> bool:
        statement = f"""
            insert into public."AIDraft" (id, "leadId", content, "autoSendAction", "updatedAt")
            select %(id)s, l.id, '…', %(action)s, now() from ({nth("Lead")}) as l
            on conflict (id) do nothing
        """
        return self.write(turn, statement, id=id, number=number, action=action)

    @step(turn=TURNS, number=NUMBERS, changes=DRAFT_CHANGES)
    def update_draft(self, turn: Turn, number: int, changes: Columns) -> bool:
        statement = f'update public."AIDraft" set {assigned(changes)} where id = ({nth("AIDraft")})'
        return self.write(turn, statement, number=number, **changes)

    @step("Lead", "Lead", "AIDraft", turn=TURNS, number=NUMBERS, to=st.integers(0, 7))
    def move(self, kind: str, turn: Turn, number: int, to: int) -> bool:
        parent, key = ("Client", "clientId") if kind == "Lead" else ("Lead", "leadId")
        statement = f"""
            update public."{kind}" as moved set "{key}" = parent.id
            from ({nth(parent, "to")}) as parent
            where moved.id = ({nth(kind)}) and moved."{key}" <> parent.id
        """
        return self.write(turn, statement, number=number, to=to)

    @step("Client", "Lead", turn=TURNS, number=NUMBERS, id=IDS)
    def rename(self, kind: str, turn: Turn, number: int, id: str) -> bool:
        statement = f'update public."{kind}" set id = %(id)s where id = ({nth(kind)}) and id <> %(id)s'
        return self.write(turn, statement, number=number, id=id)

    @step("Client", "Lead", "AIDraft", turn=TURNS, number=NUMBERS)
    def delete(self, kind: str, turn: Turn, number: int) -> bool:
        return self.write(turn, f'delete from public."{kind}" where id = ({nth(kind)})', number=number)

    @step(turn=TURNS)
    def delete_draft_sent_to_another_lead(self, turn: Turn) -> bool:
        """Let the foreign key null "aiDraftId" in a message to a lead that is not the draft's."""
        statement = """
            delete from public."AIDraft" where id in (
              select d.id
              from public."AIDraft" as d
              inner join public."Message" as m on d.id = m."aiDraftId" and d."leadId" <> m."leadId"
              order by d.id limit 1
            )
        """
        return self.write(turn, statement)

    def write_messages(self, turn: Turn, announcement: Columns | None, statement: str, **values: Any) -> bool:
        """Write messages, and announce it, in the same transaction if there is one; return whether it touched a row.

        Parameters: announcement, how the rollup columns of the leads change; None leaves that for later; statement,
        which returns the ids of the leads.
        """
        with self.turn(turn) as writer:
            leads = {str(lead) for row in writer.connection.execute(statement, values) for lead in row}
            writer.unannounced |= leads
            if announcement is not None:
                writer.announce(leads, announcement)
            return bool(leads)
        return False

    @step(
        turn=TURNS,
        number=NUMBERS,
        draft=NUMBERS,
        message=st.sampled_from(MESSAGES),
        announcement=st.sampled_from(({}, None, None)) | ROLLUP_CHANGES,
    )
    def store_message(
        self, turn: Turn, number: int, draft: int, message: Columns, announcement: Columns | None
    ) -> bool:
        statement = f"""
            insert into public."Message" (id, "leadId", "aiDraftId", body, channel, direction, source, "sentBy")
            select %(id)s, l.id, ({nth("AIDraft", "draft")}), '…', %(channel)s, %(direction)s, %(source)s, %(sentBy)s
            from ({nth("Lead")}) as l
            returning "leadId"
        """
        values = {"id": next(self.world.new_ids), "number": number, "draft": draft, **message}
        return self.write_messages(turn, announcement, statement, **values)

    @step("delete", "edit", "move", turn=TURNS, number=NUMBERS, to=st.integers(0, 7))
    def change_message(self, kind: str, turn: Turn, number: int, to: int) -> bool:
        statement = {
            "delete": f'delete from public."Message" where id = ({nth("Message")}) returning "leadId"',
            "edit": f"""
                update public."Message" set "sentBy" = case "sentBy" when 'ai' then 'setter' else 'ai' end
                where id = ({nth("Message")})
                returning "leadId"
            """,
            "move": f"""
                update public."Message" as m set "leadId" = l.id
                from ({nth("Lead", "to")}) as l, public."Message" as old
                where m.id = ({nth("Message")}) and old.id = m.id
                returning old."leadId", m."leadId"
            """,
        }[kind]
        return self.write_messages(turn, {}, statement, number=number, to=to)

    @step(turn=TURNS, changes=ROLLUP_CHANGES)
    def announce_later(self, turn: Turn, changes: Columns) -> bool:
        for number, writer in enumerate(self.world.writers):
            if writer.unannounced:
                with self.turn(replace(turn, writer=number)):
                    writer.announce(set(writer.unannounced), changes)
                    return True
        return False

    @step(turn=TURNS)
    def load_what_is_missing(self, turn: Turn) -> bool:
        with self.turn(turn) as writer:
            writer.connection.execute(POPULATION)
            return True
        return False

    @step("Client", "Lead", "AIDraft", "Message", turn=TURNS, load=st.booleans())
    def truncate(self, kind: str, turn: Turn, load: bool) -> bool:
        """Truncate a table and those that hang on it, and perhaps load them anew."""
        if kind == "Message":
            # nothing announces this but an UPDATE that sees every lead
            if self.world.writers[turn.writer].is_open:
                return False
            turn = Turn(turn.writer, "begin isolation level read committed", ("commit",))
        with self.turn(turn, truncates=True) as writer:
            writer.connection.execute(f'truncate public."{kind}" cascade')
            writer.has_truncated = writer.is_open
            if kind == "Message":
                writer.connection.execute('update public."Lead" set "lastInboundAt" = "lastInboundAt"')
            if load:
                writer.connection.execute(POPULATION)
            return True
        return False

    @step(writer=WRITERS, command=ENDS)
    def end_transaction(self, writer: int, command: str) -> bool:
        self.world.writers[writer].control(command)
        return True

    # The drain

    def has_truncated(self) -> bool:
        """Say whether a TRUNCATE is still open, the one thing that a drain may fail on."""
        return any(writer.has_truncated for writer in self.world.writers)

    @contextmanager
    def unhindered(self) -> Iterator[None]:
        """Let the drain work."""
        try:
            yield
        except errors.LockNotAvailable:
            assert self.has_truncated(), "a drain waits for nobody"

    def refresh(self, claimed: Any) -> bool:
        """Drain a workspace, None for any; return whether that refreshed one."""
        [(outcome,)] = self.owner.execute("select outcome from inboxdb.drain_next(%s)", [claimed]).fetchall()
        assert outcome != "failed" or self.has_truncated()
        return bool(outcome == "refreshed")

    @step()
    def drain(self) -> bool:
        with self.unhindered():
            return self.refresh(None)
        return False

    @step("and drain", "and crash")
    def claim(self, kind: str) -> bool:
        with self.unhindered():
            [(claimed,)] = self.owner.execute("select inboxdb.claim_next()").fetchall()
            return claimed is not None and (kind == "and crash" or self.refresh(claimed))
        return False

    @step(reading=st.integers(0, 9), command=ENDS)
    def leave_drain_open(self, reading: int, command: str) -> bool:
        """Drain and leave the transaction open, stopped on its way if `reading` is not 0; end it if it is open."""
        return self.open_or_end_drain(None, reading, command)

    @step(number=NUMBERS, reading=st.integers(0, 4), command=ENDS)
    def leave_refresh_open(self, number: int, reading: int, command: str) -> bool:
        """Do that with a given workspace, marked dirty. Two of the readings are before it is counted, two after."""
        statement = f"select id, inboxdb.mark_inbox_counts_dirty(id) from ({nth('Client')}) as c"
        with self.unhindered():
            for workspace, _ in self.owner.execute(statement, {"number": number}).fetchall():
                return self.open_or_end_drain(workspace, reading, command)
        return False

    def open_or_end_drain(self, claimed: Any, reading: int, command: str) -> bool:
        if self.world.open_drain.is_open:
            self.end_drain(command)
            return False
        stopped = self.world.open_drain.start(claimed, reading)
        # it may have failed already, and stopped on the way to saying so
        self.may_have_failed = self.has_truncated()
        self.done["stop drain"] += stopped
        return stopped or self.resume_drain()

    def resume_drain(self) -> bool:
        """Let the open drain go on to its end; return whether it got there."""
        with self.unhindered():
            assert self.world.open_drain.resume() != "failed" or self.may_have_failed or self.has_truncated()
            return True
        self.world.open_drain.end("rollback")
        return False

    def end_drain(self, command: str) -> None:
        """End the open drain, if there is one."""
        drain = self.world.open_drain
        if drain.is_open and (not drain.is_stopped or self.resume_drain()):
            drain.end(command)
            self.done[f"{command} drain"] += 1

    @step()
    def collect(self) -> bool:
        with self.unhindered():
            return self.owner.execute("select inboxdb.collect()").fetchone() != (0,)
        return False

    @step(
        "recompute_inbox_counts(c.id)", "mark_inbox_counts_dirty(c.id)", "mark_all_inbox_counts_dirty()", number=NUMBERS
    )
    def call(self, kind: str, number: int) -> bool:
        self.end_drain("commit")  # or recompute would wait for it
        with self.unhindered():
            statement = f"select inboxdb.{kind} from ({nth('Client')}) as c"
            return self.owner.execute(statement, {"number": number}).rowcount > 0
        return False

    @step()
    def lose_work_list(self) -> bool:
        self.end_drain("rollback")  # it has rows of it locked
        return self.owner.execute("delete from inboxdb.inbox_counts_dirty where not collapsed").rowcount > 0

    @step(number=st.integers(0, 3))
    def empty_slice(self, number: int) -> bool:
        """Empty a slice when it is the one furthest from use, and has dead rows enough for that to be worth it."""
        set_slice(self.world.owner, f"{(number + 2) % 4}")
        self.owner.execute(
            f"""
            begin;
            insert into inboxdb.change_{number} (noted_at) select now() from generate_series(1, 2500);
            rollback
            """
        )
        return self.owner.execute("select inboxdb.empty_slice()").fetchone() == (True,)

    @step(minutes=st.integers(1, 3), slice=st.integers(0, 3))
    def let_time_pass(self, minutes: int, slice: int) -> bool:
        self.world.set_clock(self.world.now + timedelta(minutes=minutes))
        set_slice(self.world.owner, f"{slice}")
        return True

    # Clients

    @step(number=NUMBERS, user=st.sampled_from(list(READERS)), names=st.sets(st.sampled_from(LISTS), min_size=1))
    def begin_paging(self, number: int, user: str, names: set[str]) -> bool:
        with self.unhindered():
            for (workspace,) in self.owner.execute(nth("Client"), {"number": number}).fetchall():
                self.paging += [Paging(user, str(workspace), name, 1 + number % 2) for name in sorted(names)]
                return self.turn_pages()
        return False

    def turn_pages(self) -> bool:
        """Read the next page of some lists, in turn; return whether there was one."""
        with self.unhindered():
            leads = naive_leads(self.owner, self.world.now)
            now, self.paging = self.paging[:PAGES], self.paging[PAGES:]
            return any([self.read_page(paging, leads) for paging in now])
        return False

    def read_page(self, paging: Paging, leads: list[Lead]) -> bool:
        """Read the next page, or the first again behind the last: it has the leads that follow in the list of now."""
        if paging.name == "ai_sent" and any(writer.unannounced for writer in self.world.writers):
            self.paging.append(paging)
            return False
        reader, scope = self.world.readers[paging.user], READERS[paging.user]
        arguments = {**arguments_of(paging.name), "page_size": paging.size, "after": paging.cursor}
        if not self.has_access(paging.user, paging.workspace):
            with pytest.raises(errors.DatabaseError) as raised:
                ask(reader, paging.workspace, **arguments)
            if isinstance(raised.value, errors.LockNotAvailable):
                raise raised.value
            assert raised.value.sqlstate == "IB007"
            return False
        following = [
            lead
            for lead in in_order(leads, paging.workspace, scope, paging.name)
            if paging.last is None or lead < paging.last
        ]
        page = ask(reader, paging.workspace, **arguments)
        here = following[: paging.size]
        assert ids(page["conversations"]) == [lead for _, lead in here], paging
        assert page["has_more"] or len(following) <= paging.size, paging
        paging.cursor = page["cursor"]
        self.done["turn pages"] += paging.last is not None
        if here:
            paging.last = here[-1]
        if not page["has_more"]:
            paging.last = None
        self.paging.append(paging)
        return True

    def has_access(self, user: str, workspace: str) -> bool:
        rows = self.owner.execute(
            """
            select from public."Client" where id::text = %(workspace)s and "userId"::text = %(user)s
            union all
            select from public."ClientMember" where "clientId"::text = %(workspace)s and "userId"::text = %(user)s
            """,
            {"user": user, "workspace": workspace},
        )
        return rows.rowcount > 0

    # What must hold

    @step(ends=st.tuples(ENDS, ENDS, ENDS))
    def end_all_and_compare(self, ends: tuple[str, ...]) -> bool:
        return self.compare_when_quiet(ends)

    def compare_when_quiet(self, ends: tuple[str, ...]) -> bool:
        """End all transactions, drain and compare."""
        for writer, command in zip(self.world.writers, ends, strict=True):
            writer.control(command)
        return self.compare()

    def compare(self) -> bool:
        """Drain and compare what is committed; return False where a writer who is not done is in the way."""
        open_writers = [writer for writer in self.world.writers if writer.is_open]
        if any(writer.has_truncated or writer.unannounced for writer in open_writers):
            return False
        for number, writer in enumerate(self.world.writers):
            if writer.unannounced:
                with self.turn(Turn(number)):
                    writer.announce(set(writer.unannounced), {})
                if writer.unannounced:
                    return False

        self.end_drain("commit")
        self.world.drain_all()
        # left over: abandoned claims, whose next attempt is some time off
        for (workspace,) in self.owner.execute("select client_id from inboxdb.inbox_counts_dirty").fetchall():
            assert self.refresh(workspace)

        naive = naive_counts(self.owner, self.world.now)
        stored = stored_counts(self.owner)
        assert stored == naive
        assert {workspace: live_counts(self.owner, workspace) for workspace in naive} == naive
        changes = " union all ".join(f"select * from inboxdb.change_{number}" for number in range(4))
        assert self.owner.execute(changes).fetchall() == []
        assert self.owner.execute("select client_id from inboxdb.waiting").fetchall() == []
        self.compare_lists(2)

        rows = self.owner.execute("select client_id::text, family, version from inboxdb.cache_version")
        versions = {(workspace, family): version for workspace, family, version in rows}
        [(families,)] = self.owner.execute(
            "select families from inboxdb.job where job_name = 'recompute-inbox-counts'"
        ).fetchall()
        for (workspace, family), version in self.versions.items():
            # with aggregates, their job bumps the other family
            moved = family in families and stored.get(workspace) != self.counts.get(workspace)
            assert versions[workspace, family] >= version + moved, "a version went back, or stood while counts moved"
        self.versions, self.counts = versions, stored

        self.done["compare beside open writers" if open_writers else "compare when quiet"] += 1
        for scopes in stored.values():
            for name, count in scopes[GLOBAL]._asdict().items():
                self.done[f"count {name}"] += count > 0
        return True

    def compare_lists(self, number: int) -> None:
        """Hold the pages of some lists, in each workspace, to the leads of now, and to what the badge counts."""
        leads, stored = naive_leads(self.owner, self.world.now), stored_counts(self.owner)
        for name, user in itertools.islice(self.lists, number):
            for workspace in stored:
                if self.has_access(user, workspace):
                    found = ids(listed(self.world.readers[user], workspace, **arguments_of(name), page_size=3))
                    scope = READERS[user]
                    assert found == [lead for _, lead in in_order(leads, workspace, scope, name)], (user, name)
                    if name in COUNTS:
                        assert len(found) == getattr(stored[workspace].get(scope, Counts()), COUNTS[name])
                    self.done[f"list {name}"] += len(found) > 3


@pytest.mark.host_variants(*VARIANTS)
def test_counts_and_lists_are_right_after_any_history(database: Database, request: pytest.FixtureRequest) -> None:
    size = settings(
        max_examples=PER_RUN,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    runs = -(-HISTORIES // (len(VARIANTS) * (PER_RUN - 1)))
    lists.build(database.direct_dsn)
    first = int(request.config.getoption("--hypothesis-seed") or random.getrandbits(32))
    with ThreadPoolExecutor(1) as thread:

        class Here(Histories):
            world = World(database, thread)

        try:
            for chosen in range(first, first + runs):
                run_state_machine_as_test(seed(chosen)(Here), settings=size)
        except Exception as error:
            error.add_note(f"To begin with these {PER_RUN} histories: --hypothesis-seed={chosen}")
            raise
        finally:
            Here.world.end_all()

    done = Here.world.done
    # now and then Hypothesis ends one early, which those beyond the size make up for
    assert done["step"] >= HISTORIES / len(VARIANTS) * STEPS
    if HISTORIES >= 200:
        assert {kind for kind in KINDS if not done[kind]} == set()

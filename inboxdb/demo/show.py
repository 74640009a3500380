"""Show inboxdb at work on a PostgreSQL of its own: install, first fill, live writes, parity.

How freshness is measured: every 25 ms a probe inserts a lead, into each watched workspace in turn, assigned to a user
that nobody else assigns leads to. The total of that user's counts then says how many of its changes show. The clock
starts before an INSERT, which commits by itself, is sent, and stops when a reader that asks every 10 ms has the answer
which shows it. So a figure is never too small; it is too large by the commit, by up to 10 ms, and by some 20 ms where
the table was being drawn just then. The probe does not wait for its changes to show: slow refreshes are measured as
often as quick ones. Writers, probe, reader and drain are threads of one Python process, which slows them all.
"""

import json
import math
import random
import secrets
import shlex
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from threading import Event
from typing import LiteralString, NoReturn
from uuid import uuid4

from psycopg import Error
from psycopg.conninfo import make_conninfo
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID
from rich.table import Table

from inboxdb.counts import analytics, conversations
from inboxdb.counts.verify import VerifyResult, verify
from inboxdb.database import sources
from inboxdb.database.connection import Connection, session
from inboxdb.demo import embedded
from inboxdb.drain.options import WATCH, DrainOptions
from inboxdb.drain.run import drain
from inboxdb.install.access import Named
from inboxdb.install.apply import install
from inboxdb.watch import status

WRITERS = 4
WRITE_PAUSE = 0.005  # seconds between two writes of a writer, on average
PROBE_INTERVAL = 0.025  # seconds
POLL_INTERVAL = 0.01  # seconds
DRAW_INTERVAL = 0.25  # seconds, on a terminal
LINE_INTERVAL = 3.0  # seconds, elsewhere
GIVE_UP = 60.0  # seconds for the last changes to show

WATCHED_RANKS = (1, 2, 4, 8, 16, 32)  # by size, the largest first
WEEK = 7  # days of analytics
SHOWN_COUNTS = ("requires_attention", "all_responses", "ai_review", "total")

APPLICATION = """
create role app_writer login;
create role authenticated;
grant usage on schema public to app_writer, authenticated;
grant select on public."Lead" to authenticated;
grant select, insert, update, delete on all tables in schema public to app_writer;
"""

# What the application does to a lead, each one transaction, the likelier ones repeated.
REPLY_ARRIVES = """
with message as (
  insert into public."Message" (id, channel, direction, "sentBy", body, "leadId", "sentAt")
  values (gen_random_uuid(), 'email', 'inbound', 'lead', 'Synthetic.', %(lead)s, now() at time zone 'UTC')
)
update public."Lead"
set "lastInboundAt" = now() at time zone 'UTC', "sentimentTag" = %(tag)s, status = 'contacted',
  "updatedAt" = now() at time zone 'UTC'
where id = %(lead)s
"""
ANSWER_IS_SENT = """
with message as (
  insert into public."Message" (id, channel, direction, "sentBy", body, "leadId", "sentAt")
  values (gen_random_uuid(), 'email', 'outbound', 'setter', 'Synthetic.', %(lead)s, now() at time zone 'UTC')
)
update public."Lead"
set "lastOutboundAt" = now() at time zone 'UTC', "lastZrgOutboundAt" = now() at time zone 'UTC',
  "updatedAt" = now() at time zone 'UTC'
where id = %(lead)s
"""
AI_DRAFTS = """
insert into public."AIDraft" (id, "leadId", content, channel, "autoSendAction", "updatedAt")
values (gen_random_uuid(), %(lead)s, 'Synthetic.', 'email', 'needs_review', now() at time zone 'UTC')
"""
DRAFTS_ARE_SENT = """
with approved as (
  update public."AIDraft"
  set status = 'approved', "updatedAt" = now() at time zone 'UTC'
  where "leadId" = %(lead)s and status = 'pending'
  returning id
),
message as (
  insert into public."Message" (id, channel, direction, "sentBy", "aiDraftId", body, "leadId", "sentAt")
  select gen_random_uuid(), 'email', 'outbound', 'ai', id, 'Synthetic.', %(lead)s, now() at time zone 'UTC'
  from approved
)
update public."Lead"
set "lastOutboundAt" = now() at time zone 'UTC', "lastZrgOutboundAt" = now() at time zone 'UTC',
  "updatedAt" = now() at time zone 'UTC'
where id = %(lead)s
"""
SNOOZE = """
update public."Lead" set "snoozedUntil" = now() at time zone 'UTC' + interval '2 seconds' where id = %(lead)s
"""
REASSIGN = """
update public."Lead" as l
set "assignedToUserId" = (
  select m."userId" from public."ClientMember" as m where m."clientId" = l."clientId" order by random() limit 1
)
where l.id = %(lead)s
"""
WRITES = 6 * [REPLY_ARRIVES] + 4 * [ANSWER_IS_SENT] + 4 * [AI_DRAFTS] + 2 * [DRAFTS_ARE_SENT] + [SNOOZE, REASSIGN]
TAGS = ("Interested", "Information Requested", "Meeting Requested", "Not Interested", "Out of Office")


@dataclass
class _Workspace:
    """A watched workspace: what its counts were and are, and the changes that the probe makes in it."""

    client_id: str
    name: str
    leads: int
    before: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    sent: list[float] = field(default_factory=list)  # when, by time.monotonic()
    shown_after: list[float] = field(default_factory=list)  # seconds; of the first of `sent`, in the same order


def run(
    *,
    workspaces: int = 40,
    leads: int = 200_000,
    seconds: float = 15,
    keep: bool = False,
    directory: Path | None = None,
) -> bool:
    """Run the demo and tell on stdout what happens. To be called in the main thread.

    Parameters: workspaces and leads, how many to make, at least 1; seconds, how long to write; keep, whether to leave
    the server up; directory, the server's own, new or empty, by default a temporary one.
    Returns whether verify found nothing.
    Raises EmbeddedServerFailed, for instance without the `embedded` extra, and other InboxdbErrors. SIGINT, SIGTERM
    and SIGHUP end it by SystemExit(128 + signal). Either way nothing of the server is left.
    """
    started = time.monotonic()
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    directory = (directory or Path(tempfile.gettempdir()) / f"inboxdb-demo-{secrets.token_hex(4)}").absolute()
    try:
        with _stopping_on_signals() as ignore_signals, ExitStack() as stack:
            with _step(console, "Starting a PostgreSQL of its own") as step:
                dsn = stack.enter_context(embedded.server(directory, keep=keep))
                stack.callback(ignore_signals)  # called first: nothing is to disturb the cleaning up
                step.outcome = f"PostgreSQL 18 is up in {escape(str(directory))}"
            healthy, client_id = _show(console, dsn, workspaces, leads, seconds)
    except SystemExit:
        console.print("Interrupted. The server is stopped and its directory removed.")
        raise

    console.print(f"\nThat took {time.monotonic() - started:.0f} s in all.", end=" ")
    if keep:
        pid = (directory / "data" / "postmaster.pid").read_text().split()[0]
        console.print(
            "The server is still up. Look around:\n\n"
            f"  export INBOXDB_DSN={shlex.quote(dsn)}\n"
            "  inboxdb status\n"
            f"  inboxdb counts {client_id}\n"
            "  inboxdb drain-dirty --watch &    # a drain at work; without one `inboxdb doctor` finds a problem\n\n"
            "and stop it when you are done:\n\n"
            f"  kill -INT {pid} && sleep 5 && rm -r {shlex.quote(str(directory))}",
            markup=False,
            soft_wrap=True,
        )
    else:
        console.print("The server is stopped and its directory removed.")
    return healthy


@contextmanager
def _stopping_on_signals() -> Iterator[Callable[[], None]]:
    """Leave the block in good order on a signal; yields a function after whose call signals are ignored."""

    def ignore() -> None:
        for number in previous:
            signal.signal(number, signal.SIG_IGN)

    def stop(number: int, frame: object) -> NoReturn:
        ignore()
        raise SystemExit(128 + number)

    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, handler in previous.items():
        if handler is not signal.SIG_IGN:  # nohup
            signal.signal(number, stop)
    yield ignore
    # Not after an exception: the process is about to end, and still deaf to a second Ctrl-C.
    for number, handler in previous.items():
        signal.signal(number, handler)


@dataclass
class _Step:
    """A step under way; `outcome` is printed once the step is done."""

    bar: Progress
    task: TaskID
    outcome: str = ""

    def progress(self, done: int, total: int, _: float | None) -> None:
        """Move the bar."""
        self.bar.update(self.task, completed=done, total=total)


@contextmanager
def _step(console: Console, doing: str) -> Iterator[_Step]:
    """Show a bar while the block runs, on a terminal; then the result and the seconds."""
    started = time.monotonic()
    columns = (SpinnerColumn("line"), "{task.description}", BarColumn())
    with Progress(*columns, console=console, transient=True, disable=not _is_terminal(console)) as bar:
        step = _Step(bar, bar.add_task(doing, total=None))
        yield step
    mark = "" if console.options.ascii_only else "[green]✓[/] "
    console.print(f"{mark}{step.outcome} [dim]({time.monotonic() - started:.1f} s)[/]")


def _is_terminal(console: Console) -> bool:
    """Say whether lines can be drawn anew; colours may be forced elsewhere too."""
    return sys.stdout.isatty() and console.is_interactive


def _show(console: Console, dsn: str, workspaces: int, leads: int, seconds: float) -> tuple[bool, str]:
    """Go through the steps on an empty server. Returns whether verify found nothing, and the id of a workspace."""
    with _step(console, "Making the host application's tables") as step:
        made = _make_host(dsn, workspaces, leads)
        step.outcome = "Synthetic host data: "
        step.outcome += f"{made['Client']:,} workspaces, {made['Lead']:,} leads, {made['Message']:,} messages"
    with _step(console, "Installing inboxdb") as step:
        installed = install(dsn, Named(trusted=["app_writer"], restricted=["authenticated"]), create_roles=True)
        step.outcome = f"inboxdb is installed by {len(installed.applied)} migrations; row-level security is on"
    with _step(console, "Counting every workspace") as step:
        filled = drain(dsn, DrainOptions(workers=2), on_progress=step.progress)
        step.outcome = f"First fill: {filled.refreshed} workspaces are counted"

    with session(dsn, application_name="inboxdb demo") as connection:
        live = _Live(dsn, connection, seconds)
        live.run(console)
        with _step(console, "Draining what is left") as step:
            drain(dsn)
            step.outcome = "The writers have stopped; what they left is drained"
        with _step(console, "Comparing every count with the host's tables") as step:
            result = verify(dsn, on_progress=step.progress)
            step.outcome = _verdict(result)
        console.print("\n[bold]What you saw[/]")
        console.print(live.summary())
        console.print(_comparison(connection, live.watched[0]))
        console.print(_as_members_see_it(connection, live.watched[0]))
        console.print(_week(connection, live.watched[0]))
    return result.healthy, live.watched[0].client_id


def _make_host(dsn: str, workspaces: int, leads: int) -> dict[str, int]:
    """Make the host's tables, rows and role. Returns how many rows each table has."""
    with session(dsn, application_name="inboxdb demo") as connection:
        # indexes after the rows: half the time
        tables, first, indexes = (sources.HOST / "host_wide.sql").read_bytes().partition(b"-- CreateIndex")
        connection.execute(tables)
        connection.execute((sources.HOST / "generate.sql").read_bytes())
        made = connection.execute(
            "select * from pg_temp.generate_host(workspaces => %s, leads => %s)", (workspaces, leads)
        ).fetchall()
        connection.execute(first + indexes)
        connection.execute(APPLICATION)
    return dict(made)


class _Live:
    """The live phase: connections that write, one that drains, and the counts that follow."""

    def __init__(self, dsn: str, connection: Connection, seconds: float) -> None:
        """Choose the workspaces to watch, from the largest to small ones, and the leads to write to."""
        self.dsn = dsn
        self.application = make_conninfo(dsn, user="app_writer")
        self.connection = connection
        self.seconds = seconds
        rows = connection.execute(
            """
            select c.id, c.name, w.leads
            from public."Client" as c
            inner join inboxdb.workspace as w on w.client_id = c.id
            order by w.leads desc, c.id
            """
        ).fetchall()
        self.watched = [_Workspace(*rows[rank - 1]) for rank in WATCHED_RANKS if rank <= len(rows)]
        self.client_ids = [workspace.client_id for workspace in self.watched]
        self.leads = [id for (id,) in connection.execute('select id from public."Lead" order by random() limit 5000')]
        self.prober = str(uuid4())
        self.writes = [0] * WRITERS  # a place for each thread
        self.refreshes = 0
        self.pending = 0
        self.elapsed = 0.0  # seconds
        self.stop = Event()

    def run(self, console: Console) -> None:
        """Write for the time given, and drain until every change of the probe shows."""
        terminal = _is_terminal(console)
        next_drawing = interval = DRAW_INTERVAL if terminal else LINE_INTERVAL
        self.read_counts()
        for workspace in self.watched:
            workspace.before = workspace.counts

        display: AbstractContextManager[Live | None]
        display = Live(console=console, auto_refresh=False) if terminal else nullcontext()
        started = time.monotonic()
        self.write_until = started + self.seconds
        with display as drawing, ThreadPoolExecutor(WRITERS + 2) as pool:
            try:
                writing = [pool.submit(self.write, number) for number in range(WRITERS)] + [pool.submit(self.probe)]
                draining = pool.submit(self.drain)
                while self.elapsed < self.seconds + GIVE_UP and not draining.done():
                    self.elapsed = time.monotonic() - started
                    self.look()
                    if all(thread.done() for thread in writing) and not self.unseen():
                        break
                    if self.elapsed > next_drawing:
                        next_drawing += interval
                        self.read_counts()
                        if drawing:
                            drawing.update(self.table(), refresh=True)
                        else:
                            console.print(f"{self.clock()}: {self.rates()}; a change shows {self.freshness()}")
                    time.sleep(POLL_INTERVAL)
            finally:
                self.stop.set()
            for thread in [*writing, draining]:
                thread.result()
            self.read_counts()
            if drawing:
                drawing.update(self.table(), refresh=True)
        if not terminal:
            console.print(self.table())

    def write(self, number: int) -> None:
        """Change leads as the application does, one after the other."""
        with session(self.application, application_name="inboxdb demo application") as connection:
            while time.monotonic() < self.write_until and not self.stop.wait(random.uniform(0, 2 * WRITE_PAUSE)):
                lead, tag = random.choice(self.leads), random.choice(TAGS)
                connection.execute(random.choice(WRITES), {"lead": lead, "tag": tag})
                self.writes[number] += 1

    def probe(self) -> None:
        """Make the probe's changes: see the head of this file."""
        with session(self.application, application_name="inboxdb demo probe") as connection:
            due = time.monotonic()
            for workspace in cycle(self.watched):
                due += PROBE_INTERVAL
                if due > self.write_until or self.stop.wait(max(0, due - time.monotonic())):
                    return
                workspace.sent.append(time.monotonic())
                connection.execute(
                    """
                    insert into public."Lead" (id, "clientId", "assignedToUserId", "updatedAt")
                    values (gen_random_uuid(), %s, %s, now() at time zone 'UTC')
                    """,
                    (workspace.client_id, self.prober),
                )

    def drain(self) -> None:
        """Drain as `inboxdb drain-dirty --watch` does."""

        def count(done: int, total: int, _: float | None) -> None:
            self.refreshes += 1

        drain(self.dsn, DrainOptions(schedule=WATCH), stop=self.stop, on_progress=count)

    def look(self) -> None:
        """Note the probe's changes that show by now."""
        shown: dict[str, int] = dict(
            self.connection.execute(
                """
                select client_id, total
                from inboxdb.inbox_counts
                where client_id = any (%s) and not is_global and scope_user_id = %s
                """,
                (self.client_ids, self.prober),
            ).fetchall()
        )
        now = time.monotonic()
        for workspace in self.watched:
            seen = len(workspace.shown_after)
            newly = workspace.sent[seen : shown.get(workspace.client_id, 0)]
            workspace.shown_after += [now - sent for sent in newly]

    def unseen(self) -> int:
        """Say how many of the probe's changes do not show yet."""
        return sum(len(workspace.sent) - len(workspace.shown_after) for workspace in self.watched)

    def read_counts(self) -> None:
        """Read the watched workspaces' counts, and how much waits."""
        rows = self.connection.execute(
            """
            select client_id, requires_attention, all_responses, ai_review
            from inboxdb.inbox_counts
            where client_id = any (%s) and is_global
            """,
            (self.client_ids,),
        ).fetchall()
        counts = {client_id: tuple(figures) for client_id, *figures in rows}
        for workspace in self.watched:
            workspace.counts = counts[workspace.client_id]
        self.pending = status.read(self.connection).pending_changes

    def clock(self) -> str:
        """Say how much of the time is over."""
        return f"{min(self.elapsed, self.seconds):.0f} of {self.seconds:g} s"

    def rates(self) -> str:
        """Say how much is going on."""
        writes = sum(self.writes)
        return (
            f"{writes:,} writes ({writes / min(self.elapsed, self.seconds):.0f}/s), "
            f"{self.refreshes:,} refreshes ({self.refreshes / self.elapsed:.0f}/s), "
            f"{self.pending:,} changes wait"
        )

    def freshness(self) -> str:
        """Say how long the probe's changes took to show."""
        ages = [age for workspace in self.watched for age in workspace.shown_after]
        p50, p99, longest = (_percentile(ages, percent) for percent in (50, 99, 100))
        return f"after {p50} (p50), {p99} (p99), {longest} at most"

    def table(self) -> Table:
        """Draw the watched workspaces, what moved since the start in green."""
        title = f"{WRITERS} connections write, another drains: {self.clock()}"
        if self.elapsed > self.seconds:
            title = f"{WRITERS} connections wrote for {self.seconds:g} s while another drained"
        table = Table(
            box=SIMPLE_HEAD,
            title=title,
            caption=f"{self.rates()}\na change shows {self.freshness()}",
        )
        table.add_column("workspace")
        for heading in ("leads", "requires\nattention", "all\nresponses", "AI\nreview", "shown\np50", "after\np99"):
            table.add_column(heading, justify="right")
        for workspace in self.watched:
            cells = [
                f"{now:,} [green]{now - before:+,}[/]"
                for now, before in zip(workspace.counts, workspace.before, strict=True)
            ]
            ages = [_percentile(workspace.shown_after, percent) for percent in (50, 99)]
            table.add_row(workspace.name.removeprefix("Workspace "), f"{workspace.leads:,}", *cells, *ages)
        return table

    def summary(self) -> str:
        """Print the summary."""
        measured = sum(len(workspace.shown_after) for workspace in self.watched)
        text = (
            f"{sum(self.writes):,} writes in {self.seconds:g} s by a role that has no rights in inboxdb, and "
            f"{self.refreshes:,} refreshes beside them. A committed change showed {self.freshness()} "
            f"(15 s are allowed), measured on {measured:,} changes."
        )
        if self.unseen():
            text += f" [red]{self.unseen():,} more did not show within {GIVE_UP:g} s.[/]"
        return text


def _percentile(values: Sequence[float], percent: int) -> str:
    """Name the value in seconds that so many percent do not exceed."""
    return f"{sorted(values)[math.ceil(len(values) * percent / 100) - 1]:.2f} s" if values else ""


def _verdict(result: VerifyResult) -> str:
    """Say verify's result in words."""
    compared = f"{result.scopes:,} rows of counts in {result.workspaces:,} workspaces"
    if result.healthy:
        return f"[bold green]Zero drift:[/] {compared} were compared with the host's tables, and none differs"
    return (
        f"[bold red]Not right:[/] of {compared}, {result.drifted:,} differ from the host's tables, and "
        f"{result.unverified:,} workspaces could not be compared. Please report this"
    )


def _comparison(connection: Connection, largest: _Workspace) -> str:
    """Compare a read of the largest workspace's counts with counting its leads."""
    read = _seconds(
        connection, "select * from inboxdb.inbox_counts where client_id = %s and is_global", largest.client_id, 200
    )
    count = _seconds(connection, "select * from inboxdb.live_inbox_counts(%s)", largest.client_id, 5)
    return (
        f"{largest.name} has {largest.leads:,} leads. Reading its counts by primary key takes {read * 1000:.2f} ms, "
        f"counting on the spot {count * 1000:.0f} ms: {count / read:,.0f} times as long."
    )


def _as_members_see_it(connection: Connection, workspace: _Workspace) -> str:
    """Let a member who sees the whole workspace, a setter and a stranger ask for its counts and its leads."""
    members = connection.execute(
        """
        select min(a.user_id) filter (where a.sees_whole), min(a.user_id) filter (where not a.sees_whole)
        from inboxdb.member_access as a
        where a.client_id = %s
        """,
        (workspace.client_id,),
    ).fetchone()
    assert members
    names = ("An admin or owner", "a setter", "a stranger")
    return f"{workspace.name} as its members see it: " + "; ".join(
        f"{name} {_seen(connection, workspace.client_id, user)}"
        for name, user in zip(names, (*members, str(uuid4())), strict=True)
        if user is not None
    )


def _week(connection: Connection, workspace: _Workspace) -> Table:
    """Draw what happened in a workspace in its last days."""
    started = time.monotonic()
    found = analytics.read(connection, workspace.client_id, None, None, None)
    taken = time.monotonic() - started
    table = Table(
        box=SIMPLE_HEAD,
        title=f"{workspace.name}: the last {WEEK} days of {found.time_zone}",
        caption=f"read with response times and those of {len(found.days)} days, in {taken:.1f} s",
    )
    table.add_column("day")
    for heading in ("leads\ncreated", "messages\nreceived", "messages\nsent", "meetings\nbooked"):
        table.add_column(heading, justify="right")
    for day in found.days[-WEEK:]:
        numbers = (day[name] for name in ("leads_created", "inbound", "outbound", "meetings_booked"))
        table.add_row(day["day"], *(f"{number:,}" for number in numbers))
    return table


def _seen(connection: Connection, client_id: str, user: str) -> str:
    """Sign a user in for a transaction, and say which counts, leads and conversations the database shows them."""
    with connection.transaction(force_rollback=True):
        connection.execute("set local role authenticated")
        claims = json.dumps({"sub": user})
        connection.execute("select pg_catalog.set_config('request.jwt.claims', %s, true)", (claims,))
        leads = connection.execute('select count(*) from public."Lead" where "clientId" = %s', (client_id,)).fetchone()
        assert leads
        try:
            [(total, badge)] = connection.execute(
                "select total, requires_attention from inbox_api.inbox_counts(%s)", (client_id,)
            ).fetchall()
        except Error as error:
            return f"sees {leads[0]:,} leads, and is refused the counts and the list ({error.sqlstate})"
        listed, _ = conversations.read(connection, client_id, user, {"filter": "attention"}, sys.maxsize)
        newest = f" (the newest is {escape(str(listed[0]['name']))})" if listed else ""
        return (
            f"sees {leads[0]:,} leads and a total of {total:,}, a badge of {badge:,} that need attention, and "
            f"{len(listed):,} in the list behind the badge{newest}"
        )


def _seconds(connection: Connection, query: LiteralString, client_id: str, times: int) -> float:
    """Measure how long a query takes, from question to answer: the median."""
    taken = []
    for _ in range(times):
        started = time.monotonic()
        connection.execute(query, (client_id,)).fetchall()
        taken.append(time.monotonic() - started)
    return statistics.median(taken)

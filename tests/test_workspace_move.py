"""Moving a workspace to another database: nothing is lost, nobody else is refused, and a killed move is gone on with.

What is in both databases is compared as text, row by row, with what was there before.
"""

import json
import pickle
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Lock
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from inboxdb.counts.verify import verify
from inboxdb.database.errors import ConnectionLost, InboxdbError, MigrationsBusy
from inboxdb.drain.options import DrainOptions
from inboxdb.drain.redis import Cache
from inboxdb.drain.run import drain
from inboxdb.install import lists, migrate
from inboxdb.install.suspend import resume, suspend
from inboxdb.install.uninstall import uninstall
from inboxdb.move import copying, fence, steps
from inboxdb.move.copying import RowsInTheWay
from inboxdb.move.tables import Table, find
from tests.aggregates import bring_up_to_date, is_built
from tests.asking import ask, signed_in
from tests.catalog import catalog, difference
from tests.interleave import DEADLINE, until
from tests.parts import one_in
from tests.redis_server import RedisServer
from tests.rows import WRITTEN_AT, Host, new_id, set_clock
from tests.running import python_ends
from tests.servers import Database, Server
from tests.test_cli import invoke

pytestmark = pytest.mark.host_variants("wide-text")

ANN = "00000000-0000-4000-8000-00000000000a"  # owns all workspaces here

Rows = Counter[tuple[str, str]]

DAYS = {"from_day": "2024-01-01", "to_day": "2024-01-31"}

READS: dict[str, dict[str, str]] = {"inbox_counts": {}, "conversations": {}, "analytics_days": DAYS, "crm_rows": {}}


def prepare(database: Database) -> None:
    """Build the indexes of lists; one campaign is shared by workspaces, and on both sides."""
    lists.build(database.direct_dsn)
    Host(database.connect()).row("SmsCampaign", id=SHARED, name="for all")


SHARED = "00000000-0000-4000-8000-00000000cccc"


@pytest.fixture
def target(server: Server, host_variant: str) -> Iterator[Database]:
    """A second database, without workspaces."""
    with server.database(host_variant, installed=True, prepare=prepare) as database:
        yield database


def fill(host: Host, workspace: str, leads: int = 3) -> list[str]:
    """Write rows of a workspace in every table."""
    host.member(workspace, new_id(), "SETTER")
    host.row("WorkspaceSettings", clientId=workspace, timezone="Europe/Berlin")
    host.row("WorkspaceMemoryEntry", clientId=workspace)
    own = host.row("SmsCampaign", clientId=workspace, name="own")
    email = host.row("EmailCampaign", clientId=workspace, bisonCampaignId=new_id(), name="by e-mail")
    sequence = host.row("FollowUpSequence", clientId=workspace, name="sequence")
    campaign = host.row("ReactivationCampaign", clientId=workspace, name="again")
    found = []
    for number in range(leads):
        lead = host.lead(
            workspace,
            assignedToUserId=new_id(),
            lastInboundAt=WRITTEN_AT,
            smsCampaignId=SHARED if number else own,
            emailCampaignId=email,
            firstName="Ä\t\\N",
            snoozedUntil="infinity" if number == 1 else None,
        )
        host.message(lead, body="a\nb")
        host.ai_sent(lead)
        host.row("FollowUpInstance", leadId=lead, sequenceId=sequence, updatedAt=WRITTEN_AT)
        host.row("ReactivationEnrollment", leadId=lead, campaignId=campaign)
        host.row("LeadCrmRow", leadId=lead, updatedAt=WRITTEN_AT, interestRegisteredAt=WRITTEN_AT)
        host.row("LeadMemoryEntry", leadId=lead)
        host.row("AIInteraction", clientId=workspace, leadId=lead)
        host.row("DraftPipelineArtifact", runId=host.row("DraftPipelineRun", leadId=lead))
        found.append(lead)
    return found


def everything(connection: Connection[Any]) -> Rows:
    """Read all rows of the host's tables, with their table."""
    tables = connection.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
    )
    return Counter(
        (table, text)
        for (table,) in tables.fetchall()
        for (text,) in connection.execute(SQL("select t::text from public.{} as t").format(Identifier(table)))
    )


def told(database: Database, workspace: str) -> list[Any]:
    """Read what the workspace's owner is told, but for versions and moments."""
    member = database.signed_in(ANN)
    found = []
    for read, given in READS.items():
        outcome = ask(member, signed_in(ANN), read, {"client_id": workspace, **given})
        passing = ("version", "computed_at", "is_stale", "dirty_since", "cursor")
        found.append((outcome.refusal, {k: v for k, v in (outcome.answer or {}).items() if k not in passing}))
    return found


def move_whole(source: str, target: str, workspace: str, report: steps.Report = lambda line: None) -> steps.Moved:
    """Move a workspace, whose directory is switched in between."""
    done = steps.move(source, target, workspace, report=report)
    assert done.step == "ready"
    return replace(steps.move(source, target, workspace, switched=True, report=report), rows=done.rows)


def version(connection: Connection[Any], workspace: str) -> int:
    """Return the greatest version of a workspace that a database has given."""
    query = "select coalesce(max(version), 0) from inboxdb.cache_version where client_id::text = %s"
    [(found,)] = connection.execute(query, [workspace]).fetchall()
    return int(found)


def assert_nothing_is_left(connection: Connection[Any]) -> None:
    """Assert that no trigger and no table of a move is there."""
    left = """
        select tgname from pg_trigger where tgname like 'workspace\\_moves%'
        union all select nspname from pg_namespace where nspname = 'inboxdb_move'
    """
    assert connection.execute(left).fetchall() == []


def assert_sound(*databases: Database) -> None:
    """Assert that no count has drifted, and that the installations are as shipped."""
    for database in databases:
        result = verify(database.dsn)
        assert (result.differences, result.unverified_workspaces) == ([], [])
        assert migrate.status(database.dsn)
        assert_nothing_is_left(database.connect())


@pytest.mark.host_variants("wide-text", "wide-uuid", "wide-mixed")
def test_there_and_back(database: Database, target: Database, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows, and what members are told, with the flags; another workspace's rows stay; versions only grow."""
    monkeypatch.setattr(copying, "BATCH", 2)  # rows of a table are deleted in several transactions
    owner, there = database.connect(), target.connect()
    other = host.workspace(userId=ANN)
    fill(host, other)
    without = everything(owner)
    workspace = host.workspace(userId=ANN)
    fill(host, workspace)
    owner.execute("call inboxdb.drain_dirty()")
    owner.execute("select inboxdb.set_flag('inbox_read', 'off', 'not yet', %s)", [other])
    owner.execute("select inboxdb.set_flag('analytics_read', 'on', 'a beta', %s)", [workspace])
    before, empty, answers = everything(owner), everything(there), told(database, workspace)
    versions = [version(owner, workspace)]
    reported: list[str] = []
    plan = steps.plan(database.dsn, target.dsn, workspace)
    assert (plan.obstacles, sum(plan.rows.values())) == ([], sum((before - without).values()))
    for number, (source, to) in enumerate(((database, target), (target, database))):
        done = move_whole(source.dsn, to.dsn, workspace, report=reported.append)
        assert done.rows == sum(plan.rows.values())
        versions.append(version(to.connect(), workspace))
        assert version(source.connect(), workspace) < versions[-1], "also in a Redis that both publish to"
        assert told(to, workspace) == answers
        assert told(source, workspace)[0][0][0] == "IB007"
        assert (everything(owner) - without, everything(there) - empty) == (
            (before - without, Counter()) if number else (Counter(), before - without)
        )
        flags = "select flag_name from inboxdb.flag_override where client_id = %s"
        assert to.connect().execute(flags, [workspace]).fetchall() == [("analytics_read",)]
        assert source.connect().execute(flags, [workspace]).fetchall() == []
    assert_sound(database, target)
    assert versions == sorted(set(versions))
    assert len(reported) == 10


# Writers


def writes(leads: list[str], workspace: str) -> dict[str, str]:
    """Name writes of a workspace's rows, in every way."""
    lead = leads[0]
    return {
        "insert a lead": f"""
            insert into "Lead" (id, "clientId", "updatedAt") values (gen_random_uuid(), '{workspace}', now())
        """,
        "update a lead": f"""update "Lead" set status = 'x' where id = '{lead}'""",
        "delete a lead": f"""delete from "Lead" where id = '{lead}'""",
        "update a message": f"""update "Message" set body = 'x' where "leadId" = '{lead}'""",
        "delete a message": f"""delete from "Message" where "leadId" = '{lead}'""",
        "insert a draft": f"""
            insert into "AIDraft" (id, "leadId", content, "updatedAt") values (gen_random_uuid(), '{lead}', '', now())
        """,
        "insert what no foreign key ties": f"""
            insert into "LeadMemoryEntry" (id, "leadId") values (gen_random_uuid(), '{lead}')
        """,
        "update two steps away": """update "DraftPipelineArtifact" set id = id""",
        "rename the workspace": f"""update "Client" set name = 'x' where id = '{workspace}'""",
        "delete the workspace": f"""delete from "Client" where id = '{workspace}'""",
        "truncate": 'truncate "LeadCrmRow"',
    }


def outcome(connection: Connection[Any], statement: str) -> str | None:
    """Try a statement, undo it, and return its SQLSTATE."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate
    return None


def test_writers_are_refused_until_it_ends(database: Database, target: Database, host: Host) -> None:
    """Those of the workspace alone, in every way and by name; then the move is given up, or has ended."""
    other, workspace = host.workspace(userId=ANN), host.workspace(userId=ANN)
    theirs, leads = fill(host, other), fill(host, workspace)
    writer = database.writer()
    before, empty = everything(writer), everything(target.connect())
    done = steps.move(database.dsn, target.dsn, workspace)
    assert (done.step, steps.plan(database.dsn, target.dsn, workspace).step) == ("ready", "ready")
    for name, write in writes(leads, workspace).items():
        assert outcome(writer, write) == "IB024", name
    for name, write in writes(theirs, other).items():
        assert outcome(writer, write) == ("IB024" if "two steps" in name or name == "truncate" else None), name
    for taken in (
        f"set \"clientId\" = '{workspace}' where id = '{theirs[0]}'",
        f"set \"clientId\" = '{other}' where id = '{leads[0]}'",
    ):
        assert outcome(writer, f'update "Lead" {taken}') == "IB024"
    with pytest.raises(psycopg.Error, match=f"workspace {workspace} is being moved") as raised:
        writer.execute(writes(leads, workspace)["update a lead"].encode())
    assert raised.value.diag.message_hint

    assert steps.undo(database.dsn, target.dsn, workspace).step == "undone"
    assert (everything(writer), everything(target.connect())) == (before, empty)
    assert [outcome(writer, write) for write in writes(leads, workspace).values()] == [None] * len(
        writes(leads, workspace)
    )
    assert_sound(database, target)
    with pytest.raises(steps.MoveRefused, match="no move of it is under way"):
        steps.undo(database.dsn, target.dsn, workspace)


def test_written_while_it_is_copied(
    database: Database, target: Database, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own writers and others', at random: what was committed before the stop is there, and nothing else is."""
    monkeypatch.setattr(steps, "FEW", 0)
    chance = random.Random(19)
    workspaces = [host.workspace(userId=ANN) for _ in range(3)]
    leads = {workspace: fill(host, workspace) for workspace in workspaces}
    moving = workspaces[1]
    stopped: list[Rows] = []
    kinds: Counter[str] = Counter()

    def write(line: str) -> None:
        if "copied" in line:
            for _ in range(12):
                workspace = chance.choice(workspaces)
                kind = chance.choice(["new", "gone", "answered", "drafted", "exchanged", "given"])
                kinds[kind] += 1
                write_one(host, chance, leads, workspace, kind)
        elif "refused" in line:
            stopped.append(everything(host.connection))
            write_one(host, chance, leads, workspaces[0], "new")

    empty = everything(target.connect())
    move_whole(database.dsn, target.dsn, moving, report=write)
    assert len(kinds) == 6
    here, there = everything(host.connection), everything(target.connect())
    assert stopped[0] - here == there - empty
    assert sum((here - stopped[0]).values()) == 1
    assert not [row for row in here if moving in row[1] or any(lead in row[1] for lead in leads[moving])]
    assert {row[1] for row in there if row[0] == "Lead"} == {
        row[1] for row in stopped[0] if row[0] == "Lead" and moving in row[1]
    }
    assert_sound(database, target)


@pytest.mark.slow
def test_drains_of_the_target_meanwhile(
    database: Database, target: Database, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two tables: what they remember of leads without messages is not what is told afterwards. Nor is it a
    difference what those of the source have not come to yet.
    """
    workspace = host.workspace(userId=ANN)
    lead, *_ = fill(host, workspace)
    bring_up_to_date(database)
    answers = told(database, workspace)
    host.message(lead)  # of today, while `told` asks for days of 2024
    host.update("Lead", lead, lastInboundAt=WRITTEN_AT)
    copy, drained = copying._copy_what_differs, list[str]()

    def copy_and_drain(source: Connection[Any], to: Connection[Any], table: Table, belongs: Any) -> tuple[int, int]:
        rows, copied = copy(source, to, table, belongs)
        if copied and table.name in ("Lead", "AIDraft"):
            drained.append(table.name)
            bring_up_to_date(target)
        return rows, copied

    monkeypatch.setattr(copying, "_copy_what_differs", copy_and_drain)
    move_whole(database.dsn, target.dsn, workspace)
    assert drained == ["Lead", "AIDraft"]
    assert told(target, workspace) == answers
    bring_up_to_date(target)
    assert is_built(target.connect(), workspace)
    assert told(target, workspace) == answers
    assert_sound(database, target)


@pytest.mark.slow
def test_unique_values_that_are_exchanged(
    database: Database, target: Database, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After they were copied: neither row can be written first."""
    workspace = host.workspace(userId=ANN)
    one, other, _ = fill(host, workspace)
    host.update("Lead", one, ghlContactId="1")
    host.update("Lead", other, ghlContactId="2")

    def exchange(line: str) -> None:
        if "copied" in line:
            for lead, value in ((one, None), (other, "1"), (one, "2")):
                host.update("Lead", lead, ghlContactId=value)

    before, empty = everything(host.connection), everything(target.connect())
    move_whole(database.dsn, target.dsn, workspace, report=exchange)
    there = everything(target.connect()) - empty
    assert {table: sum(name == table for name, _ in there.elements()) for table, _ in before} | {"SmsCampaign": 2} == {
        table: sum(name == table for name, _ in before.elements()) for table, _ in before
    }
    ids = """select id::text, "ghlContactId" from "Lead" where "ghlContactId" is not null"""
    assert dict(target.connect().execute(ids).fetchall()) == {one: "2", other: "1"}


class Application:
    """Writes rows of a workspace at random, where the directory says, and remembers what was committed."""

    def __init__(self, databases: list[Database], place: int, seed: int) -> None:
        """Insert a workspace in a database, by its number."""
        self.hosts = [Host(one.writer()) for one in databases]
        self.place = place
        self.workspace = self.hosts[place].workspace(userId=ANN)
        self.leads: dict[str, str] = {}  # with their status
        self.messages: dict[str, str] = {}  # with their lead
        self.refused = 0
        self._chance = random.Random(seed)
        self._writing = Lock()

    def write(self, stop: Event) -> None:
        """Go on until it is stopped, whatever is refused because the workspace moves."""
        while not stop.is_set():
            try:
                with self._writing:
                    self._write(self.hosts[self.place])
            except psycopg.Error as error:
                if error.sqlstate != "IB024":
                    raise
                self.refused += 1
            stop.wait(0.005)  # some hundred writes a second

    def go(self, place: int) -> None:
        """Write in another database from now on."""
        with self._writing:
            self.place = place

    def _write(self, host: Host) -> None:
        kind = self._chance.choice(["new", "new", "gone", "answered", "named", "exchanged"])
        if kind == "new" or not self.leads:
            self.leads[host.lead(self.workspace, status="new", assignedToUserId=new_id())] = "new"
            return
        lead = self._chance.choice(list(self.leads))
        message = self._chance.choice(list(self.messages) or [""])
        if kind == "gone":
            host.delete("Lead", lead)
            del self.leads[lead]
            self.messages = {one: its for one, its in self.messages.items() if its != lead}
        elif kind == "named":
            status = self._chance.choice(["new", "blacklisted", "interested"])
            host.update("Lead", lead, status=status, lastInboundAt=WRITTEN_AT)
            self.leads[lead] = status
        elif kind == "answered" or not message:
            self.messages[host.message(lead)] = lead
            host.update("Lead", lead, lastInboundAt=WRITTEN_AT)
        else:
            before = self.messages[message]
            host.update("Message", message, leadId=lead)
            self.messages[message] = lead
            for one in (before, lead):  # which tells of it
                host.update("Lead", one, lastInboundAt=WRITTEN_AT)

    def assert_all_is_there(self) -> None:
        """Assert that what was committed is where the directory says, and nowhere else."""
        leads = """select id::text, status from "Lead" where "clientId"::text = %s"""
        messages = """
            select m.id::text, l.id::text
            from "Message" as m inner join "Lead" as l on m."leadId" = l.id where l."clientId"::text = %s
        """
        for number, host in enumerate(self.hosts):
            found = [dict(host.connection.execute(query, [self.workspace]).fetchall()) for query in (leads, messages)]
            assert found == ([self.leads, self.messages] if number == self.place else [{}, {}])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_beside_random_writers(
    database: Database, target: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """There and back, while all workspaces of both are written: no write is lost, others are never refused, and
    members are told at the target what they were told at the source.
    """
    monkeypatch.setattr(steps, "FEW", 0)
    databases = [database, target]
    chance, stop = random.Random(seed), Event()
    applications = [Application(databases, place, 10 * seed + place) for place in (0, 1, 0, 1)]
    moving = chance.choice(applications)
    last: list[list[Any]] = []

    def follow(line: str) -> None:
        if "refused" in line or "the directory names" in line:
            side = databases[moving.place if "refused" in line else 1 - moving.place]
            side.connect().execute("select inboxdb.recompute_inbox_counts(%s)", [moving.workspace])
            last.append(told(side, moving.workspace))
        if "the directory names" in line:
            moving.go(1 - moving.place)

    with ThreadPoolExecutor(len(applications)) as pool:
        running = [pool.submit(application.write, stop) for application in applications]
        try:
            for _ in range(2):
                source, to = (databases[place].dsn for place in (moving.place, 1 - moving.place))
                move_whole(source, to, moving.workspace, report=follow)
        finally:
            stop.set()
        for one in running:
            one.result(DEADLINE)
    assert [last[0], last[2]] == [last[1], last[3]]
    for application in applications:
        application.assert_all_is_there()
        assert application.refused == 0 or application is moving
    assert_sound(database, target)


# Versions


@pytest.mark.slow
def test_each_change_is_new_in_a_shared_redis(
    database: Database, target: Database, host: Host, redis: RedisServer
) -> None:
    """Though the clock of one side is years ahead, and whichever publishes first after a move."""
    workspace = host.workspace(userId=ANN)
    fill(host, workspace, 1)
    set_clock(database.connect(), "2099-01-01 00:00:00+00")

    def published(*sides: Database) -> int:
        for side in sides:
            drain(side.dsn, DrainOptions(cache=Cache(redis.url)))
        return int(redis.client.get(f"inbox:v1:ver:{workspace}"))

    seen = [published(database)]
    for source, to in ((database, target), (target, database)):

        def switched(line: str, to: Database = to) -> None:
            if "directory names" in line:
                seen.append(published(to))

        move_whole(source.dsn, to.dsn, workspace, report=switched)
        seen.append(published(*((source, to) if to is target else (to, source))))
        Host(to.writer()).lead(workspace)
        seen.append(published(to))
        assert published(source) == seen[-1], "what the source has to say of it is older"
    assert seen == sorted(set(seen))


def write_one(host: Host, chance: random.Random, leads: dict[str, list[str]], workspace: str, kind: str) -> None:
    """Write something of a workspace."""
    if kind == "new" or len(leads[workspace]) < 2:
        leads[workspace].append(host.lead(workspace, firstName=new_id()))
        return
    lead = chance.choice(leads[workspace])
    if kind == "gone":
        leads[workspace].remove(lead)
        host.delete("Lead", lead)
    elif kind == "answered":
        host.message(lead)
        host.update("Lead", lead, lastInboundAt=WRITTEN_AT, status=chance.choice(["new", "blacklisted"]))
    elif kind == "drafted":
        host.ai_sent(lead)
    elif kind == "exchanged":  # a message goes to another lead
        query = 'update public."Message" set "leadId" = %s where "leadId" = %s and "aiDraftId" is null'
        host.connection.execute(query, [chance.choice(leads[workspace]), lead])
    else:  # an id that no other row may have goes to another lead
        query = 'update public."Lead" set "ghlContactId" = %s where id = %s'
        host.connection.execute('update public."Lead" set "ghlContactId" = null where "ghlContactId" = %s', [workspace])
        host.connection.execute(query, [workspace, lead])


# Ends that are no end


def small(host: Host, workspace: str) -> None:
    """Write a row of a workspace in each table of a host that has no others."""
    lead = host.lead(workspace, lastInboundAt=WRITTEN_AT, smsCampaignId=SHARED)
    host.message(lead)
    host.ai_sent(lead)
    host.member(workspace, new_id(), "SETTER")


KILLED = """
import os, signal, sys, psycopg
from inboxdb.move import steps
left = int(sys.argv[4])
def counting(self, *args, real=psycopg.Cursor.execute, **options):
    global left
    left -= 1
    if left < 0: os.kill(os.getpid(), signal.SIGKILL)
    return real(self, *args, **options)
psycopg.Cursor.execute = counting
while steps.move(*sys.argv[1:4], switched=True).step != "switched":
    pass
"""


def movers(watch: Connection[Any], *databases: Database) -> int:
    """Count the backends of moves: that of a killed one goes a moment later."""
    at_work = "select from pg_stat_activity where application_name = 'inboxdb workspace' and datname = any (%s)"
    return watch.execute(at_work, [[one.name for one in databases]]).rowcount


AFTER = """
import os, pickle, signal, sys, psycopg
from inboxdb.move import copying, obstacles, steps
left, looking = int(sys.argv[5]), 0
def counting(self, *args, real=psycopg.Connection.wait, **options):
    global left
    result = real(self, *args, **options)
    left -= not looking
    if not left: os.kill(os.getpid(), signal.SIGKILL)
    return result
def uncounted(real):
    def look(*args, **options):
        global looking
        looking += 1
        try: return real(*args, **options)
        finally: looking -= 1
    return look
psycopg.Connection.wait = counting
steps.connect = uncounted(steps.connect)
steps._require_installed = lambda *_: None
copying.BATCH = 1
belonging = pickle.loads(bytes.fromhex(sys.argv[6]))
obstacles.of_schemas = lambda sides: (belonging, [])
for module, name in ((obstacles, "of_rows"), (steps, "_require_same_answers")):
    setattr(module, name, uncounted(getattr(module, name)))
sides = sys.argv[2:5]
if sys.argv[1] == "undo":
    steps.undo(*sides)
while sys.argv[1] == "move" and steps.move(*sides, switched=True).step != "switched":
    pass
"""


@pytest.mark.slow
@pytest.mark.host_variants("text")
@pytest.mark.parametrize("command", ["move", "undo"])
def test_killed_after_every_statement(database: Database, target: Database, host: Host, command: str) -> None:
    """One after the other, each time gone on with up to the next, but for those of looking, which change nothing: one
    side always has all rows, others' rows stay, and at the end all is as after a call that nobody killed.
    """
    small(host, host.workspace(userId=ANN))
    owner, there, watch = database.connect(), target.connect(), database.superuser()
    without, empty = everything(owner), everything(there)
    moving = host.workspace(userId=ANN)
    small(host, moving)
    rows = everything(owner) - without
    if command == "undo":
        steps.move(database.dsn, target.dsn, moving)
    with owner.transaction():
        tables = pickle.dumps(find(owner)).hex()
    step: str | None = None
    at, killed = 1, 0
    while (end := python_ends(AFTER, command, database.dsn, target.dsn, moving, str(at), tables)) == -signal.SIGKILL:
        killed += 1
        until(lambda: not movers(watch, database, target))
        begun = fence.read(owner, moving)
        before, step = step, begun.step if begun else None
        at = at + 1 if step == before else 1
        here, over_there = everything(owner), everything(there)
        assert without <= here <= without + rows
        assert empty <= over_there <= empty + rows
        if step is None and before is not None:
            break
        assert rows <= (over_there if step == fence.SWITCHED else here), (step, at)
        if step is not None:  # what lets the move past the fence is never to be seen by others
            assert owner.execute("select from inboxdb_move.move where deleted_by is not null").rowcount == 0
        if step == fence.SWITCHING and before == fence.READY:
            with pytest.raises(steps.MoveRefused, match="may be switched already"):
                steps.undo(database.dsn, target.dsn, moving)
    assert end in (0, -signal.SIGKILL)
    assert killed > {"move": 300, "undo": 20}[command]
    assert (here, over_there) == ((without, empty + rows) if command == "move" else (without + rows, empty))
    assert_sound(database, target)


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=pytest.mark.slow) for seed in range(2)])
def test_killed_and_gone_on_with(database: Database, target: Database, host: Host, seed: int) -> None:
    """On a host with more tables: after any statement, and again after any other, there and back."""
    chance = random.Random(seed)
    other = host.workspace(userId=ANN)
    fill(host, other)
    without, empty = everything(host.connection), everything(target.connect())
    workspace = host.workspace(userId=ANN)
    fill(host, workspace)
    before = everything(host.connection)
    watch = database.superuser()
    ends: list[int | None] = []
    for source, to in ((database, target), (target, database)):
        for at in (chance.randrange(40, 800), chance.randrange(40, 400)):
            ends.append(python_ends(KILLED, source.dsn, to.dsn, workspace, str(at)))
            until(lambda: not movers(watch, database, target))
        if source.connect().execute('select from "Client" where id::text = %s', [workspace]).rowcount or ends[-1] != 0:
            while steps.move(source.dsn, to.dsn, workspace, switched=True).step != "switched":
                pass
        here, there = everything(host.connection), everything(target.connect())
        assert (here, there - empty) == ((without, before - without) if to is target else (before, Counter()))
        assert_sound(database, target)
    assert ends.count(-signal.SIGKILL) >= 2
    assert set(ends) <= {-signal.SIGKILL, 0}


# Beside migrations

COMMANDS: dict[str, Callable[[str], object]] = {
    "suspend": suspend,
    "uninstall": lambda dsn: uninstall(dsn, rls_off=True),
    "rollback": migrate.rollback,
    "apply": migrate.apply,
    "resume": resume,
}


def test_what_takes_inboxdb_off_waits_for_moves(
    database: Database, target: Database, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused at both sides, by name, while a move is unfinished; while one is at work no migration begins."""
    monkeypatch.setattr(migrate, "PATIENCE", 0.0)
    workspace = host.workspace(userId=ANN)
    fill(host, workspace, 1)

    def meanwhile(line: str) -> None:
        if "refused" in line:
            for side in (database, target):
                for command in COMMANDS.values():
                    with pytest.raises(MigrationsBusy):
                        command(side.direct_dsn)

    steps.move(database.dsn, target.dsn, workspace, report=meanwhile)
    for side in (database, target):
        before = catalog(side.connect())
        for name, command in COMMANDS.items():
            if name in ("apply", "resume"):
                command(side.direct_dsn)
            else:
                with pytest.raises(InboxdbError, match=f"unfinished move of workspace {workspace}: .*undo"):
                    command(side.direct_dsn)
        assert not difference(before, catalog(side.connect()))


@pytest.mark.slow
@pytest.mark.parametrize("taken", [suspend, migrate.rollback])
@pytest.mark.parametrize("side", [0, 1])
def test_taken_off_all_the_same(
    database: Database, target: Database, host: Host, taken: Callable[[str], object], side: int
) -> None:
    """As by a drain, whose host has changed, or by an older inboxdb: the move waits until it is put back."""
    workspace = host.workspace(userId=ANN)
    fill(host, workspace)
    before, empty = everything(host.connection), everything(target.connect())
    steps.move(database.dsn, target.dsn, workspace)
    taken_off = (database, target)[side]
    dsn, owner = taken_off.direct_dsn, taken_off.connect()
    owner.execute("alter schema inboxdb_move rename to hidden")
    taken(dsn)
    owner.execute("alter schema hidden rename to inboxdb_move")
    for command in (steps.move, steps.undo):
        with pytest.raises(InboxdbError, match=r"`inboxdb migrate resume` or `inboxdb migrate apply` there first"):
            command(database.dsn, target.dsn, workspace)
    (resume if taken is suspend else migrate.apply)(dsn)
    steps.move(database.dsn, target.dsn, workspace, switched=True)
    assert (everything(host.connection), everything(target.connect()) - empty) == (empty, before - empty)
    assert_sound(database, target)


# What is refused

LEFT_OUT = "00000000-0000-4000-8000-00000000dddd"  # a lead of another workspace's

# The side, what is done and how it is undone, and words of the refusal. {w}: the workspace; {o}: a lead of another.
IN_THE_WAY = [
    ("target", 'alter table "Lead" add extra text', 'alter table "Lead" drop extra', '"Lead" differs: extra'),
    (
        "source",
        'alter table "Message" alter "subject" type varchar(9)',
        'alter table "Message" alter "subject" type text',
        "differs: subject",
    ),
    ("source", """alter type "MemorySource" add value 'HEARD'""", None, "differs: source"),
    ("target", 'drop table "AIInteraction"', None, 'the target has no table public."AIInteraction"'),
    (
        "target",
        'create table more (id int primary key, "clientId" text)',
        "drop table more",
        "the source has no table public.more",
    ),
    (
        "source",
        'alter table "LeadCrmRow" drop constraint "LeadCrmRow_pkey"',
        'alter table "LeadCrmRow" add constraint "LeadCrmRow_pkey" primary key (id)',
        "has no primary key",
    ),
    (
        "target",
        'alter table "Message" drop constraint "Message_leadId_fkey"',
        """
        alter table "Message"
        add constraint "Message_leadId_fkey" foreign key ("leadId") references "Lead" (id) on delete cascade
        """,
        "only the source has foreign key Message_leadId_fkey",
    ),
    ("source", 'create table part () inherits ("LeadMemoryEntry")', "drop table part", "has partitions, or inherits"),
    (
        "both",
        'create trigger t before update on "Lead" for each row execute function suppress_redundant_updates_trigger()',
        'drop trigger t on "Lead"',
        "disable trigger t",
    ),
    ("target", 'create rule r as on delete to "Lead" do nothing', 'drop rule r on "Lead"', "rule r"),
    (
        "both",
        'alter table "Client" add "favouriteLead" text references "Lead" (id)',
        'alter table "Client" drop "favouriteLead"',
        "foreign keys form a circle",
    ),
    (
        "target",
        """insert into "Client" (id, name, "userId", "updatedAt") values ('{w}', '', '', now())""",
        """delete from "Client" where id = '{w}'""",
        'rows of the workspace in public."Client"',
    ),
    (
        "source",
        """update "SmsCampaign" set name = 'otherwise' where "clientId" is null""",
        """update "SmsCampaign" set name = 'for all' where "clientId" is null""",
        '1 rows of public."SmsCampaign" that rows of the workspace in public."Lead" name',
    ),
    (
        "source",
        """
        update "Lead" set "emailCampaignId" = (select id from "EmailCampaign" where "clientId" = '{w}') where id = '{o}'
        """,
        """update "Lead" set "emailCampaignId" = null where id = '{o}'""",
        'are not the workspace\'s and name rows of it in public."EmailCampaign"',
    ),
]


@pytest.mark.parametrize("part", one_in(4, range(4)))
def test_what_cannot_be_exact_is_refused(database: Database, target: Database, host: Host, part: int) -> None:
    """By name, with the remedy, before anything is changed; by plan and by move."""
    workspace, other = host.workspace(userId=ANN), host.workspace(userId=ANN)
    fill(host, workspace)
    host.lead(other, id=LEFT_OUT)
    owners = {"source": [database.connect()], "target": [target.connect()]}
    owners["both"] = [*owners["source"], *owners["target"]]
    for side, plant, undo, words in IN_THE_WAY[part::4]:
        names = {"{w}": workspace, "{o}": LEFT_OUT}
        for name, value in names.items():
            plant, undo = plant.replace(name, value), undo and undo.replace(name, value)
        for owner in owners[side]:
            owner.execute(plant.encode())
        before = [everything(one) for one in owners["both"]]
        found = steps.plan(database.dsn, target.dsn, workspace).obstacles
        assert any(words in f"{one.what} {one.remedy}" for one in found), (words, found)
        with pytest.raises(steps.MoveRefused, match="Nothing was changed"):
            steps.move(database.dsn, target.dsn, workspace)
        assert [everything(one) for one in owners["both"]] == before
        if undo is None:  # on the other side, too
            (again,) = owners["target" if side == "source" else "source"]
            again.execute(plant.encode())
        else:
            for owner in owners[side]:
                owner.execute(undo.encode())
        assert_nothing_is_left(owners["source"][0])
    assert steps.plan(database.dsn, target.dsn, workspace).obstacles == []


@pytest.mark.slow
def test_rows_of_others_under_its_keys(database: Database, target: Database, host: Host) -> None:
    """A unique value that another workspace has at the target: refused while it is copied, and given up."""
    workspace = host.workspace(userId=ANN)
    lead, *_ = fill(host, workspace)
    host.update("Lead", lead, ghlContactId="1")
    there = Host(target.connect())
    there.lead(there.workspace(), ghlContactId="1")
    before = [everything(host.connection), everything(there.connection)]
    with pytest.raises(RowsInTheWay, match="Lead_ghlContactId_key"):
        steps.move(database.dsn, target.dsn, workspace)
    assert outcome(host.connection, f"""update "Lead" set status = 'x' where id = '{lead}'""") is None
    steps.undo(database.dsn, target.dsn, workspace)
    assert [everything(host.connection), everything(there.connection)] == before
    there.delete("Lead", there.lead(there.workspace()))


@pytest.mark.slow
def test_a_row_of_others_under_a_key_that_comes_later(database: Database, target: Database, host: Host) -> None:
    """In the stop: it is not written over, and the move is given up."""
    workspace = host.workspace(userId=ANN)
    fill(host, workspace)
    there = Host(target.connect())
    theirs = there.lead(there.workspace())
    before = everything(there.connection)

    def later(line: str) -> None:
        if "copied" in line:
            host.lead(workspace, id=theirs)

    with pytest.raises(RowsInTheWay, match='"Lead" with keys of this'):
        steps.move(database.dsn, target.dsn, workspace, report=later)
    steps.undo(database.dsn, target.dsn, workspace)
    assert everything(there.connection) == before
    assert_sound(database, target)


@pytest.mark.slow
def test_another_target(database: Database, target: Database, host: Host, server: Server, host_variant: str) -> None:
    """A move that is under way is neither gone on with nor given up where it does not go to."""
    workspace = host.workspace(userId=ANN)
    fill(host, workspace, 1)
    steps.move(database.dsn, target.dsn, workspace)
    with server.database(host_variant, installed=True, prepare=prepare) as other:
        for words in (f"is being moved to {target.name}", f"{other.name} .* is the target of another move of it"):
            before = [everything(one.connect()) for one in (database, target, other)]
            for command in (steps.move, steps.undo):
                with pytest.raises(steps.MoveRefused, match=words):
                    command(database.dsn, other.dsn, workspace)
            assert [everything(one.connect()) for one in (database, target, other)] == before
            assert outcome(host.connection, f"""delete from "Client" where id = '{workspace}'""") == "IB024"
            fence.begin(other.connect(), fence.Move(workspace, "another", "elsewhere", fence.ARRIVING))
    steps.undo(database.dsn, target.dsn, workspace)
    assert_sound(database, target)


@pytest.mark.slow
def test_the_command(database: Database, target: Database, host: Host) -> None:
    """Each with its answer in words and in JSON; an error is one line, without a password."""
    workspace = host.workspace(userId=ANN)
    fill(host, workspace)
    sides = ("--from", database.dsn, "--to", target.dsn)

    def run(*arguments: str, status: int = 0) -> Any:
        result = invoke("workspace", *arguments, *sides)
        assert result.exit_code == status, result.output
        assert database.server.password not in result.output
        return result

    assert "rows" in run("plan", workspace).stdout
    assert json.loads(run("plan", workspace, "--json").stdout)["obstacles"] == []
    assert "switch the directory now" in run("move", workspace).stdout
    assert "given up" in run("undo", workspace).stdout
    assert json.loads(run("move", workspace, "--switched", "--json").stdout)["step"] == "ready", "it was not ready"
    done = run("move", workspace, "--switched", "--json")
    assert json.loads(done.stdout)["step"] == "switched"
    assert done.stderr.count("\n") == 2
    for arguments, words in (
        (("plan", workspace), "the source does not have it"),
        (("plan", new_id()), "the source does not have it"),
        (("move", workspace), "the source does not have it"),
        (("undo", workspace), "no move of it is under way"),
    ):
        refused = run(*arguments, status=1)
        assert words in refused.stderr
        assert refused.stderr.count("\n") == 1
    run("move", workspace, "--router", database.dsn, status=2)
    same = invoke("workspace", "plan", workspace, "--from", target.dsn, "--to", target.dsn)
    assert (same.exit_code, "one database" in same.stdout) == (3, True)


@pytest.mark.slow
@pytest.mark.parametrize("side", [0, 1])
def test_the_lost_connection_is_named(database: Database, target: Database, host: Host, side: int) -> None:
    """And the move is gone on with."""
    workspace, lost = host.workspace(userId=ANN), (database, target)[side]

    def lose(line: str) -> None:
        if "refused" in line:
            query = (
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name like %s and datname = %s"
            )
            database.superuser().execute(query, ["inboxdb workspace", lost.name])

    with pytest.raises(ConnectionLost, match=f"lost the connection to {lost.name}"):
        steps.move(database.dsn, target.dsn, workspace, report=lose)
    move_whole(database.dsn, target.dsn, workspace)
    assert_sound(database, target)


@pytest.mark.slow
def test_one_at_a_time(database: Database, target: Database, host: Host) -> None:
    """Another runner of the same workspace is told; one of another workspace goes on beside it."""
    one, other = host.workspace(userId=ANN), host.workspace(userId=ANN)
    seen: list[str] = []

    def meanwhile(line: str) -> None:
        if "refused" in line:
            with pytest.raises(steps.MoveBusy):
                steps.move(database.dsn, target.dsn, one)
            seen.append(move_whole(database.dsn, target.dsn, other).step)

    move_whole(database.dsn, target.dsn, one, report=meanwhile)
    assert seen == ["switched"]
    assert_sound(database, target)

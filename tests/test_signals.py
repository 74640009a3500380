"""Signals: whom a drain tells that something changed, when, and of what; who may listen; and that no drain hangs on it.

Each drain is tried both ways: by the program, and by the procedure that pg_cron calls.
"""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection, errors

from inboxdb.database.errors import MigrationFailed
from inboxdb.drain import announce, run
from inboxdb.install import migrate
from tests.interleave import DEADLINE, Stage, until
from tests.rows import BY_AI, GLOBAL, Host, new_id, set_clock, stored_counts
from tests.servers import DRAINER, OWNER, WRITER, Database, Server

SUPABASE = (Path(__file__).parent / "supabase.sql").read_bytes()
CONTRACTS = (Path(__file__).parent.parent / "docs" / "contracts.md").read_text()

ANN, BEN, CAT, DAN, EVE = (f"00000000-0000-4000-8000-00000000000{digit}" for digit in "abcde")

NEVER = "2999-01-01 00:00:00+00"

Drain = Callable[[Database, str], None]


def by_program(database: Database, role: str = OWNER) -> None:
    result = run.drain(database.dsn_of(role))
    assert (result.failed, result.skipped, result.remaining) == (0, 0, 0)


def by_procedure(database: Database, role: str = OWNER) -> None:
    database.connect(role).execute("call inboxdb.drain_dirty()")


EITHER_WAY = pytest.mark.parametrize("drain", [by_program, by_procedure])


class Ear:
    """The application server's connection, which listens: any role may."""

    def __init__(self, database: Database) -> None:
        """Listen from now on."""
        self.connection = database.connect(WRITER, direct=True)  # a pooler would listen with any backend
        self.connection.execute("listen inboxdb")
        self.reader = database.connect()

    def heard(self) -> list[dict[str, Any]]:
        """Return the payloads since the last call, by workspace and scope.

        Notifications come in the order of their commits, so what is sent before one of our own is here before it.
        """
        payloads: list[dict[str, Any]] = []
        mark = new_id()
        self.reader.execute("select pg_notify('inboxdb', %s)", [mark])
        for notification in self.connection.notifies(timeout=DEADLINE):
            if notification.payload == mark:
                return sorted(payloads, key=lambda payload: (payload["workspace"], payload["scope"]))
            payload = json.loads(notification.payload)
            assert version(self.reader, payload["workspace"]) >= payload["version"], "a signal came before its version"
            payloads.append(payload)
        raise AssertionError("our own notification did not come")


def version(owner: Connection[Any], workspace: str) -> int:
    """Read a workspace's inbox cache version; 0 before the first."""
    rows = owner.execute(
        "select version from inboxdb.cache_version where client_id = %s and family = 'inbox'", [workspace]
    ).fetchall()
    return int(rows[0][0]) if rows else 0


def signals(owner: Connection[Any], workspaces: dict[str, set[str]]) -> list[dict[str, Any]]:
    """Say what is to be heard of workspaces whose users were affected: one signal each, and one for all."""
    return [
        {"workspace": workspace, "scope": scope, "version": version(owner, workspace)}
        for workspace, users in sorted(workspaces.items())
        for scope in sorted({GLOBAL, *users})
    ]


# Whom a drain tells


class Scene:
    """Two workspaces: Ann, Ben, Cat and Dan have leads in the one, Eve in the other."""

    def __init__(self, host: Host) -> None:
        """Write them."""
        self.host = host
        self.one, self.two = host.workspace(), host.workspace()
        self.anns, self.bens, self.cats = (host.lead(self.one, assignedToUserId=user) for user in (ANN, BEN, CAT))
        uncounted = {"status": "unqualified", "snoozedUntil": NEVER}
        self.uncounted = host.lead(self.one, assignedToUserId=ANN, **uncounted)
        self.dans_only = host.lead(self.one, assignedToUserId=DAN, **uncounted)
        self.nobodys = host.lead(self.one)
        self.eves = host.lead(self.two, assignedToUserId=EVE)
        self.draft = host.draft(self.anns, status="approved")
        host.message(self.bens, **{**BY_AI, "aiDraftId": self.draft})

    def lead(self, *rows: str, **columns: str | None) -> None:
        """Update leads."""
        for row in rows:
            self.host.update("Lead", row, **columns)


EVERYBODY = {ANN, BEN, CAT, DAN}

# What is written, and the users who are told of it in the one workspace and in the other; None where nobody is,
# the workspace's own scope included.
CASES: dict[str, tuple[Callable[[Scene], object], set[str] | None, set[str] | None]] = {
    "a new lead": (lambda s: s.host.lead(s.one, assignedToUserId=ANN), {ANN}, None),
    "a new lead of nobody's": (lambda s: s.host.lead(s.one), set(), None),
    "a new lead of the sentinel's": (lambda s: s.host.lead(s.one, assignedToUserId=GLOBAL), set(), None),
    "a count moves": (lambda s: s.lead(s.anns, status="blacklisted"), {ANN}, None),
    "a lead changes hands": (lambda s: s.lead(s.anns, assignedToUserId=BEN), {ANN, BEN}, None),
    "an uncounted lead changes hands": (lambda s: s.lead(s.uncounted, assignedToUserId=BEN), {ANN, BEN}, None),
    "an uncounted lead is taken from its user": (lambda s: s.lead(s.uncounted, assignedToUserId=None), {ANN}, None),
    "a user gets a first lead": (lambda s: s.lead(s.nobodys, assignedToUserId=EVE), {EVE}, None),
    "a user's only lead changes hands": (lambda s: s.lead(s.dans_only, assignedToUserId=ANN), {ANN, DAN}, None),
    "an uncounted lead stays uncounted": (lambda s: s.lead(s.uncounted, sentimentTag="Positive"), {ANN}, None),
    "an uncounted lead is deleted": (lambda s: s.host.delete("Lead", s.uncounted), {ANN}, None),
    "a user's only lead is deleted": (lambda s: s.host.delete("Lead", s.dans_only), {DAN}, None),
    "a lead moves": (lambda s: s.lead(s.anns, clientId=s.two), {ANN}, {ANN}),
    "an uncounted lead moves": (lambda s: s.lead(s.uncounted, clientId=s.two), {ANN}, {ANN}),
    "a lead moves and changes hands": (lambda s: s.lead(s.anns, clientId=s.two, assignedToUserId=BEN), {ANN}, {BEN}),
    "a lead gets another id": (lambda s: s.lead(s.uncounted, id=new_id()), {ANN}, None),
    "a draft to review": (lambda s: s.host.draft(s.cats), {CAT}, None),
    "a draft for an uncounted lead": (lambda s: s.host.draft(s.uncounted), {ANN}, None),
    "a draft that another user's message was made of": (lambda s: s.host.delete("AIDraft", s.draft), {ANN, BEN}, None),
    "a message is announced": (lambda s: s.lead(s.uncounted, lastInboundAt=None), {ANN}, None),
    "two users": (lambda s: s.lead(s.anns, s.eves, status="blacklisted"), {ANN}, {EVE}),
    "many changes of one user's": (lambda s: [s.host.lead(s.one, assignedToUserId=CAT) for _ in range(3)], {CAT}, None),
    "the workspace goes": (lambda s: s.host.delete("Client", s.one), EVERYBODY, None),
    "personal columns": (lambda s: s.lead(s.anns, firstName="Ada", email="ada@example.com"), None, None),
    "a message alone": (lambda s: s.host.message(s.anns), None, None),
    "a member": (lambda s: s.host.member(s.one, ANN, "SETTER"), None, None),
}


@EITHER_WAY
@pytest.mark.all_hosts
def test_who_is_told(database: Database, host: Host, owner: Connection[Any], drain: Drain) -> None:
    ear = Ear(database)
    scenes = {name: Scene(host) for name in CASES}
    drain(database, OWNER)
    # the workspaces are new to everybody
    assert heard_in(scenes, ear) == {
        name: signals(owner, {scene.one: EVERYBODY, scene.two: {EVE}}) for name, scene in scenes.items()
    }
    for name, (write, _, _) in CASES.items():
        write(scenes[name])
    drain(database, OWNER)
    told = {name: {scenes[name].one: one, scenes[name].two: two} for name, (_, one, two) in CASES.items()}
    assert heard_in(scenes, ear) == {
        name: signals(owner, {w: users for w, users in workspaces.items() if users is not None})
        for name, workspaces in told.items()
    }


def heard_in(scenes: dict[str, Scene], ear: Ear) -> dict[str, list[dict[str, Any]]]:
    """Return what was heard in each scene's workspaces since the last call."""
    heard = ear.heard()
    names = {workspace: name for name, scene in scenes.items() for workspace in (scene.one, scene.two)}
    assert {one["workspace"] for one in heard} <= names.keys()
    return {name: [one for one in heard if names[one["workspace"]] == name] for name in scenes}


@EITHER_WAY
@pytest.mark.all_hosts
def test_a_change_of_everything_tells_everybody(
    database: Database, host: Host, owner: Connection[Any], drain: Drain
) -> None:
    scene, ear = Scene(host), Ear(database)
    drain(database, OWNER)
    ear.heard()
    for statement, told in (
        (f"select inboxdb.mark_inbox_counts_dirty('{scene.one}')", {scene.one: EVERYBODY}),
        ("select inboxdb.mark_all_inbox_counts_dirty()", {scene.one: EVERYBODY, scene.two: {EVE}}),
        ('truncate "Lead" cascade', {scene.one: EVERYBODY, scene.two: {EVE}}),
    ):
        owner.execute(statement)
        drain(database, OWNER)
        assert ear.heard() == signals(owner, told), statement


@EITHER_WAY
def test_beyond_a_thousand_changes_everybody_is_told(
    database: Database, host: Host, owner: Connection[Any], drain: Drain
) -> None:
    scene, ear = Scene(host), Ear(database)
    drain(database, OWNER)
    ear.heard()
    for changes, told in ((1000, set[str]()), (1001, EVERYBODY)):
        host.connection.execute(
            """
            insert into "Lead" (id, "clientId", "updatedAt")
            select gen_random_uuid(), %s, now() from generate_series(1, %s)
            """,
            [scene.one, changes],
        )
        drain(database, OWNER)
        assert ear.heard() == signals(owner, {scene.one: told}), changes


@EITHER_WAY
def test_a_snooze_that_runs_out_tells_its_user(
    database: Database, host: Host, owner: Connection[Any], drain: Drain
) -> None:
    set_clock(owner, "2024-06-01 12:00:00+00")
    scene, ear = Scene(host), Ear(database)
    scene.lead(scene.bens, snoozedUntil="2024-06-01 13:00:00+00")
    drain(database, OWNER)
    ear.heard()
    set_clock(owner, "2024-06-01 13:00:00+00")
    drain(database, OWNER)
    assert ear.heard() == signals(owner, {scene.one: {BEN}})


@EITHER_WAY
def test_a_recompute_by_hand_tells_nobody(database: Database, host: Host, owner: Connection[Any], drain: Drain) -> None:
    scene, ear = Scene(host), Ear(database)
    drain(database, OWNER)
    ear.heard()
    before = version(owner, scene.one)
    scene.lead(scene.anns, status="blacklisted")
    owner.execute("select inboxdb.recompute_inbox_counts(%s)", [scene.one])
    assert version(owner, scene.one) > before
    drain(database, OWNER)
    assert ear.heard() == []


@EITHER_WAY
def test_a_claim_that_finds_no_change_tells_nobody(
    database: Database, host: Host, owner: Connection[Any], drain: Drain
) -> None:
    scene, ear = Scene(host), Ear(database)
    drain(database, OWNER)
    ear.heard()
    before = version(owner, scene.one)
    owner.execute(
        "insert into inboxdb.inbox_counts_dirty (client_id, dirty_since, next_attempt_at) values (%s, now(), now())",
        [scene.one],
    )
    drain(database, OWNER)
    assert owner.execute("select from inboxdb.inbox_counts_dirty").rowcount == 0
    assert version(owner, scene.one) == before
    assert ear.heard() == []


def test_a_refresh_that_fails_tells_nobody_and_the_next_one_everybody(
    database: Database, host: Host, owner: Connection[Any]
) -> None:
    scene, ear = Scene(host), Ear(database)
    owner.execute("alter table inboxdb.inbox_counts add constraint broken check (total < 0) not valid")
    assert run.drain(database.dsn).failed == 2
    assert ear.heard() == []
    owner.execute("alter table inboxdb.inbox_counts drop constraint broken")
    owner.execute("update inboxdb.inbox_counts_dirty set next_attempt_at = inboxdb.clock()")
    by_program(database)
    assert ear.heard() == signals(owner, {scene.one: EVERYBODY, scene.two: {EVE}})


@EITHER_WAY
def test_the_drains_own_role_sends(database: Database, host: Host, owner: Connection[Any], drain: Drain) -> None:
    scene, ear = Scene(host), Ear(database)
    drain(database, DRAINER)
    assert ear.heard() == signals(owner, {scene.one: EVERYBODY, scene.two: {EVE}})


# When


@contextmanager
def held_back(database: Database, drain: Drain) -> Iterator[tuple[Future[None], Connection[Any]]]:
    """Run a drain up to where it sends a workspace's signals; it goes on when the block ends.

    Yields the drain, and the connection that holds it back.
    """
    stage = Stage(database)
    stage.always_at("signalling", "perform pg_catalog.pg_advisory_xact_lock(4243)")
    gate = database.connect()
    gate.execute("select pg_advisory_lock(4243)")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(drain, database, OWNER)
        try:
            until(lambda: running.done() or senders(gate) != [])
            yield running, gate
        finally:
            gate.execute("select pg_advisory_unlock_all()")
    stage.close()


def senders(gate: Connection[Any]) -> list[int]:
    """List the backends that are held back."""
    rows = gate.execute(
        "select pid from pg_stat_activity "
        "where datname = current_database() and pg_backend_pid() = any (pg_blocking_pids(pid))"
    )
    return [pid for (pid,) in rows]


@EITHER_WAY
@pytest.mark.all_hosts
def test_the_version_is_there_before_the_signal(
    database: Database, host: Host, owner: Connection[Any], drain: Drain
) -> None:
    """Beside this, each test that listens asks for the version the moment it hears of it."""
    ear = Ear(database)
    workspace = host.workspace()
    host.lead(workspace, assignedToUserId=ANN)
    with held_back(database, drain):
        committed = version(owner, workspace)
        assert committed > 0
        assert stored_counts(owner)[workspace][ANN].total == 1
        assert ear.heard() == []
    assert ear.heard() == signals(owner, {workspace: {ANN}})
    assert version(owner, workspace) == committed


# On Supabase


def install_on_supabase(bare: Database) -> None:
    bare.superuser().execute(SUPABASE)
    migrate.apply(bare.direct_dsn)


@pytest.fixture
def supabase(server: Server, host_variant: str) -> Iterator[Database]:
    """A database like Supabase's, with inboxdb."""
    with server.database(host_variant, installed=False, prepare=install_on_supabase) as database:
        yield database


def broadcasts(database: Database) -> list[tuple[str, dict[str, Any]]]:
    """Return what was sent, by topic: the topic and our payload. All of it is private."""
    rows = database.superuser().execute(
        "select topic, payload - 'id', event, extension, private from realtime.messages order by topic collate \"C\""
    )
    sent = []
    for topic, payload, *how in rows:
        assert how == ["inbox_changed", "broadcast", True]
        sent.append((topic, payload))
    return sent


def as_broadcasts(payloads: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Say what is to be sent for signals: ids here have nothing to escape."""
    return [(f"inbox:v1:{payload['workspace']}:{payload['scope']}", payload) for payload in payloads]


@EITHER_WAY
@pytest.mark.all_hosts
def test_on_supabase_signals_are_private_broadcasts(supabase: Database, drain: Drain) -> None:
    owner = supabase.connect()
    ear, scene = Ear(supabase), Scene(Host(supabase.writer()))
    drain(supabase, OWNER)
    assert broadcasts(supabase) == as_broadcasts(signals(owner, {scene.one: EVERYBODY, scene.two: {EVE}}))
    supabase.superuser().execute("truncate realtime.messages")
    # once, though it has the name of the scope that is signalled anyway
    scene.host.lead(scene.one, assignedToUserId=GLOBAL)
    drain(supabase, OWNER)
    assert broadcasts(supabase) == as_broadcasts(signals(owner, {scene.one: set()}))
    assert ear.heard() == []


@EITHER_WAY
def test_on_supabase_the_drains_own_role_sends(supabase: Database, drain: Drain) -> None:
    owner, scene = supabase.connect(), Scene(Host(supabase.writer()))
    drain(supabase, DRAINER)
    assert broadcasts(supabase) == as_broadcasts(signals(owner, {scene.one: EVERYBODY, scene.two: {EVE}}))


# The roles that one user may hold in a workspace, and whether they see the whole of it.
ROLES = {
    ("ADMIN",): True,
    ("INBOX_MANAGER",): True,
    ("CLIENT_PORTAL",): True,
    ("SETTER",): False,
    ("SETTER", "CLIENT_PORTAL"): False,
    ("SETTER", "INBOX_MANAGER"): True,
    ("SETTER", "ADMIN", "CLIENT_PORTAL"): True,
}


class Tenants:
    """Two workspaces with a user for each key of ROLES, and others; every one of them has a lead in both."""

    def __init__(self, host: Host) -> None:
        """Write them."""
        self.topics: dict[str, set[str]] = {}
        self.hears: dict[str | None, set[str]] = {}
        owners = [new_id(), new_id()]
        members = [{new_id(): roles for roles in ROLES} for _ in owners]
        members[0] |= {owners[1]: ("SETTER",)}
        removed, stranger = new_id(), new_id()
        everybody = {*owners, *members[0], *members[1], removed, stranger}
        self.hears = {user: set() for user in (*everybody, None)}
        for owner, roles_of in zip(owners, members, strict=True):
            workspace = host.workspace(userId=owner)
            for user, roles in roles_of.items():
                for role in roles:
                    host.member(workspace, user, role)
            host.delete("ClientMember", host.member(workspace, removed, "ADMIN"))
            for user in everybody:
                host.lead(workspace, assignedToUserId=user)
            topics = {f"inbox:v1:{workspace}:{scope}" for scope in (GLOBAL, *everybody)}
            self.topics[workspace] = topics
            for user in (owner, *roles_of):
                sees_whole = user == owner or ROLES[roles_of[user]]
                self.hears[user] |= topics if sees_whole else {f"inbox:v1:{workspace}:{user}"}


@pytest.fixture
def tenants(supabase: Database) -> Tenants:
    return Tenants(Host(supabase.writer()))


def assert_members_hear_what_they_may(supabase: Database, tenants: Tenants) -> None:
    """Ask as Realtime does: as the user, with the topic that they want to join."""
    topics = set.union(*tenants.topics.values())
    member = supabase.signed_in(None)
    for user, may_hear in tenants.hears.items():
        claims = json.dumps({"sub": user}) if user else ""
        for claimed in (*topics, "room:1", ""):
            with member.transaction():
                member.execute("select set_config('request.jwt.claims', %s, true)", [claims])
                member.execute("select set_config('realtime.topic', %s, true)", [claimed])
                shown = [topic for (topic,) in member.execute("select topic from realtime.messages")]
            assert shown == [claimed] * (claimed in may_hear), (user, claimed)


@pytest.mark.all_hosts
def test_members_hear_what_they_may(supabase: Database, tenants: Tenants) -> None:
    by_procedure(supabase)
    superuser = supabase.superuser()
    # what others put there is not ours to show
    superuser.execute("insert into realtime.messages (topic, extension) values ('room:1', 'broadcast')")
    superuser.execute(
        "insert into realtime.messages (topic, extension) select topic, 'presence' from realtime.messages"
    )
    assert_members_hear_what_they_may(supabase, tenants)


OPEN_TO_ALL = """
    grant usage on schema realtime to anon;
    grant select, insert on realtime.messages to anon;
    create policy projects_read on realtime.messages for select to anon, authenticated using (true);
    create policy projects_write on realtime.messages for insert to anon, authenticated with check (true);
"""


@pytest.mark.parametrize(
    "spoil",
    [
        "drop policy inboxdb_member on realtime.messages",
        "alter policy inboxdb_member on realtime.messages using (true)",
        "alter policy inboxdb_member on realtime.messages using (topic = (select realtime.topic()))",
        "alter policy inboxdb_member on realtime.messages using ((select inboxdb.has_topic_access(realtime.topic())))",
        "create policy projects_own on realtime.messages for select to authenticated using (true)",
    ],
)
def test_without_the_policies_that_would_be_noticed(supabase: Database, tenants: Tenants, spoil: str) -> None:
    by_procedure(supabase)
    supabase.superuser().execute(f"{spoil}; drop policy inboxdb_members_only on realtime.messages")
    with pytest.raises(AssertionError):
        assert_members_hear_what_they_may(supabase, tenants)


def test_policies_of_the_projects_open_nothing(supabase: Database, tenants: Tenants) -> None:
    """Ours is restrictive beside them, on our topics and on no other."""
    by_procedure(supabase)
    supabase.superuser().execute(OPEN_TO_ALL)
    assert_members_hear_what_they_may(supabase, tenants)
    for somebody in (supabase.signed_in(new_id()), supabase.signed_in(None, "anon")):
        elsewhere = "insert into realtime.messages (topic, extension) values ('room:1', 'broadcast')"
        assert somebody.execute(f"{elsewhere} returning topic").fetchall() == [("room:1",)]
        assert set(somebody.execute("select topic from realtime.messages")) == {("room:1",)}
        with pytest.raises(errors.InsufficientPrivilege):
            somebody.execute("insert into realtime.messages (topic, extension) values ('inbox:v1:a:b', 'broadcast')")


@pytest.mark.parametrize("project", ["", OPEN_TO_ALL], ids=["alone", "beside the project's own policies"])
def test_members_cannot_send(supabase: Database, tenants: Tenants, project: str) -> None:
    by_procedure(supabase)
    supabase.superuser().execute(project)
    sent = broadcasts(supabase)
    for user, topics in tenants.hears.items():
        member = supabase.signed_in(user)
        assert member.execute("select has_table_privilege('realtime.messages', 'insert')").fetchall() == [(True,)]
        for topic in topics:
            join = "select set_config('realtime.topic', %s, true)"
            with member.transaction():
                member.execute(join, [topic])
                with pytest.raises(errors.InsufficientPrivilege):
                    member.execute("insert into realtime.messages (topic, extension) values (%s, 'broadcast')", [topic])
            with member.transaction():
                member.execute(join, [topic])
                member.execute("select realtime.send('{}', 'inbox_changed', %s)", [topic])
    assert broadcasts(supabase) == sent


def test_an_owner_who_may_not_make_the_policy_is_told_so(
    bare_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """And whoever may makes it as the document has it."""
    superuser, owner = bare_database.superuser(), bare_database.connect()
    superuser.execute(SUPABASE)
    superuser.execute("alter table realtime.messages owner to current_user")
    migrate.apply(bare_database.direct_dsn)
    assert ["docs/contracts.md" in said for said in caplog.messages] == [True]
    policy = "select * from pg_policies where schemaname = 'realtime' order by policyname"
    assert superuser.execute(policy).fetchall() == []

    warnings: list[str | None] = []
    owner.add_notice_handler(lambda said: warnings.append(said.message_hint) if said.severity == "WARNING" else None)
    owner.execute("select inboxdb.protect_topics()")
    assert [hint for hint in warnings if hint and "docs/contracts.md" in hint] == warnings
    assert len(warnings) == 1
    [by_hand] = re.findall(r"^```sql\n(create policy .*?)^```", CONTRACTS, re.DOTALL | re.MULTILINE)
    superuser.execute(by_hand)
    made_by_hand = superuser.execute(policy).fetchall()
    owner.execute("select inboxdb.protect_topics()")
    assert len(warnings) == 1

    superuser.execute("drop policy inboxdb_members_only on realtime.messages")
    superuser.execute("alter table realtime.messages owner to supabase_realtime_admin")
    owner.execute("select inboxdb.protect_topics()")
    assert superuser.execute(policy).fetchall() == made_by_hand


def test_the_policy_goes_with_inboxdb(supabase: Database) -> None:
    policies = "select from pg_policies where schemaname = 'realtime'"
    superuser = supabase.superuser()
    assert superuser.execute(policies).rowcount == 3
    # one that was made by hand has to be dropped by hand first
    superuser.execute("alter table realtime.messages owner to current_user")
    with pytest.raises(MigrationFailed) as raised:
        migrate.rollback(supabase.direct_dsn, count=None)
    assert raised.value.sqlstate == "42501"
    superuser.execute("alter table realtime.messages owner to supabase_realtime_admin")
    migrate.rollback(supabase.direct_dsn, count=None)
    assert superuser.execute(policies).rowcount == 0


@EITHER_WAY
@pytest.mark.parametrize("before", [True, False])
def test_where_realtime_is_out_of_reach_install_and_drain_work(
    bare_database: Database, drain: Drain, before: bool
) -> None:
    superuser = bare_database.superuser()
    superuser.execute(SUPABASE)
    for revoke in (before, not before):
        if revoke:
            superuser.execute("revoke usage on schema realtime from supabase_realtime_admin")
        else:
            migrate.apply(bare_database.direct_dsn)
    workspace = Host(bare_database.writer()).workspace()
    drain(bare_database, OWNER)
    assert_drained(bare_database, workspace)


# Whatever becomes of them


def assert_drained(database: Database, workspace: str) -> None:
    """Fail unless a new workspace's first refresh stands."""
    owner = database.connect()
    assert stored_counts(owner).keys() == {workspace}
    assert version(owner, workspace) > 0
    assert owner.execute("select from inboxdb.inbox_counts_dirty").rowcount == 0
    assert owner.execute("select last_status from inboxdb.job_status").fetchall() == [("succeeded",)]


BROKEN = {
    "it raises": """
        create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
        returns void language plpgsql as $$ begin raise exception 'no realtime today'; end $$
    """,
    "it may not be called": "revoke execute on function realtime.send from public",
    "its table is gone": "drop table realtime.messages",
    "its table has no partition": "drop table realtime.messages_every_day",
    "its table takes nobody's rows": "alter table realtime.messages owner to current_user",
    "it is gone": "drop function realtime.send",
    "all of it is gone": "drop schema realtime cascade",
}


@EITHER_WAY
@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_realtime_fails_no_drain(supabase: Database, drain: Drain, spoil: str) -> None:
    supabase.superuser().execute(spoil)
    workspace = Host(supabase.writer()).workspace()
    drain(supabase, OWNER)
    assert_drained(supabase, workspace)


@EITHER_WAY
def test_a_realtime_that_goes_just_now_fails_no_drain(supabase: Database, drain: Drain) -> None:
    workspace = Host(supabase.writer()).workspace()
    with held_back(supabase, drain):
        supabase.superuser().execute("drop schema realtime cascade")
    assert_drained(supabase, workspace)


@EITHER_WAY
def test_a_realtime_that_hangs_fails_no_drain(
    supabase: Database, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "SIGNALS_LIMIT", 0.2)
    host = Host(supabase.writer())
    workspace = host.workspace()
    for _ in range(40):
        host.lead(workspace, assignedToUserId=new_id())
    with supabase.superuser(autocommit=False) as maintenance:
        maintenance.execute("lock table realtime.messages")
        with ThreadPoolExecutor() as pool:
            running = pool.submit(drain, supabase, OWNER)
            try:
                until(running.done)
            finally:
                maintenance.rollback()
            running.result()
    assert_drained(supabase, workspace)
    assert broadcasts(supabase) == []


def test_a_realtime_that_takes_too_long_is_left(supabase: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announce, "SIGNALS_LIMIT", 0.2)
    supabase.superuser().execute(
        """
        create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
        returns void language sql as 'select pg_sleep(40)'
        """
    )
    workspace = Host(supabase.writer()).workspace()
    assert run.drain(supabase.dsn).duration_ms < DEADLINE * 1000
    assert_drained(supabase, workspace)


@EITHER_WAY
def test_a_signal_too_long_to_send_fails_no_drain(
    database: Database, host: Host, owner: Connection[Any], drain: Drain
) -> None:
    # six characters each in JSON
    ear, workspace = Ear(database), host.workspace(id="\x01" * 2000)
    drain(database, OWNER)
    assert_drained(database, workspace)
    assert ear.heard() == []


def test_a_connection_that_is_lost_then_fails_no_drain(database: Database, host: Host) -> None:
    ear, workspace = Ear(database), host.workspace()
    with held_back(database, by_program) as (running, gate):
        gate.execute("select pg_terminate_backend(%s)", senders(gate))
        running.result(DEADLINE)
    assert_drained(database, workspace)
    assert ear.heard() == []


def test_a_connection_that_the_procedure_loses_then_undoes_nothing(database: Database, host: Host) -> None:
    ear, workspace = Ear(database), host.workspace()
    with held_back(database, by_procedure) as (running, gate):
        gate.execute("select pg_terminate_backend(%s)", senders(gate))
        with pytest.raises(errors.AdminShutdown):
            running.result(DEADLINE)
    assert_drained(database, workspace)
    assert ear.heard() == []


# Ids that run into each other

NASTY = ("a", "a:b", "a%3Ab", "a%", "a%253Ab", "b", "b:c", "3Ab", "c", ":", "%", "a:", ":a", "")


def test_no_two_scopes_share_a_topic(owner: Connection[Any]) -> None:
    pairs = [(workspace, scope) for workspace in NASTY for scope in NASTY]
    topics = {owner.execute("select inboxdb.signal_topic(%s, %s)", pair).fetchone() for pair in pairs}
    assert len(topics) == len(pairs)


def test_ids_that_run_into_each_other_are_kept_apart(supabase: Database) -> None:
    owner, host = supabase.connect(), Host(supabase.writer())
    users = {"a": "b:c", "a:b": "c"}
    for workspace, user in users.items():
        host.workspace(id=workspace)
        host.member(workspace, user, "SETTER")
        host.lead(workspace, assignedToUserId=user)
    by_program(supabase)
    assert broadcasts(supabase) == [
        (topic, {"workspace": workspace, "scope": scope, "version": version(owner, workspace)})
        for topic, workspace, scope in (
            ("inbox:v1:a%3Ab:00000000-0000-0000-0000-000000000000", "a:b", GLOBAL),
            ("inbox:v1:a%3Ab:c", "a:b", "c"),
            ("inbox:v1:a:00000000-0000-0000-0000-000000000000", "a", GLOBAL),
            ("inbox:v1:a:b%3Ac", "a", "b:c"),
        )
    ]
    access = "select inboxdb.has_topic_access('inbox:v1:a:b%3Ac'), inboxdb.has_topic_access('inbox:v1:a%3Ab:c')"
    assert supabase.signed_in("b:c").execute(access).fetchall() == [(True, False)]
    assert supabase.signed_in("c").execute(access).fetchall() == [(False, True)]
    raw = "select inboxdb.has_topic_access('inbox:v1:a:b:c')"
    assert supabase.signed_in("c").execute(raw).fetchall() == [(False,)]


@EITHER_WAY
def test_a_function_that_anybody_could_make_is_not_called(database: Database, drain: Drain) -> None:
    """A schema realtime of somebody else's: what it holds would run with the owner's rights."""
    superuser = database.superuser()
    superuser.execute(
        f"""
        create schema realtime authorization {WRITER};
        grant usage on schema realtime to public;
        create table realtime.called (who text);
        grant insert on realtime.called to public;
        create function realtime.send(jsonb, text, text, boolean) returns void language sql as
          'insert into realtime.called values (current_user)';
        alter function realtime.send(jsonb, text, text, boolean) owner to {WRITER};
        """
    )
    workspace = Host(database.writer()).workspace()
    drain(database, OWNER)
    assert_drained(database, workspace)
    assert superuser.execute("select who from realtime.called").fetchall() == []
    superuser.execute("alter function realtime.send(jsonb, text, text, boolean) owner to current_user")
    Host(database.writer()).lead(workspace)
    drain(database, OWNER)
    assert superuser.execute("select who from realtime.called").fetchall() == [(OWNER,)]

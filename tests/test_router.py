"""The router of docs/deploy/router/, set up as its README says, in front of three shards on PostgreSQL 15: each answer
is the shard's own, nobody gets past the router, and a shard that is away costs a refusal, in no more than its time.

Shards 0 and 1 have the tenants of tests/tenants.py, the last one those of test_abuse.py.
"""

import json
import os
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from inboxdb.demo import embedded
from inboxdb.install import lists, migrate
from tests import hosts, routing, test_abuse
from tests.asking import Outcome, arguments, ask, signed_in
from tests.clusters import Cluster
from tests.interleave import until
from tests.parts import one_in
from tests.pooler import pooler
from tests.programs import lacking
from tests.rows import new_id, set_clock
from tests.servers import MEMBER, OWNER, SETTINGS, WRITER, Database, Server, new_folder
from tests.tenants import ACME, GLOBEX, PEOPLE, USERS, move_in
from tests.test_abuse import HERE, LEADS, READERS, THERE, assert_conversations_are_ones_own
from tests.test_api import set_collected
from tests.test_cli import invoke
from tests.test_identity import claim, fields_of
from tests.test_leaks import reading
from tests.test_shard import CHOSEN

FOLDER = Path(__file__).parents[1] / "docs/deploy/router"
PROGRAMS = Path("/usr/lib/postgresql/15/bin")
READS = {read.name: read for read in routing.reads()}
BOSS = PEOPLE[0].user  # owns Acme of each shard

AWAY = (
    "08001",
    "the server of this workspace does not answer",
    "Nothing was read.",
    "Ask again in a while. The log of the router says which server it is, and why.",
)
LATE = (
    "57014",
    "the server of this workspace did not answer in time",
    "The read was cancelled. Nothing was changed.",
    "Ask again in a while, or for less at once.",
)

# of PgBouncer, as the README has them, but shorter
LIMITS = {"query_timeout": "1", "query_wait_timeout": "1", "server_connect_timeout": "1"}


class Fleet:
    """Three servers: one with shard 0 and the router, one with shard 1, which can be stopped, and one with shard 2."""

    def __init__(self, stack: ExitStack) -> None:
        """Start the servers, install inboxdb in both shards, let the tenants move in, and set up the router."""
        self.stack = stack
        self.folders = [new_folder() for _ in range(3)]
        self.dsns = [stack.enter_context(embedded.server(one, PROGRAMS, settings=SETTINGS)) for one in self.folders]
        self.clusters = [Cluster(folder, 15, programs=PROGRAMS) for folder in self.folders]
        self.shards = [shard(dsn, stack, attacked=dsn == self.dsns[2]) for dsn in self.dsns]
        self.workspaces = [one.prepared for one in self.shards]
        self.set_up_router()

    def set_up_router(self) -> None:
        """Follow the README."""
        self.shards[0].superuser().execute("create database router")
        places = [conninfo_to_dict(dsn) | {"dbname": "postgres"} for dsn in self.dsns]
        for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", (FOLDER / "README.md").read_text(), re.M | re.S):
            for number, place in enumerate(places):
                where = make_conninfo(host=place["host"], port=place["port"], dbname=place["dbname"])
                text = text.replace(f"host=127.0.0.1 port=6432 dbname=shard{number}", where)
            text = text.replace("'…'", "'secret'")
            if language == "ini":
                continue  # tried apart
            if language == "sh":
                psql("-d", self.dsn_of("postgres"), "-1", "-f", str(FOLDER / "router.sql"))
            elif text.startswith("-- on each shard"):
                for dsn in self.dsns:
                    psql("-d", dsn, "-c", text)
            else:
                assert text.startswith("-- on the router")
                psql("-d", self.dsn_of("postgres"), "-c", text)
        # a further shard, as the README says
        further = make_conninfo(host=places[2]["host"], port=places[2]["port"], dbname="postgres")
        psql("-d", self.dsn_of("postgres"), "-c", f"alter server inbox_shards options (add p2 '{further}')", "-c", text)

    def dsn_of(self, role: str) -> str:
        """Return a role's connection string for the router."""
        return self.shards[0].server.dsn_of("router", None if role == "postgres" else role)

    def connect(self, role: str, **options: Any) -> Connection[Any]:
        """Connect to the router, until the tests of this file end."""
        connection = psycopg.connect(self.dsn_of(role), autocommit=True, application_name="inboxdb test", **options)
        self.stack.callback(connection.close)
        return connection

    def member(self, **options: Any) -> Connection[Any]:
        """Connect to the router as PostgREST does, in a role that owns nothing."""
        connection = self.connect(MEMBER, **options)
        connection.execute("set role authenticated")
        return connection

    def direct(self, number: int) -> Connection[Any]:
        """Connect to a shard in the same way."""
        connection = self.shards[number].connect(MEMBER)
        connection.execute("set role authenticated")
        return connection

    def lead(self, number: int) -> str:
        """A lead of BOSS in Acme of a shard."""
        query = """select id::text from public."Lead" where "clientId"::text = %s and "assignedToUserId"::text = %s"""
        [(lead,)] = self.shards[number].connect().execute(query, [self.workspaces[number][ACME], BOSS]).fetchall()
        return str(lead)

    def counts(self, connection: Connection[Any], number: int) -> Outcome:
        """Ask for BOSS's counts of Acme of a shard."""
        return ask(connection, signed_in(BOSS), "inbox_counts", {"client_id": self.workspaces[number][ACME]})

    def start(self, number: int = 1) -> None:
        """Start a server again."""
        self.stack.enter_context(self.clusters[number].started())

    @contextmanager
    def exchanged(self) -> Iterator[None]:
        """Number the shards the other way round for as long as the `with` block lasts."""
        superuser = self.connect("postgres")
        exchange = """
            do $$
            declare
              p text[] := array(
                select o.option_value
                from pg_foreign_server as s cross join pg_options_to_table(s.srvoptions) as o
                where o.option_name in ('p0', 'p1') order by o.option_name
              );
            begin
              execute format('alter server inbox_shards options (set p0 %L, set p1 %L)', p[2], p[1]);
            end
            $$
        """
        superuser.execute(exchange)
        yield
        superuser.execute(exchange)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let every process of the second server stand still for as long as the `with` block lasts."""
        postmaster = int((self.clusters[1].data / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        processes = [postmaster, *map(int, children)]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in processes:
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the second server for as long as the `with` block lasts."""
        self.clusters[1].stop()
        yield
        self.start()


def shard(dsn: str, stack: ExitStack, *, attacked: bool) -> Database:
    """Make a server's database postgres a shard, with the tenants in it; `attacked`: those of test_abuse.py."""
    server = Server(dsn, "secret")
    server.close()  # it would not outlive a restart
    database = Database(server, "postgres", "wide-text", stack.enter_context(ExitStack()))
    with psycopg.connect(dsn) as superuser:
        superuser.execute(f"grant create on database postgres to {OWNER}")
        superuser.execute(f"grant create on schema public to {OWNER}")
        superuser.execute(f"set local role {OWNER}")
        superuser.execute(hosts.tables("wide-text"))
        superuser.execute(f"grant select, insert, update, delete on all tables in schema public to {WRITER}")
    migrate.apply(database.dsn)
    with ExitStack() as connections:
        lent = Database(server, "postgres", "wide-text", connections)
        if attacked:
            test_abuse.fill(lent)
            return Database(server, "postgres", "wide-text", database.connections, {"here": HERE, "there": THERE})
        prepared = move_in(lent)
    lists.build(database.dsn)
    with psycopg.connect(database.dsn) as owner:
        set_clock(owner, "2024-06-15 12:00:00+00")
        set_collected(owner, 3600)  # stale, and so it stays
    return Database(server, "postgres", "wide-text", database.connections, prepared)


def psql(*arguments: str) -> None:
    """Run psql."""
    command = [str(PROGRAMS / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    if not Path("/usr/lib/postgresql/15/lib/plproxy.so").exists():
        lacking("PL/Proxy, of Debian's package postgresql-15-plproxy")
    with ExitStack() as stack:
        yield Fleet(stack)


def test_everybody_gets_what_the_shard_answers(fleet: Fleet) -> None:
    """Reads at random, of both shards' workspaces, of one of neither, and of an id that is none, word for word."""
    unlike = []
    routed, chance = fleet.member(), random.Random(19)
    for number in (0, 1):
        direct, lead, acme = fleet.direct(number), fleet.lead(number), fleet.workspaces[number][ACME]
        for person in PEOPLE:
            for read in chance.sample(list(READS.values()), 4):
                for client_id in (*fleet.workspaces[number].values(), new_id(), "no id"):
                    given = arguments(read, client_id, lead if client_id == acme else client_id)
                    expected = ask(direct, signed_in(person.user), read.name, given)
                    if ask(routed, signed_in(person.user), read.name, given) != expected:
                        unlike.append((number, person.name, read.name, client_id))
    direct = fleet.direct(2)
    for viewer, read in product(READERS.values(), READS.values()):
        given = arguments(read, chance.choice([HERE, THERE]), chance.choice(list(LEADS)))
        tagged = ask(direct, signed_in(viewer.user, accept="*/*"), read.name, given)
        again = signed_in(viewer.user, **{"if-none-match": tagged.tag if tagged.answer else "none"})
        for request in (signed_in(viewer.user, accept="*/*"), again):
            if ask(routed, request, read.name, given) != ask(direct, request, read.name, given):
                unlike.append((2, viewer.user or "nobody", read.name, str(given)))
    assert unlike == []


def test_arguments_tags_and_refusals_go_along(fleet: Fleet) -> None:
    """In transactions that only read, too, as PostgREST's for GET."""
    routed = fleet.member(options="-c default_transaction_read_only=on")
    for number in (0, 1):
        direct = fleet.direct(number)
        given = {
            name: arguments(read, fleet.workspaces[number][ACME], fleet.lead(number)) for name, read in READS.items()
        }
        for read, calls in CHOSEN.items():
            for chosen in calls:
                expected = ask(direct, signed_in(BOSS), read, given[read] | chosen)
                assert ask(routed, signed_in(BOSS), read, given[read] | chosen) == expected, (read, chosen)
        for read in READS:
            tagged = ask(direct, signed_in(BOSS, accept="*/*"), read, given[read])
            assert ask(routed, signed_in(BOSS, accept="*/*"), read, given[read]) == tagged
            again = ask(routed, signed_in(BOSS, **{"if-none-match": tagged.tag}), read, given[read])
            assert again == tagged._replace(status="304"), read
        for claims in ("x", "[]", '{"sub": 1}', '{"sub": ""}'):
            request = signed_in(None)._replace(claims=claims)
            expected = ask(direct, request, "inbox_counts", given["inbox_counts"])
            assert ask(routed, request, "inbox_counts", given["inbox_counts"]) == expected
            assert expected.refusal


@pytest.mark.parametrize("name", one_in(5, [person.name for person in PEOPLE]))
def test_everybody_gets_what_is_declared(fleet: Fleet, name: str) -> None:
    """The leak matrix's reads, of workspaces of two shards."""
    member = fleet.member()
    [person] = (person for person in PEOPLE if person.name == name)
    for workspaces in fleet.workspaces[:2]:
        names = {id_: name for name, id_ in USERS.items()}
        claim(member, json.dumps({"sub": person.user}) if person.user else "")
        for tried in reading(person, workspaces, ("inbox_api.",), analytics=None):
            found: object
            try:
                rows = member.execute(tried.statement.encode(), tried.parameters)
                found = frozenset(tuple(names.get(value, value) for value in row) for row in rows)
            except psycopg.Error as error:
                found = error.sqlstate
            assert found == tried.expected, tried


@pytest.mark.parametrize("name", READERS)
def test_every_way_to_read_conversations_shows_ones_own(fleet: Fleet, name: str) -> None:
    """The attacks of somebody free to run any SQL: not a word of another's lead, however they ask."""
    member = fleet.member()
    claim(member, json.dumps({"sub": READERS[name].user}))
    assert_conversations_are_ones_own(member, READERS[name])


def test_headers_that_are_set_already_stay(fleet: Fleet) -> None:
    found, given = [], {"client_id": fleet.workspaces[1][ACME]}
    for connection in (fleet.direct(1), fleet.member()):
        with connection.transaction():
            connection.execute("""select set_config('response.headers', '[{"X-Own": "1"}]', true)""")
            found.append(ask(connection, signed_in(BOSS, accept="*/*"), "inbox_counts", given).headers)
    assert found[0] == found[1]
    assert found[0]
    assert found[0][0] == {"X-Own": "1"}


def test_a_shard_older_than_the_read_does_not_answer(fleet: Fleet) -> None:
    owner, routed = fleet.shards[1].connect(), fleet.member()
    owner.execute("alter function inboxdb.shard_inbox_counts rename to elsewhere")
    assert fleet.counts(routed, 1).refusal == AWAY
    owner.execute("alter function inboxdb.elsewhere rename to shard_inbox_counts")
    assert fleet.counts(routed, 1).answer


def test_the_router_has_each_read_with_its_parameters_and_columns(fleet: Fleet) -> None:
    query = """
        select
          p.proname::text, regexp_replace(pg_get_function_arguments(p.oid), 'inboxdb\\.(client|lead)_id', 'text', 'g'),
          p.proretset, p.provolatile, t.relname::text,
          (
            select string_agg(
              a.attname || ' ' || regexp_replace(format_type(a.atttypid, a.atttypmod), 'inboxdb\\.\\w+', 'text'), ', '
              order by a.attnum
            )
            from pg_attribute as a
            where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
          ),
          array(
            select e.grantee::regrole::text from aclexplode(p.proacl) as e where e.grantee <> p.proowner order by 1
          )
        from pg_proc as p
        inner join pg_type as r on p.prorettype = r.oid
        inner join pg_class as t on r.typrelid = t.oid
        where p.pronamespace = 'inbox_api'::regnamespace
        order by 1
    """
    shards, router = (one.execute(query).fetchall() for one in (fleet.shards[1].connect(), fleet.connect("postgres")))
    assert shards == router
    assert {name for name, *_ in router} == READS.keys()


def test_running_the_file_again_keeps_the_directory_and_the_time_limit(fleet: Fleet) -> None:
    superuser = fleet.connect("postgres")
    placed = superuser.execute("select * from inbox_router.placement order by 1").fetchall()
    superuser.execute("alter database router set statement_timeout = '20s'")
    psql("-d", fleet.dsn_of("postgres"), "-1", "-f", str(FOLDER / "router.sql"))
    assert superuser.execute("select * from inbox_router.placement order by 1").fetchall() == placed
    assert len(placed) == 6
    assert fleet.member().execute("show statement_timeout").fetchall() == [("20s",)]
    superuser.execute("alter database router set statement_timeout = '15s'")


def test_the_directory_says_where_and_is_checked(fleet: Fleet) -> None:
    """A change binds the next call of a session that is open; a wrong place is a refusal, never another's counts."""
    superuser, routed = fleet.connect("postgres"), fleet.member()
    check = "select * from inbox_router.placement_check()"
    assert superuser.execute(check).fetchall() == []
    workspace = fleet.workspaces[1][ACME]
    right = fleet.counts(routed, 1)
    assert right.answer
    move = "update inbox_router.placement set shard = %s where client_id = %s"
    superuser.execute(move, [0, workspace])
    assert fleet.counts(routed, 1).refusal == fleet.counts(fleet.direct(0), 1).refusal
    assert superuser.execute(check).fetchall() == [(workspace, 0, 1, "on another shard")]
    superuser.execute(move, [3, workspace])
    assert superuser.execute(check).fetchall() == [(workspace, 3, 1, "no such shard")]
    superuser.execute("delete from inbox_router.placement where client_id = %s", [workspace])
    assert superuser.execute(check).fetchall() == [(workspace, None, 1, "not in the directory")]
    superuser.execute("insert into inbox_router.placement values (%s, 1), ('gone', 0)", [workspace])
    assert superuser.execute(check).fetchall() == [("gone", 0, None, "on no shard")]
    superuser.execute("delete from inbox_router.placement where client_id = 'gone'")
    assert superuser.execute(check).fetchall() == []
    assert fleet.counts(routed, 1) == right


# What a user with SQL on the router tries, as a role that owns nothing.
ATTACKS = [
    "select * from inbox_router.placement",
    "select * from inbox_router.placement_check()",
    "select inbox_router.ask_workspaces(0)",
    "select inbox_router.ask_inbox_counts(0, '{}', '', '', 'x')",
    "select inbox_router.shards_by_client_id('x')",
    "select inbox_router.away(0, '', '')",
    "create function pg_temp.f() returns text language plproxy as $$ cluster 'inbox_shards'; run on 0; select 1; $$",
    "create function public.f() returns text language plproxy as $$ cluster 'inbox_shards'; run on 0; select 1; $$",
    "create server mine foreign data wrapper plproxy options (p0 'dbname=postgres')",
    "create user mapping for current_user server inbox_shards options (user 'router')",
    "alter server inbox_shards options (set p0 'dbname=postgres')",
    "alter user mapping for inbox_router server inbox_shards options (set user 'postgres')",
    "select umoptions from pg_user_mapping",
    "set role inbox_router",
    "set session authorization inbox_router",
    "create table inbox_api.mine ()",
    "create table public.mine ()",
    "create temporary table mine ()",
    "create or replace function inbox_api.inbox_counts(client_id text) returns void language sql as ''",
    "alter function inbox_api.inbox_counts security invoker",
    "alter function inbox_api.inbox_counts reset client_min_messages",
    "drop schema inbox_api cascade",
    "alter database router set statement_timeout = 0",
]


def test_nobody_gets_past_the_reads(fleet: Fleet) -> None:
    for connection in (fleet.member(), fleet.connect(MEMBER), fleet.connect(WRITER)):
        for attack in ATTACKS:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(attack.encode())
    member = fleet.member()
    assert member.execute("select distinct umoptions from pg_user_mappings").fetchall() == [(None,)]
    member.execute("set role anon")
    assert fleet.counts(member, 0).refusal == ("42501", "permission denied for schema inbox_api", "", "")
    # from the router a shard can be asked by the one role, which may call the shard's functions alone
    with psycopg.connect(make_conninfo(fleet.dsns[1], user="router", password="secret"), autocommit=True) as router:
        assert router.execute("select sqlstate from inboxdb.shard_inbox_counts('', '', '', 'x')").fetchall() == [
            ("IB006",)
        ]
        for statement in ("select inbox_api.inbox_counts('x')", "table inboxdb.inbox_counts", 'table public."Lead"'):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                router.execute(statement.encode())


def test_a_shard_that_is_restarted_stopped_or_hangs(fleet: Fleet) -> None:
    """Who asks is told in words of ours, without a place of the shard's, and others' shards go on."""
    routed = fleet.member()
    # even to whoever asks for all that there is to be said
    routed.execute("set client_min_messages = debug5")
    notices: list[str] = []
    routed.add_notice_handler(lambda notice: notices.append(f"{notice.message_primary} {notice.message_detail}"))
    before = [fleet.counts(routed, number) for number in (0, 1)]
    leads = [{"lead_id": fleet.lead(number)} for number in (0, 1)]
    assert before[0].answer
    assert before[1].answer
    with fleet.stopped():
        pass
    assert fleet.counts(routed, 1) == before[1], "asked once more, since the connection is from before the restart"

    with fleet.stopped():
        assert fleet.counts(routed, 1).refusal == AWAY
        with pytest.raises(psycopg.OperationalError) as raised:
            routed.execute("select * from inbox_api.inbox_counts(%s)", [fleet.workspaces[1][ACME]])
        said = " ".join([*notices, *fields_of(raised.value).values()])
        for secret in (*map(str, fleet.folders), "5432", "secret", "REMOTE"):
            assert secret not in said
        assert fleet.counts(routed, 0) == before[0]
        assert ask(routed, signed_in(BOSS), "conversation", leads[0]).answer
        for lead in (leads[1]["lead_id"], new_id()):
            assert ask(routed, signed_in(BOSS), "conversation", {"lead_id": lead}).refusal == AWAY
        assert "does not answer: " in (fleet.folders[0] / "log").read_text()
        with fleet.exchanged():  # the one that is away is asked first
            assert ask(routed, signed_in(BOSS), "conversation", leads[0]).answer
            assert ask(routed, signed_in(BOSS), "conversation", {"lead_id": new_id()}).refusal == AWAY
    assert fleet.counts(routed, 1) == before[1]
    assert ask(routed, signed_in(BOSS), "conversation", leads[1]).answer

    limited = fleet.connect("postgres")
    limited.execute("set statement_timeout = 0; set role authenticated")
    with psycopg.connect(fleet.dsns[1], autocommit=True) as there:
        there.execute("alter role router set statement_timeout = '300ms'")
        with psycopg.connect(fleet.dsns[1]) as other:
            other.execute('lock table public."Client"')
            late = fleet.counts(limited, 1).refusal
            assert late == ("57014", "canceling statement due to statement timeout", "", "")
        assert fleet.counts(limited, 1) == before[1]
        there.execute("alter role router set statement_timeout = '5s'")

    routed.execute("set statement_timeout = '300ms'")
    at_work = "select pid from pg_stat_activity where usename = 'router' and state = 'active'"
    with psycopg.connect(fleet.dsns[1], autocommit=True) as there:
        with psycopg.connect(fleet.dsns[1]) as other:
            other.execute('lock table public."Client"')
            assert fleet.counts(routed, 1).refusal == LATE
            assert fleet.counts(routed, 0) == before[0]
            until(lambda: there.execute(at_work).fetchall() == [])
        assert fleet.counts(routed, 1) == before[1]


def test_a_workspace_moves_behind_the_router(fleet: Fleet) -> None:
    """There and back: each read of an open session is answered as before, by the shard that has the workspace."""
    routed, superuser = fleet.member(), fleet.connect("postgres")
    workspace = fleet.workspaces[1][GLOBEX]
    asked = [(person, read) for person in PEOPLE[-6:] for read in ("inbox_counts", "analytics_overview", "crm_rows")]

    def told() -> list[Any]:
        passing = ("version", "computed_at", "is_stale", "dirty_since", "cursor")
        outcomes = [
            ask(routed, signed_in(person.user), read, arguments(READS[read], workspace, "")) for person, read in asked
        ]
        return [(one.refusal, {k: v for k, v in (one.answer or {}).items() if k not in passing}) for one in outcomes]

    before = told()
    placed = "select shard from inbox_router.placement where client_id = %s"
    for source, to in ((1, 0), (0, 1)):
        result = invoke(
            *("workspace", "move", workspace, "--from", fleet.shards[source].dsn, "--to", fleet.shards[to].dsn),
            *("--router", fleet.dsn_of("postgres"), "--shard", str(to)),
        )
        assert result.exit_code == 0, result.output
        assert told() == before
        assert superuser.execute(placed, [workspace]).fetchall() == [(to,)]
        assert superuser.execute("select * from inbox_router.placement_check()").fetchall() == []


def test_a_router_that_is_restarted(fleet: Fleet) -> None:
    """Its sessions end, and the next one is answered as before; the shard beside it on the server likewise."""
    before = [fleet.counts(fleet.member(), number) for number in (0, 1)]
    open_before = fleet.member()
    fleet.clusters[0].stop()
    with pytest.raises(psycopg.OperationalError):
        open_before.execute("select 1")
    with pytest.raises(psycopg.OperationalError):
        fleet.member()
    fleet.start(0)
    assert [fleet.counts(fleet.member(), number) for number in (0, 1)] == before


def test_a_shard_that_says_nothing_at_all_behind_pgbouncer(fleet: Fleet) -> None:
    """PgBouncer gives up first, because a cancelled call of PL/Proxy's waits for the shard, which says nothing."""
    routed = fleet.member()
    before = fleet.counts(routed, 1)
    assert before.answer
    move = "alter server inbox_shards options (set p1 '{}')"
    superuser = fleet.connect("postgres")
    options = "select o.option_value from pg_foreign_server as s, pg_options_to_table(s.srvoptions) as o"
    [(direct,)] = superuser.execute(f"{options} where o.option_name = 'p1'".encode()).fetchall()
    with pooler(new_folder(), fleet.dsns[1], ["router"], "secret", settings=LIMITS) as address:
        superuser.execute(move.format(make_conninfo(address, dbname="postgres")).encode())
        assert fleet.counts(routed, 1) == before
        with fleet.frozen():
            for _ in range(2):  # within a call, and while it connects
                assert fleet.counts(routed, 1).refusal == AWAY
            assert fleet.counts(routed, 0).answer
        until(lambda: fleet.counts(routed, 1) == before)
    assert fleet.counts(routed, 1).refusal == AWAY, "the pooler is gone"
    superuser.execute(move.format(direct).encode())
    assert fleet.counts(routed, 1) == before

"""Attacks by somebody free to run any SQL, in a role without objects: they get their own rows, and refusals.

Each attack is tried as several viewers, with different rows of their own. The rows they get are exactly their own; and
all else from the server (notices, each field of an error, plans) holds nothing of other rows. The last part asserts
the facts PostgreSQL tells nonetheless, as docs/security.md says.
"""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from inboxdb.install import lists
from tests import routing
from tests.hosts import WIDE_HOSTS
from tests.naive_analytics import READS
from tests.rows import GLOBAL, Host, live_counts, new_id, set_clock, stored_counts
from tests.servers import DRAINER, HELD, MAINTAINER, MEMBER, MONITOR, OBSERVER, OWNER, ROUTER, WRITER, Database, Server
from tests.test_identity import claim, fields_of

ANN = "00000000-0000-4000-8000-00000000000a"  # manages HERE
SUE = "00000000-0000-4000-8000-00000000000b"  # a setter there
EVE = "00000000-0000-4000-8000-00000000000e"  # owns THERE

HERE = "00000000-0000-4000-8000-00000000c001"
THERE = "00000000-0000-4000-8000-00000000c002"

FREE = "00000000-0000-4000-8000-00000000d001"  # a lead of HERE of nobody's
ANNS = "00000000-0000-4000-8000-00000000d002"
SUES = "00000000-0000-4000-8000-00000000d003"
THEIRS = "00000000-0000-4000-8000-00000000e001"  # a lead of THERE
NO_LEAD = "00000000-0000-4000-8000-00000000f001"

LEADS = {
    FREE: (HERE, None),
    ANNS: (HERE, ANN),
    SUES: (HERE, SUE),
    THEIRS: (THERE, EVE),
    "00000000-0000-4000-8000-00000000e002": (THERE, None),
}

NOW = "2025-03-01 12:00:00+00"


class Viewer(NamedTuple):
    """Somebody who may run any SQL."""

    role: str
    user: str  # the subject of their claims
    leads: frozenset[str] = frozenset()  # the leads they may see, and write
    counts: frozenset[tuple[str, str]] = frozenset()  # the counts they may read: workspace and scope


# The writer has no rights in inboxdb, so it reads no counts.
VIEWERS = {
    "manager": Viewer(
        "authenticated", ANN, frozenset({FREE, ANNS, SUES}), frozenset({(HERE, GLOBAL), (HERE, ANN), (HERE, SUE)})
    ),
    "setter": Viewer("authenticated", SUE, frozenset({SUES}), frozenset({(HERE, SUE)})),
    "stranger": Viewer("authenticated", new_id()),
    "nobody": Viewer("authenticated", ""),
    "writer for the manager": Viewer(WRITER, ANN, frozenset({FREE, ANNS, SUES})),
    "writer for nobody": Viewer(WRITER, ""),
}
READERS = {name: viewer for name, viewer in VIEWERS.items() if viewer.role == "authenticated"}


def fill(database: Database) -> None:
    """Make two tenants, whose leads carry their own ids in every text column, drained.

    Whoever is signed in may write "Lead" as far as its policy lets them.
    """
    owner = database.connect()
    host = Host(owner)
    set_clock(owner, NOW)
    host.workspace(id=HERE, userId=ANN)
    host.member(HERE, SUE, "SETTER")
    host.workspace(id=THERE, userId=EVE)
    lists.build(database.direct_dsn)
    for lead, (workspace, user) in LEADS.items():
        texts = dict.fromkeys(("firstName", "email", "phone", "companyName"), lead)
        host.lead(workspace, id=lead, assignedToUserId=user, **texts)
    owner.execute("call inboxdb.drain_dirty()")
    owner.execute('grant select, insert, update, delete on "Lead" to authenticated')
    owner.execute("select inboxdb.protect_leads(restricted => %s)", [["authenticated", WRITER]])
    owner.execute('create statistics two (mcv) on email, phone from "Lead"')
    owner.execute('create statistics expression on lower(email) from "Lead"')
    owner.execute('create index on "Lead" (upper(email))')
    owner.execute("analyze")


@pytest.fixture(scope="module")
def tenants(server: Server, host_variant: str) -> Iterator[Database]:
    """The database shared by the tests of this file, where no attack leaves a trace."""
    with server.database(host_variant, installed=True) as database:
        fill(database)
        yield database


@pytest.fixture
def attacked(tenants: Database) -> Iterator[Database]:
    """The same, with a schema `mine` in which everybody may create objects; the schema is dropped afterwards."""
    with ExitStack() as connections:
        database = replace(tenants, connections=connections)
        superuser = database.superuser()
        superuser.execute("create schema mine")
        superuser.execute("grant usage, create on schema mine to public")
        yield database
        superuser.execute("drop schema mine cascade")


def enter(database: Database, role: str, user: str) -> Connection[Any]:
    """Connect in a role, with a user's claims."""
    connection = database.connect(HELD.get(role, role))
    connection.execute(SQL("set role {}").format(Identifier(role)))
    claim(connection, json.dumps({"sub": user}))
    return connection


class Outcome(NamedTuple):
    """The result of an attack."""

    sqlstate: str | None
    rows: list[tuple[Any, ...]]
    told: str  # all words from the server: rows, notices, errors


@contextmanager
def listening(connection: Connection[Any]) -> Iterator[list[str]]:
    """Collect the notices arriving meanwhile."""
    heard: list[str] = []

    def listen(notice: psycopg.errors.Diagnostic) -> None:
        heard.append(" ".join(filter(None, (notice.message_primary, notice.message_detail, notice.context))))

    connection.add_notice_handler(listen)
    try:
        yield heard
    finally:
        connection.remove_notice_handler(listen)


def attempt(connection: Connection[Any], *statements: str) -> Outcome:
    """Run statements, and undo them; the rows are the last one's."""
    sqlstate = None
    rows: list[tuple[Any, ...]] = []
    with listening(connection) as told:
        try:
            with connection.transaction(force_rollback=True):
                for statement in statements:
                    rows = run(connection, statement)
        except psycopg.Error as error:
            sqlstate, rows = error.sqlstate, []
            told += [value for name, value in fields_of(error).items() if name != "internal_query"]
    return Outcome(sqlstate, rows, "\n".join([*map(str, rows), *told]))


def run(connection: Connection[Any], statement: str) -> list[tuple[Any, ...]]:
    """Run a statement; return its rows, if any."""
    with connection.cursor() as cursor:
        if re.match(r"copy\b.*\bto stdout", statement, re.DOTALL):
            with cursor.copy(statement.encode()) as copy:
                return list(copy.rows())
        cursor.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def hidden_words(viewer: Viewer) -> set[str]:
    """Return the words forbidden to a viewer: ids of other leads, the content of all those leads' text columns."""
    return set(LEADS) - viewer.leads


def assert_nothing_hidden(viewer: Viewer, outcome: Outcome) -> None:
    """Assert that no word from the server is of a hidden lead."""
    assert [word for word in hidden_words(viewer) if word in outcome.told] == []


def ids(outcome: Outcome) -> list[str]:
    """Return the ids in an outcome's first column, sorted."""
    return sorted(str(row[0]) for row in outcome.rows)


# Ways to see

# Statements; the last of each entry shows the ids of all visible leads.
WAYS_TO_READ = {
    "select": ('select id from "Lead"',),
    "table": ('table "Lead"',),
    "only": ('select id from only "Lead"',),
    "or true": (f"""select id from "Lead" where "clientId" = '{THERE}' or true""",),
    "every workspace named": (f"""select id from "Lead" where "clientId" in ('{HERE}', '{THERE}')""",),
    "every lead named": (f"""select id from "Lead" where id in ({", ".join(f"'{lead}'" for lead in LEADS)})""",),
    "whole row": ('select (l).id from "Lead" as l',),
    "json": ("""select row_to_json(l) ->> 'id' from "Lead" as l""",),
    "aggregate": ('select unnest(array_agg(id)) from "Lead"',),
    "window": ('select first_value(id) over (partition by id) from "Lead"',),
    "with": ('with l as materialized (select * from "Lead") select id from l',),
    "outer join": ('select l.id from (values (1)) as v left join "Lead" as l on true where l.id is not null',),
    "sub-select": ("""select (select l.id from "Lead" as l where l.id = i.id) from "Lead" as i""",),
    "union": ('select id from "Lead" union select id from "Lead"',),
    "sample": ('select id from "Lead" tablesample bernoulli (100)',),
    "by physical place": (
        """
        select id from "Lead" where ctid = any (array(
          select format('(%s,%s)', page, line)::tid from generate_series(0, 3) as page, generate_series(1, 99) as line
        ))
    """,
    ),
    "for update": ('select id from "Lead" for update',),
    "for share": ('select id from "Lead" for share skip locked',),
    "copy table": ('copy "Lead" (id) to stdout',),
    "copy query": ('copy (select id from "Lead") to stdout',),
    "update": ("""update "Lead" set "firstName" = '' returning id""",),
    "update without a condition's help": ('update "Lead" set id = id returning id',),
    "delete": ('delete from "Lead" returning id',),
    "delete using": ('delete from "Lead" as l using "Lead" as other where l.id = other.id returning l.id',),
    "view": ('create view mine.v as select id from "Lead"', "table mine.v"),
    "view with a barrier": ('create view mine.v with (security_barrier) as select id from "Lead"', "table mine.v"),
    "view of the invoker": ('create view mine.v with (security_invoker) as select id from "Lead"', "table mine.v"),
    "materialized view": ('create materialized view mine.v as select id from "Lead"', "table mine.v"),
    "copied table": ('create table mine.v as select id from "Lead"', "table mine.v"),
    "temporary table": ('create temp table v as select id from "Lead"', "table pg_temp.v"),
    "insert select": ("create temp table v (id text)", 'insert into v select id from "Lead" returning id'),
    "sql function": (
        """create function mine.f() returns setof text language sql as 'select id from "Lead"'""",
        "select mine.f()",
    ),
    "definer function": (
        """create function mine.f() returns setof text language sql security definer as 'select id from "Lead"'""",
        "select mine.f()",
    ),
    "plpgsql": (
        """
        create function mine.f() returns setof text language plpgsql security definer stable as
        $$ begin return query execute 'select id::text from "Lead"'; end $$
        """,
        "select mine.f()",
    ),
    "trigger": (
        "create table mine.v (id text)",
        """
        create function mine.f() returns trigger language plpgsql security definer as
        $$ begin insert into mine.v select id from "Lead" where new.id = ''; return new; end $$
        """,
        "create trigger t after insert on mine.v for each row execute function mine.f()",
        "insert into mine.v values ('')",
        "select * from mine.v where id <> ''",
    ),
    "cursor": ('declare c cursor for select id from "Lead"', "fetch all c"),
    "scrolled cursor": (
        'declare c scroll cursor for select id from "Lead"',
        "move last c",
        "move first c",
        "move prior c",
        "fetch all c",
    ),
    "prepared": ('prepare p as select id from "Lead"', "execute p"),
    "prepared, one plan for all": (
        "set plan_cache_mode = force_generic_plan",
        'prepare q (text) as select id from "Lead" where id::text <> $1',
        "execute q ('')",
    ),
    "no indexes": ("set enable_indexscan = off", "set enable_bitmapscan = off", 'select id from "Lead"'),
    "no scans": ("set enable_seqscan = off", 'select id from "Lead" order by email'),
    "index only": ("set enable_seqscan = off", "set enable_bitmapscan = off", 'select id from "Lead" order by id'),
    "merge": (
        """
        merge into "Lead" as l using (select id from "Lead") as v on l.id = v.id
        when matched then update set "firstName" = 'merged'
        """,
        """select id from "Lead" where "firstName" = 'merged'""",
    ),
}


@pytest.mark.all_hosts
@pytest.mark.parametrize("name", VIEWERS)
def test_every_way_to_read_leads_shows_ones_own(attacked: Database, name: str) -> None:
    viewer = VIEWERS[name]
    connection = enter(attacked, viewer.role, viewer.user)
    for way, statements in WAYS_TO_READ.items():
        outcome = attempt(connection, *statements)
        assert (outcome.sqlstate, ids(outcome)) == (None, sorted(viewer.leads)), way
        assert_nothing_hidden(viewer, outcome)


@pytest.mark.all_hosts
@pytest.mark.parametrize("name", READERS)
def test_every_way_to_read_counts_shows_ones_own(attacked: Database, name: str) -> None:
    viewer = READERS[name]
    connection = enter(attacked, viewer.role, viewer.user)
    columns = "client_id::text, scope_user_id::text"
    for statements in (
        (f"select {columns} from inboxdb.inbox_counts",),
        (f"select {columns} from inboxdb.inbox_counts where client_id = '{THERE}' or true",),
        (f"copy (select {columns} from inboxdb.inbox_counts) to stdout",),
        (f"create view mine.v as select {columns} from inboxdb.inbox_counts", "table mine.v"),
        ("set enable_seqscan = off", f"select {columns} from inboxdb.inbox_counts order by client_id"),
    ):
        outcome = attempt(connection, *statements)
        assert outcome.sqlstate is None, statements
        assert set(outcome.rows) == viewer.counts, statements
    workspaces = {(HERE,)} if viewer.counts else set()
    for table in ("cache_version", "job_status"):
        for statement in (
            f"select client_id::text from inboxdb.{table}",
            f"copy inboxdb.{table} (client_id) to stdout",
        ):
            assert set(attempt(connection, statement).rows) == workspaces
    for workspace in (HERE, THERE):
        outcome = attempt(connection, f"select scope_user_id::text from inbox_api.inbox_counts('{workspace}')")
        expected = None if (workspace,) in workspaces else "IB007" if viewer.user else "IB006"
        assert outcome.sqlstate == expected


@pytest.mark.all_hosts
@pytest.mark.parametrize("name", READERS)
def test_every_way_to_read_conversations_shows_ones_own(attacked: Database, name: str) -> None:
    viewer = READERS[name]
    connection = enter(attacked, viewer.role, viewer.user)
    assert_conversations_are_ones_own(connection, viewer)


def assert_conversations_are_ones_own(connection: Connection[Any], viewer: Viewer) -> None:
    """Read conversations in every way, of one's own workspace and of the other."""
    refused = "IB007" if viewer.user else "IB006"
    for workspace in (HERE, THERE):
        own = sorted(lead for lead in viewer.leads if LEADS[lead][0] == workspace)
        for arguments in (
            "",
            ", filter => 'responses'",
            ", filter => 'ai_sent'",
            ", sort => 'updated'",
            ", page_size => 1",
            ", search => '00000000-0000'",
            *(f", search => '{lead}'" for lead in LEADS),
        ):
            page = f"inbox_api.conversations('{workspace}'{arguments}) as p"
            one = f"select c ->> 'lead_id' from {page} cross join jsonb_array_elements(p.conversations) as c"
            listed, whole = attempt(connection, one), attempt(connection, f"select p from {page}")
            assert listed.sqlstate == whole.sqlstate == (None if own else refused), (workspace, arguments)
            assert set(ids(listed)) <= set(own)
            if own and arguments in ("", ", sort => 'updated'", ", search => '00000000-0000'"):
                assert ids(listed) == own
            if own and (searched := arguments.removeprefix(", search => '").rstrip("'")) in LEADS:
                assert ids(listed) == [searched] * (searched in own)
            assert_nothing_hidden(viewer, whole)
        filters = attempt(connection, f"select f from inbox_api.conversation_filters('{workspace}') as f")
        assert filters.sqlstate == (None if own else refused)
        assert_nothing_hidden(viewer, filters)
    for lead in (*LEADS, NO_LEAD):
        for read in ("conversation", "conversation_messages"):
            outcome = attempt(connection, f"select c from inbox_api.{read}('{lead}') as c")
            assert outcome.sqlstate == (None if lead in viewer.leads else refused), (read, lead)
            assert_nothing_hidden(viewer, outcome)


@pytest.mark.all_hosts
def test_what_somebody_made_shows_others_no_more_than_themselves(attacked: Database) -> None:
    """A view runs with its owner's rights, but the policy asks for whoever is signed in."""
    maker = enter(attacked, "authenticated", ANN)
    maker.execute('create view mine.v as select id from "Lead"')
    maker.execute("grant select on mine.v to public")
    maker.execute("create function mine.f() returns setof text language sql security definer as 'table mine.v'")
    for viewer in READERS.values():
        other = enter(attacked, viewer.role, viewer.user)
        for statement in ("select id from mine.v", "select mine.f()"):
            outcome = attempt(other, statement)
            assert (outcome.sqlstate, ids(outcome)) == (None, sorted(viewer.leads))
    nobody = enter(attacked, "anon", "")
    assert attempt(nobody, "select id from mine.v").sqlstate == "42501", "the policy's functions are not theirs to call"
    assert attempt(nobody, "select mine.f()")[:2] == (None, []), "they are the maker's, who is nobody here"


@pytest.mark.all_hosts
def test_one_prepared_statement_serves_two_users(attacked: Database) -> None:
    """In one session, with one plan, as behind a pooler: each execution asks the policy anew."""
    connection = enter(attacked, "authenticated", ANN)
    connection.execute("set plan_cache_mode = force_generic_plan")
    connection.execute('prepare leads as select id from "Lead"')
    connection.execute("prepare counts as select client_id::text, scope_user_id::text from inboxdb.inbox_counts")
    for name in ("manager", "setter", "nobody", "manager", "stranger", "setter"):
        viewer = VIEWERS[name]
        claim(connection, json.dumps({"sub": viewer.user}))
        assert ids(attempt(connection, "execute leads")) == sorted(viewer.leads)
        assert set(attempt(connection, "execute counts").rows) == viewer.counts
    connection.execute("set role anon")
    assert attempt(connection, "execute leads").sqlstate == "42501"
    assert attempt(connection, "execute counts").sqlstate == "42501"


@pytest.mark.all_hosts
def test_a_prepared_statement_of_one_role_is_planned_anew_for_another(attacked: Database) -> None:
    """From a role without policies to a role under the policy."""
    connection = attacked.superuser()
    connection.execute(SQL("set role {}").format(Identifier(OWNER)))
    connection.execute('prepare leads as select id from "Lead"')
    for role, seen in ((OWNER, sorted(LEADS)), ("authenticated", []), (WRITER, []), (OWNER, sorted(LEADS))):
        connection.execute(SQL("set role {}").format(Identifier(role)))
        assert ids(attempt(connection, "execute leads")) == seen


@pytest.mark.parametrize("name", VIEWERS)
def test_row_security_that_is_turned_off_is_an_error_and_no_leak(attacked: Database, name: str) -> None:
    viewer = VIEWERS[name]
    connection = enter(attacked, viewer.role, viewer.user)
    ours = ("inboxdb.inbox_counts", "inboxdb.cache_version", "inboxdb.job_status") if name in READERS else ()
    for table in ('"Lead"', *ours):
        for statement in (f"select * from {table}", f"copy {table} to stdout"):
            outcome = attempt(connection, "set local row_security = off", statement)
            assert outcome.sqlstate == "42501", statement
            assert_nothing_hidden(viewer, outcome)
    unsafe = "create function mine.f() returns setof text language sql set row_security = off as "
    assert attempt(connection, f"""{unsafe} 'select id from "Lead"'""", "select mine.f()").sqlstate == "42501"


def test_locking_rows_locks_no_hidden_one(attacked: Database) -> None:
    viewer = VIEWERS["setter"]
    connection = enter(attacked, viewer.role, viewer.user)
    owner = attacked.connect()
    with connection.transaction():
        connection.execute('select id from "Lead" for update')
        with owner.transaction():
            free = owner.execute('select id from "Lead" for update skip locked').fetchall()
    assert {lead for (lead,) in free} == hidden_words(viewer)


# Predicates

# They raise their argument as a notice, and are declared to cost next to nothing, so that the planner calls them first.
LEAK = """
create function {schema}.leak(anyelement) returns boolean language plpgsql cost 0.0000001
as $$ begin raise notice 'given %', $1; return true; end $$;

create function {schema}.leak(text, text) returns boolean language plpgsql cost 0.0000001
as $$ begin raise notice 'given % and %', $1, $2; return true; end $$;

create operator {schema}.<<< (leftarg = text, rightarg = text, function = {schema}.leak, restrict = scalarltsel);
create operator {schema}.=== (leftarg = text, rightarg = text, function = {schema}.leak, restrict = eqsel);
create operator {schema}.~~~ (leftarg = text, rightarg = text, function = {schema}.leak, restrict = matchingsel);
"""
# On {table} with {text}, a text column: the id of a lead, or of a workspace.
PREDICATES = {
    "cheap function": "select {text} from {table} as t where mine.leak({text})",
    "in pg_temp": "select {text} from {table} as t where pg_temp.leak({text})",
    "whole row": "select {text} from {table} as t where mine.leak(t)",
    "before the policy's own column": "select {text} from {table} as t where mine.leak({tenant}::text)",
    "estimated by what is below": "select {text} from {table} as t where {text} operator(mine.<<<) 'x'",
    "estimated by what is equal": "select {text} from {table} as t where {text} operator(mine.===) 'x'",
    "estimated by what matches": "select {text} from {table} as t where {text} operator(mine.~~~) 'x'",
    "in a case": "select {text} from {table} as t where case when mine.leak({text}) then true else false end",
    "in or": "select {text} from {table} as t where mine.leak({text}) or {tenant} is null",
    "in a sub-select": "select {text} from {table} as t where (select mine.leak({text}))",
    "in a join": "select {text} from (values (1)) as v left join {table} as t on mine.leak({text})",
    "joined to itself": "select t.{text} from {table} as t join {table} as o on mine.leak(t.{text}, o.{text})",
    "in the order": "select {text} from {table} as t order by mine.leak({text})",
    "in the grouping": "select mine.leak({text}) from {table} as t group by 1",
    "in having": "select {text} from {table} as t group by 1 having mine.leak({text})",
    "in an aggregate's filter": "select count(*) filter (where mine.leak({text})) from {table} as t",
    "in lateral": "select {text} from {table} as t cross join lateral mine.leak({text}) as l where l",
    "in limit": "select {text} from {table} as t limit (select count(*) from {table} as t where mine.leak({text}))",
    "by a cast": "select {text} from {table} as t where {text}::integer = 1",
    "by a cast to what it is not": "select {text} from {table} as t where {text}::jsonb is not null",
    "by an invalid pattern": "select {text} from {table} as t where 'x' ~ ('(' || {text})",
    "by a setting": """
        select current_setting('mine.seen', true) from {table} as t
        where set_config('mine.seen', coalesce(current_setting('mine.seen', true), '') || {text}, true) <> ''
    """,
    "in an update": "update {table} as t set {text} = {text} where mine.leak({text})",
    "in a delete": "delete from {table} as t where mine.leak({text})",
    "planned only": "explain select {text} from {table} as t where {text} operator(mine.<<<) 'x' and mine.leak({text})",
}


def given(connection: Connection[Any], **names: str) -> set[str]:
    """Try every predicate; return the ids passed to predicates, by the planner included."""
    for schema in ("mine", "pg_temp"):
        connection.execute(LEAK.format(schema=schema).encode())
    told = [
        attempt(connection, f"set local enable_seqscan = {scan}", query.format(**names)).told
        for query, scan in product(PREDICATES.values(), ("on", "off"))
    ]
    return {word for word in {*LEADS, HERE, THERE, ANN, SUE, EVE} if any(word in words for words in told)}


@pytest.mark.parametrize("table", ['public."Lead"', "mine.leads", "mine.barred_leads"])
@pytest.mark.parametrize("name", VIEWERS)
def test_a_predicate_is_given_no_hidden_lead(attacked: Database, name: str, table: str) -> None:
    viewer = VIEWERS[name]
    connection = enter(attacked, viewer.role, viewer.user)
    connection.execute('create view mine.leads as select * from "Lead"')
    connection.execute('create view mine.barred_leads with (security_barrier) as select * from "Lead"')
    their_own = {word for lead in viewer.leads for word in LEADS[lead] if word}
    assert given(connection, table=table, text="email", tenant='"clientId"') == viewer.leads | their_own


@pytest.mark.parametrize("name", READERS)
def test_a_predicate_is_given_no_hidden_counts(attacked: Database, name: str) -> None:
    viewer = READERS[name]
    connection = enter(attacked, viewer.role, viewer.user)
    expected = {word for row in viewer.counts for word in row} - {GLOBAL}
    assert given(connection, table="inboxdb.inbox_counts", text="client_id", tenant="client_id") == expected


@pytest.mark.parametrize("name", VIEWERS)
def test_a_hidden_row_divides_nothing_by_zero(attacked: Database, name: str) -> None:
    """A condition that fails on a single lead fails for viewers of the lead only."""
    viewer = VIEWERS[name]
    connection = enter(attacked, viewer.role, viewer.user)
    for lead in LEADS:
        trap = f"""select from "Lead" where 1 / (case when id = '{lead}' then 0 else 1 end) = 1"""
        assert attempt(connection, trap).sqlstate == ("22012" if lead in viewer.leads else None)


@pytest.mark.parametrize("name", ["manager", "writer for the manager"])
def test_nobody_makes_a_function_that_comes_before_the_policy(attacked: Database, name: str) -> None:
    """LEAKPROOF is a superuser's to declare, and so are planner support functions."""
    connection = enter(attacked, VIEWERS[name].role, VIEWERS[name].user)
    create = "create function mine.f(text) returns boolean language sql as 'select true'"
    for statements in (
        (f"{create} leakproof",),
        (create, "alter function mine.f(text) leakproof"),
        (f"{create} support pg_catalog.textlike_support",),
        ("create function mine.f(internal) returns internal language internal as 'eqsel'",),
    ):
        assert attempt(connection, *statements).sqlstate == "42501"


# Plans and statistics


@pytest.mark.parametrize("name", VIEWERS)
def test_a_plan_is_of_the_rows_to_be_seen(attacked: Database, name: str) -> None:
    """And prints the query's own values, none of a row's."""
    viewer = VIEWERS[name]
    connection = enter(attacked, viewer.role, viewer.user)
    for statement, planner in product(
        (
            'select * from "Lead"',
            "select id from \"Lead\" where email > '' order by email",
            'select distinct upper(email) from "Lead"',
            'select a.id from "Lead" as a join "Lead" as b using (email)',
            'update "Lead" set email = id returning id',
        ),
        ("enable_seqscan = off", "enable_indexscan = off"),
    ):
        for options in ("analyze, verbose, buffers", "analyze, format xml, wal, settings", "verbose"):
            outcome = attempt(connection, f"set local {planner}", f"explain ({options}) {statement}")
            assert outcome.sqlstate is None
            assert_nothing_hidden(viewer, outcome)
        [([explained],)] = attempt(connection, f"set {planner}", f"explain (analyze, format json) {statement}").rows
        assert explained["Plan"]["Actual Rows"] == len(viewer.leads), statement


@pytest.mark.parametrize("name", VIEWERS)
def test_statistics_are_kept_from_whom_a_policy_binds(attacked: Database, name: str) -> None:
    owner = attacked.connect()
    connection = enter(attacked, VIEWERS[name].role, VIEWERS[name].user)
    tables = "('Lead', 'Lead_upper_idx', 'inbox_counts', 'cache_version', 'job_status')"
    views = ("pg_stats", "pg_stats_ext", "pg_stats_ext_exprs")
    for view in views:
        seen = f"select count(*) from {view} where tablename in {tables}"
        assert owner.execute(seen).fetchall() != [(0,)], "there is something to hide"
        assert attempt(connection, seen).rows == [(0,)], view
    for catalog in ("pg_statistic", "pg_statistic_ext_data"):
        assert attempt(connection, f"select * from {catalog}").sqlstate == "42501"


def test_other_users_statements_are_not_shown(attacked: Database) -> None:
    """The connecting role's own statements are shown to that role: see below."""
    busy = [attacked.connect(role) for role in (OWNER, WRITER, MEMBER)]
    for connection in busy:
        connection.execute(f"select '{THEIRS}'")
    for name, count in (("setter", 3), ("writer for nobody", 2)):
        spy = enter(attacked, VIEWERS[name].role, VIEWERS[name].user)
        others = [c.info.backend_pid for c in busy if c.info.user != VIEWERS[name].role]
        shown = spy.execute("select query from pg_stat_activity where pid = any (%s)", [others]).fetchall()
        assert shown == [("<insufficient privilege>",)] * count


def test_the_catalog_shows_whose_rights_one_has(attacked: Database) -> None:
    connection = enter(attacked, "authenticated", ANN)
    seen = connection.execute(
        "select distinct table_name from information_schema.tables where table_schema in ('inboxdb', 'public')"
    ).fetchall()
    assert {name for (name,) in seen} == {"Lead", "inbox_counts", "cache_version", "job_status"}


# Writing


NEW = '"Lead" (id, "clientId", "updatedAt") values'
# Writes aimed at a hidden lead.
UNSEEN = {
    "update": f"update \"Lead\" set email = 'x' where id = '{THEIRS}' returning id",
    "update by physical place": "update \"Lead\" set email = 'x' where ctid in ('(0,4)', '(0,5)') returning id",
    "update from": f"""
        update "Lead" as l set email = v.email from (values ('{THEIRS}', 'x')) as v (id, email)
        where l.id::text = v.id returning l.id
    """,
    "take over": f"update \"Lead\" set \"clientId\" = '{HERE}' where id = '{THEIRS}' returning id",
    "delete": f"delete from \"Lead\" where id = '{THEIRS}' returning id",
    "merge": f"""
        merge into "Lead" as l using (values ('{THEIRS}')) as v (id) on l.id::text = v.id
        when matched then delete when not matched then do nothing
    """,
    "lock": f"select id from \"Lead\" where id = '{THEIRS}' for update nowait",
}
# Writes to make a hidden lead, or to collide with a hidden lead.
BARRED = {
    "insert": f"insert into {NEW} ('{NO_LEAD}', '{THERE}', now())",
    "insert where there is nothing": f"insert into {NEW} ('{NO_LEAD}', '{NO_LEAD}', now())",
    "insert unless it is there": f"insert into {NEW} ('{THEIRS}', '{THERE}', now()) on conflict do nothing",
    "take over": f"""
        insert into {NEW} ('{THEIRS}', '{HERE}', now())
        on conflict (id) do update set "clientId" = '{HERE}' returning email
    """,
    "read": f"""
        insert into {NEW} ('{THEIRS}', '{HERE}', now())
        on conflict (id) do update set id = excluded.id where "Lead".email is not null returning "Lead".email
    """,
    "merge": f"""
        merge into "Lead" as l using (values ('{NO_LEAD}')) as v (id) on l.id::text = v.id
        when not matched then insert (id, "clientId", "updatedAt") values ('{NO_LEAD}', '{THERE}', now())
    """,
}


def leads(database: Database) -> list[tuple[Any, ...]]:
    """Return all the leads as they are, past any policy."""
    return database.connect().execute('select * from "Lead" order by id').fetchall()


@pytest.mark.all_hosts
@pytest.mark.parametrize("name", VIEWERS)
def test_a_hidden_lead_is_not_written(attacked: Database, name: str) -> None:
    """The hidden lead stands unchanged, also after a commit."""
    viewer = VIEWERS[name]
    connection = enter(attacked, viewer.role, viewer.user)
    before = leads(attacked)
    for way, statement in UNSEEN.items():
        outcome = attempt(connection, statement)
        assert (outcome.sqlstate, outcome.rows) == (None, []), way
        connection.execute(statement.encode())
        assert leads(attacked) == before, way
    for way, statement in BARRED.items():
        outcome = attempt(connection, statement)
        assert outcome.sqlstate == "42501", way
        assert_nothing_hidden(viewer, outcome)
    assert attempt(connection, 'copy "Lead" (id, "clientId", "updatedAt") from stdin').sqlstate == "0A000"


@pytest.mark.all_hosts
@pytest.mark.parametrize("name", [name for name, viewer in VIEWERS.items() if viewer.leads])
def test_a_lead_is_not_moved_out_of_sight(attacked: Database, name: str) -> None:
    viewer = VIEWERS[name]
    connection = enter(attacked, viewer.role, viewer.user)
    for lead in sorted(viewer.leads):
        moves = {f"\"clientId\" = '{THERE}'": "42501", f"\"clientId\" = '{NO_LEAD}'": "42501"}
        for given in (ANN, EVE):
            moves[f"\"assignedToUserId\" = '{given}'"] = "42501" if viewer.user == SUE else "0"
        moves['"assignedToUserId" = null'] = "42501" if viewer.user == SUE else "0"
        for move, expected in moves.items():
            outcome = attempt(connection, f"update \"Lead\" set {move} where id = '{lead}'")
            assert (outcome.sqlstate or "0") == expected, move
            assert_nothing_hidden(viewer, outcome)


# Rights

# Statements refused to roles without objects, by the gain of each.
REFUSED = {
    "become the owner": f"set role {OWNER}",
    "become a superuser": "set role postgres",
    "become the owner for good": f"set session authorization {OWNER}",
    "inherit from the owner": f"grant {OWNER} to current_user",
    "take a right": "grant all on inboxdb.setting to current_user",
    "bypass policies": "alter role current_user bypassrls",
    "be a superuser": "alter role current_user superuser",
    "replicate": "alter role current_user replication",
    "make a role": "create role mallory superuser",
    "read all": "grant pg_read_all_data to current_user",
    "drop the policy": 'drop policy inboxdb_member on "Lead"',
    "another policy": 'create policy mine on "Lead" using (true)',
    "another policy on counts": "create policy mine on inboxdb.inbox_counts using (true)",
    "another condition": 'alter policy inboxdb_member on "Lead" using (true)',
    "no policies": 'alter table "Lead" disable row level security',
    "no policies on counts": "alter table inboxdb.inbox_counts disable row level security",
    "own the table": 'alter table "Lead" owner to current_user',
    "own the function": "alter function inboxdb.current_user_id() owner to current_user",
    "another function": "create or replace function inboxdb.clock() returns timestamptz language sql as 'select now()'",
    "another function beside it": "create function inboxdb.sentinel(text) returns text language sql as 'select $1'",
    "another function in the API": "create function inbox_api.mine() returns text language sql as 'select 1'",
    "without its search_path": "alter function inboxdb.current_user_id() reset all",
    "with the caller's rights": "alter function inboxdb.current_user_id() security invoker",
    "another relation in inboxdb": "create table inboxdb.mine (id text)",
    "a column": 'alter table "Lead" add column mine text default current_user',
    "a default": 'alter table "Lead" alter column status set default current_user',
    "a child": 'create table mine.child () inherits (public."Lead")',
    "a partition": 'alter table "Lead" inherit mine.parent',
    "a rule": 'create rule mine as on update to "Lead" do also select 1',
    "an index": 'create index mine on "Lead" (id)',
    "statistics": 'create statistics mine.s (mcv) on id, email from "Lead"',
    "a foreign key": 'create table mine.t (id text references "Lead" (id))',
    "our types": "create function mine.f(inboxdb.client_id) returns text language sql as 'select 1'",
    "a cast between types": "create cast (text as integer) with inout as implicit",
    "an operator class": "create operator class mine.c default for type text using btree as storage text",
    "an event trigger": "create event trigger mine on ddl_command_end execute function mine.f()",
    "code of one's own": "create function mine.c() returns text language c as 'mine', 'mine'",
    "a publication": 'create publication mine for table "Lead"',
    "a slot": "select pg_create_logical_replication_slot('mine', 'test_decoding')",
    "a file": "select pg_read_file('postgresql.conf')",
    "a program": "copy (select 1) to program 'true'",
    "a file to write": "copy (select 1) to '/tmp/mine'",
    "replica role": "set session_replication_role = replica",
    "preloaded code": "set session_preload_libraries = 'mine'",
    "log everything": "set log_statement = 'all'",
    "end other sessions": "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
    "read the settings": "select * from inboxdb.setting",
    "go live": "update inboxdb.setting set setting_value = 'live'",
    "read the log": "select * from inboxdb.change",
    "write the log": "insert into inboxdb.change_0 (client_id) values (null)",
    "read the work list": "select * from inboxdb.inbox_counts_dirty",
    "read who is a member": "select * from inboxdb.member_access",
    "write counts": "update inboxdb.inbox_counts set total = 0",
    "delete counts": "delete from inboxdb.inbox_counts",
    "count live": f"select * from inboxdb.live_inbox_counts('{HERE}')",
    "recompute": f"select inboxdb.recompute_inbox_counts('{HERE}')",
    "take the policies off": "select inboxdb.unprotect_leads()",
    "ask without being checked": f"select inboxdb.require_access('{HERE}', null)",
    "switch reads off": "select inboxdb.set_flag('counts_read', 'off', 'mine')",
    "switch one off": "update inboxdb.flag_override set is_on = false",
    "read the flags": "select * from inboxdb.flag",
    "read who set a flag": "select * from inboxdb.flag_history",
    "read what others' reads took": "select * from inboxdb.read_sample",
    "make up samples": "insert into inboxdb.read_sample default values",
    "tag": "select inboxdb.not_modified('[]')",
    "read what a table is made of": "select * from pg_statistic",
}


@pytest.mark.parametrize(
    "role", ["authenticated", "anon", MEMBER, WRITER, DRAINER, MONITOR, ROUTER, OBSERVER, MAINTAINER]
)
def test_what_a_role_that_owns_nothing_is_refused(attacked: Database, role: str) -> None:
    connection = enter(attacked, role, ANN)
    connection.execute("create table mine.parent (like pg_catalog.pg_class)")
    connection.execute("create function mine.f() returns event_trigger language plpgsql as 'begin end'")
    for name, statement in REFUSED.items():
        outcome = attempt(connection, statement)
        assert outcome.sqlstate == "42501", (name, outcome)


def test_what_a_member_may_become(attacked: Database) -> None:
    """The two granted roles, from either; nobody else, and nothing by going back."""
    connection = attacked.connect(MEMBER)
    mine = (MEMBER, "anon", "authenticated")
    others = (OWNER, WRITER, DRAINER, MONITOR, ROUTER, OBSERVER, MAINTAINER, "postgres", *(HELD.keys() - {*mine}))
    for start, end in product(mine, mine):
        connection.execute(f"set role {start}")
        connection.execute(f"set role {end}")
        assert connection.execute("select current_user::text, session_user::text").fetchall() == [(end, MEMBER)]
        for other in others:
            for statement in (f"set role {other}", f"set local role {other}", f"set session authorization {other}"):
                assert attempt(connection, statement).sqlstate == "42501", (end, statement)
            assert attempt(connection, f"select set_config('role', '{other}', false)").sqlstate == "42501"
        for back in ("reset role", "set role none", "reset session authorization", "set session authorization default"):
            connection.execute(f"set role {end}")
            connection.execute(back)
            assert connection.execute("select current_user::text").fetchall() == [(MEMBER,)]
            for query in ('select from "Lead"', "select from inboxdb.inbox_counts", "select inboxdb.current_user_id()"):
                assert attempt(connection, query).sqlstate == "42501", (back, query)

    connection.execute("set role anon")
    definer = "create function mine.f() returns void language plpgsql security definer as "
    outcome = attempt(connection, f"{definer} 'begin set role authenticated; end'", "select mine.f()")
    assert outcome.sqlstate == "42501", "a definer function may not"
    connection.execute(
        "create function mine.g() returns text language sql set role authenticated as 'select current_user'"
    )
    assert attempt(connection, "select mine.g()").rows == [("authenticated",)], (
        "any other may become what it may become"
    )


# Code of the caller's

# Every routine granted to a role, and a call.
CALLS = {
    "current_user_id": "select inboxdb.current_user_id()",
    "member_workspaces": "select inboxdb.member_workspaces()",
    "setter_workspaces": "select inboxdb.setter_workspaces()",
    "has_client_access": f"select inboxdb.has_client_access('{HERE}')",
    "has_topic_access": f"select inboxdb.has_topic_access('inbox:v1:{HERE}:{SUE}')",
    "read_inbox_counts": f"select * from inboxdb.read_inbox_counts('{HERE}')",
    "inbox_counts": f"select * from inbox_api.inbox_counts('{HERE}')",
    "note_reads": (
        """select inbox_api.note_reads('[{"client_id": "a", "function": "flags", "ms": 1, "outcome": "ok"}]')"""
    ),
    "rollout_state": "select * from inboxdb.rollout_state()",
    "last_runs": "select * from inboxdb.last_runs()",
    "read_flags": f"select * from inboxdb.read_flags('{HERE}')",
    "flags": f"select * from inbox_api.flags('{HERE}')",
    "read_conversations": (
        f"select * from inboxdb.read_conversations('{HERE}', 'ai_review', '{{sms}}', '{{Interested,null}}', null, "
        "true, '1+', null, '000', 'activity', null, 50)"
    ),
    # the first page, and the one behind its cursor
    "conversations": (
        f"select c.* from inbox_api.conversations('{HERE}', page_size => 1) as p "
        f"cross join lateral inbox_api.conversations('{HERE}', page_size => 1, after => p.cursor) as c"
    ),
    "read_conversation_filters": f"select * from inboxdb.read_conversation_filters('{HERE}')",
    "conversation_filters": f"select * from inbox_api.conversation_filters('{HERE}')",
    "read_conversation": f"select * from inboxdb.read_conversation('{SUES}')",
    "conversation": f"select * from inbox_api.conversation('{SUES}')",
    "read_conversation_messages": f"select * from inboxdb.read_conversation_messages('{SUES}', 'email', null, 1)",
    "conversation_messages": (
        f"select c.* from inbox_api.conversation_messages('{SUES}', page_size => 1) as p "
        f"cross join lateral inbox_api.conversation_messages('{SUES}', before => p.cursor) as c"
    ),
    "clock": "select inboxdb.clock()",
    "lock_class": "select inboxdb.lock_class('workspace')",
    "collect": "select inboxdb.collect()",
    "claim_next": "select inboxdb.claim_next()",
    "claim_set": "select inboxdb.claim_set(50)",
    "drain_next": f"select inboxdb.drain_next('{HERE}')",
    "drain_set": f"select * from inboxdb.drain_set('{{{HERE},{THERE}}}')",
    "time_limit": f"select inboxdb.time_limit('{HERE}')",
    "record_failure": f"select inboxdb.record_failure('{THERE}', '{NOW}', '57014')",
    "send_signals": f"select inboxdb.send_signals('{HERE}', 1, '{{{ANN},{SUE}}}')",
    "send_all_signals": (
        f"""select inboxdb.send_all_signals('[{{"client_id": "{HERE}", "version": 1, "changed_scopes": ["{ANN}"]}}]')"""
    ),
    # all but the clock of what is kept
    "maintain": "select m.item, m.time_limit, m.outcome from inboxdb.maintain(null, true) as m",
    "seconds_to_next_attempt": "select inboxdb.seconds_to_next_attempt()",
    # all but the size of the log: rolled back changes make the log grow, too
    "drain_status": (
        "select dirty_workspaces, pending_changes, oldest_dirty_seconds, late_workspaces, failing_workspaces, "
        "quarantined_workspaces, workers_seen, last_drain_at, freshness_p99, unpublished_keys, unpublished_seconds, "
        "counts_source from inboxdb.drain_status()"
    ),
    "failing_maintenance": "select * from inboxdb.failing_maintenance()",
    "environment": "select inboxdb.environment()",
    "list_upkeep": "select * from inboxdb.list_upkeep()",
    "run_upkeep": "select inboxdb.run_upkeep('recover-stale-drafts', true)",
    "analytics_status": "select * from inboxdb.analytics_status()",
    "work_left": "select workspaces from inboxdb.work_left()",
    "failing_workspaces": "select * from inboxdb.failing_workspaces()",
    "held_snapshot": "select all_seen from inboxdb.held_snapshot()",
    "heartbeat": "select inboxdb.heartbeat('0a1b2c3d', 'sql', 1, 0, 0, '{0.5}')",
    "unpublished": "select * from inboxdb.unpublished()",
    "keys_at_random": "select * from inboxdb.keys_at_random()",
    "confirm_published": f"select inboxdb.confirm_published('{{version}}', '{{{HERE}}}', '{{inbox}}', '{{{2**62}}}')",
    "mark_all_unpublished": "select inboxdb.mark_all_unpublished()",
    "lead_rls_state": "select inboxdb.lead_rls_state()",
    "suspended_since": "select inboxdb.suspended_since()",
    "why_suspended": "select inboxdb.why_suspended()",
    "drain_dirty": "call inboxdb.drain_dirty()",
    "next_transaction": "call inboxdb.next_transaction()",
}
# IB020 where the host has no tables for them
ANALYTICS = {
    **{
        f"{prefix}{read}": f"select * from {schema}.{prefix}{read}('{HERE}', '2025-02-20', '2025-03-10')"
        for read in READS
        for schema, prefix in (("inboxdb", "read_"), ("inbox_api", ""))
    },
    "read_crm_rows": (
        f"select * from inboxdb.read_crm_rows('{HERE}', null, 'Call', null, 'AI', '2025-02-20', '2025-03-10', null, 50)"
    ),
    # the first page, and the one behind its cursor
    "crm_rows": (
        f"select c.* from inbox_api.crm_rows('{HERE}', page_size => 1) as p "
        f"cross join lateral inbox_api.crm_rows('{HERE}', page_size => 1, after => p.cursor) as c"
    ),
}
CALLS |= ANALYTICS
FOR_ROUTERS = {"client_id": HERE, "lead_id": SUES, "from_day": "2024-06-01", "to_day": "2024-06-30"}
CALLS |= {
    f"shard_{read.name}": f"""select * from inboxdb.shard_{read.name}('{{"sub": "{ANN}"}}', '{{}}', 'GET', """
    + ", ".join(f"'{FOR_ROUTERS[one.name]}'" for one in read.parameters if not one.default)
    + ")"
    for read in routing.reads()
} | {"shard_workspaces": "select inboxdb.shard_workspaces()"}
# Other ways to our functions: policies, triggers and refusals.
USES = (
    "table inboxdb.inbox_counts",
    "table inboxdb.cache_version",
    'table public."Lead"',
    f"select * from inbox_api.inbox_counts('{THERE}')",
    # of addresses, by the indexes at once; of terms
    f"select * from inbox_api.conversations('{HERE}', search => 'somebody@example.org')",
    f"select * from inbox_api.conversations('{HERE}', search => '0000 {SUES} +(000)')",
    f"""insert into public."Lead" (id, "clientId", "updatedAt") values ('{NO_LEAD}', '{HERE}', '{NOW}')""",
    *(
        f"""update public."Lead" set "{column}" = {value}"""
        for column, value in {
            **dict.fromkeys(("status", "sentimentTag"), "'needs_repair'"),
            **dict.fromkeys(("lastInboundAt", "lastOutboundAt", "lastZrgOutboundAt", "snoozedUntil"), f"'{NOW}'"),
            **dict.fromkeys(("clientId", "assignedToUserId"), f"'{THERE}'"),
            "jobTitle": "'other'",
            **dict.fromkeys(("firstName", "phone"), "'other'"),
            "alternateEmails": "'{other}'",
        }.items()
    ),
    f"""update public."Lead" set id = '{NO_LEAD}' where id operator(pg_catalog.=) '{SUES}'""",
    'delete from public."Lead"',
    f"""
    insert into public."AIDraft" (id, "leadId", content, "updatedAt") values ('{NO_LEAD}', '{ANNS}', '', '{NOW}')
    """,
    """update public."AIDraft" set status = 'approved'""",
    'delete from public."AIDraft"',
    f"""insert into public."Client" (id, name, "userId", "updatedAt") values ('{NO_LEAD}', '', '{ANN}', '{NOW}')""",
    'delete from public."Client"',
    'truncate public."AIDraft"',
    'truncate public."Client" cascade',
)

# A type, a function, an operator, a table of the caller's for each name a careless function might take for the
# server's or for ours. Types are looked up in pg_temp even where search_path is empty.
LURES = """
with compared (types) as (
  select array[
    'text', 'varchar', 'name', 'uuid', 'bool', 'int2', 'int4', 'int8', 'float8', 'numeric', 'oid', '"char"', 'xid8',
    'bytea', 'json', 'jsonb', 'timestamp', 'timestamptz', 'interval', 'text[]'
  ]::regtype[]
)

select format(
  'create function mine.%I(%s) returns %s language plpgsql as %L',
  p.proname,
  (select string_agg(format_type(a, null), ', ' order by n) from unnest(p.proargtypes) with ordinality as a (a, n)),
  format_type(p.prorettype, null),
  format('begin perform mine.spy(%L); return null; end', 'function ' || p.proname)
)
from pg_proc as p
where p.pronamespace = 'pg_catalog'::regnamespace and not p.proretset
  and p.proname in (
    select word
    from pg_proc as ours cross join regexp_split_to_table(ours.prosrc, '\\W+') as word
    where ours.pronamespace in ('inboxdb'::regnamespace, 'inbox_api'::regnamespace)
  )
  and not exists (
    select from pg_type as t
    where t.oid = any (p.proargtypes || p.prorettype) and t.typtype = 'p' and t.typname !~ '^any.'
  )
union all
select format(
  $$create function mine."operator %s"(%s, %s) returns %s language plpgsql as %L;
  create operator mine.%s (leftarg = %2$s, rightarg = %3$s, function = mine."operator %1$s")$$,
  o.oid, o.oprleft::regtype, o.oprright::regtype, o.oprresult::regtype,
  format('begin perform mine.spy(%L); return null; end', 'operator ' || o.oprname), o.oprname
)
from pg_operator as o cross join compared as c
where o.oprnamespace = 'pg_catalog'::regnamespace
  and o.oprname in ('=', '<>', '<', '<=', '>', '>=', '||', '+', '-', '*', '/', '%', '&', '~', '->', '->>')
  and o.oprleft::regtype = any (c.types) and o.oprright::regtype = any (c.types)
union all
select format(
  'create %s table %s%I (%s); grant all on %2$s%3$I to public', place.kind, place.prefix, c.relname,
  (
    select string_agg(quote_ident(a.attname) || ' text', ', ')
    from pg_attribute as a
    where a.attrelid = c.oid and a.attnum > 0
  )
)
from pg_class as c
cross join (values ('', 'mine.'), ('temporary', '')) as place (kind, prefix)
where c.relnamespace in ('public'::regnamespace, 'inboxdb'::regnamespace) and c.relkind in ('r', 'v')
union all
select format(
  'create domain %s.%I as pg_catalog.%2$I check (mine.spy(%L))', place.schema, t.typname, 'type ' || t.typname
)
from pg_type as t
cross join (values ('mine'), ('pg_temp')) as place (schema)
where t.typnamespace = 'pg_catalog'::regnamespace and t.typtype = 'b' and t.typcategory <> 'A'
"""
SPY = """
create function mine.spy(what text) returns boolean language plpgsql
as $$ begin raise notice 'spy: % as %', what, current_user; return true; end $$
"""


def lure(database: Database, connection: Connection[Any]) -> None:
    """Set a role's lures, and a search_path that comes to them first."""
    statements = [SPY, *(statement for (statement,) in database.superuser().execute(LURES))]
    statements.append(
        f"""insert into pg_temp."ClientMember" ("clientId", "userId", role) values ('{THERE}', '{ANN}', 'ADMIN')"""
    )
    connection.execute(";\n".join(statements).encode())
    connection.execute("set search_path = pg_temp, mine, pg_catalog, public, inboxdb")


def spied(outcome: Outcome) -> set[str]:
    """Return the lures that ran, and as whom."""
    return set(re.findall(r"spy: (\w+ \S+ as \w+)", outcome.told))


@pytest.fixture
def working(database: Database) -> Database:
    """The two tenants with work to do for a drain: changes in the log, a failure, a slice to empty."""
    fill(database)
    owner = database.connect()
    for slice_number in range(4):
        owner.execute(
            f"insert into inboxdb.change_{slice_number} (client_id) select %s from generate_series(1, 3000)", [HERE]
        )
    owner.execute("call inboxdb.drain_dirty()")
    host = Host(owner)
    host.update("Lead", ANNS, status="needs_repair")
    host.update("Lead", THEIRS, status="needs_repair")
    owner.execute("select inboxdb.collect()")
    owner.execute("update inboxdb.inbox_counts_dirty set last_error = 'failed' where client_id = %s", [THERE])
    host.draft(SUES)
    for _ in range(2):
        host.message(SUES)
    host.workspace(userId=ANN)
    superuser = database.superuser()
    superuser.execute("create schema mine")
    superuser.execute("grant usage, create on schema mine to public")
    return database


@pytest.mark.all_hosts
@pytest.mark.parametrize(
    ("role", "user"),
    [
        ("authenticated", ANN),
        ("authenticated", SUE),
        *((role, ANN) for role in ("anon", MEMBER, WRITER, DRAINER, MONITOR, ROUTER, OBSERVER, MAINTAINER)),
    ],
)
def test_code_of_the_callers_runs_with_nobody_elses_rights(working: Database, role: str, user: str) -> None:
    """Nor do lures change the answers of our functions. No cast can be made between types of the server's."""
    owner = working.connect()
    for trigger in ("inboxdb_note_compared", "inboxdb_note_compared_text"):
        owner.execute(f'alter table public."Lead" enable trigger {trigger}'.encode())
    honest, attacker = (enter(working, role, user) for _ in range(2))
    for connection in (honest, attacker):
        claim(connection, json.dumps({"if-none-match": '"x"'}), "request.headers")
        claim(connection, "GET", "request.method")
    lure(working, attacker)
    may_call = owner.execute(
        """
        select distinct p.proname from pg_proc as p
        where p.pronamespace in ('inboxdb'::regnamespace, 'inbox_api'::regnamespace)
          and has_schema_privilege(%(role)s, p.pronamespace, 'usage')
          and has_function_privilege(%(role)s, p.oid, 'execute')
        """,
        {"role": role},
    ).fetchall()
    called = {name for (name,) in may_call}
    assert called <= CALLS.keys(), "say how to call it"
    assert bool(called) == (role in ("authenticated", DRAINER, MONITOR, ROUTER, OBSERVER, MAINTAINER))

    for source in ("stored", "live"):
        owner.execute("select inboxdb.set_setting('counts_source', %s)", [source])
        for name, statement in [*CALLS.items(), *((use, use) for use in USES)]:
            if name in ("drain_dirty", "next_transaction"):  # commit
                continue
            expected, outcome = attempt(honest, statement), attempt(attacker, statement)
            assert outcome[:2] == expected[:2], name
            lacks = name in ANALYTICS and working.host not in WIDE_HOSTS
            assert expected.sqlstate == ("IB020" if lacks else None) or name not in called, (name, expected)
            assert spied(outcome) == set(), name

    if "drain_dirty" in called:
        with listening(attacker) as told:
            attacker.execute("call inboxdb.drain_dirty()")
        assert told == []
        stored = stored_counts(owner)
        assert stored == {workspace: live_counts(owner, workspace) for workspace in stored}


@pytest.mark.host_variants("wide-text")
def test_code_of_the_callers_runs_with_nobody_elses_rights_in_analytics(working: Database) -> None:
    """Where the host has tables for them, with rows for each to read."""
    host = Host(working.connect())
    sent = "2025-02-28 10:00:00+00"
    host.update("Lead", ANNS, createdAt=sent, appointmentBookedAt=NOW, sentimentTag="Interested")
    host.message(ANNS, direction="outbound", sentAt=sent, channel="sms")
    host.message(ANNS, direction="inbound", sentAt=NOW, channel="sms")
    for lead in (ANNS, SUES):
        host.row("LeadCrmRow", leadId=lead, interestRegisteredAt=NOW, interestType="Call", updatedAt=NOW)
    sequence = host.row("FollowUpSequence", clientId=HERE, name="Sequence")
    host.row("FollowUpInstance", leadId=ANNS, sequenceId=sequence, lastStepAt=sent, updatedAt=NOW)
    again = host.row("ReactivationCampaign", clientId=HERE, name="Again")
    host.row("ReactivationEnrollment", campaignId=again, leadId=ANNS, sentAt=sent)
    host.row("WorkspaceSettings", clientId=HERE, timezone="Europe/Berlin")
    test_code_of_the_callers_runs_with_nobody_elses_rights(working, "authenticated", ANN)


def test_code_of_the_callers_would_be_run_by_a_careless_function(working: Database) -> None:
    """Control: lures run where a search_path leads to them."""
    owner = working.connect()
    for name, settings, expression in (
        ("types", "set search_path = ''", "value::text is null"),
        ("types_by_name", "set search_path = ''", "pg_catalog.to_regtype('uuid')::pg_catalog.oid = 2950"),
        ("operators", "", "value || value = value"),
        ("functions", "", "replace(value, value, value) is null"),
        ("tables", "", """exists (select from "ClientMember" where "clientId" operator(pg_catalog.=) value)"""),
    ):
        owner.execute(
            f"create function inboxdb.careless_{name}(value text) returns boolean language plpgsql security definer "
            f"{settings} as $$ begin return {expression}; end $$"
        )
        owner.execute(f"grant execute on function inboxdb.careless_{name} to authenticated")
    attacker = enter(working, "authenticated", ANN)
    lure(working, attacker)
    outcomes = {
        name: attempt(attacker, f"select inboxdb.careless_{name}('{THERE}')")
        for name in ("types", "types_by_name", "operators", "functions", "tables")
    }
    assert spied(outcomes["types"]) == {f"type text as {OWNER}"}
    assert outcomes["types_by_name"].rows == [(False,)]
    assert spied(outcomes["operators"]) >= {f"operator || as {OWNER}"}
    assert spied(outcomes["functions"]) == {f"function replace as {OWNER}"}
    assert outcomes["tables"].rows == [(True,)]


# PostgreSQL's own leaks


def search(connection: Connection[Any], condition: str, *settings: str) -> dict[str, Any]:
    """Explain a search of "Lead", run to its end; return the plan's top node."""
    explain = f'explain (analyze, format json) select from "Lead" where {condition}'
    [([explained],)] = attempt(connection, *settings, explain).rows
    node: dict[str, Any] = explained["Plan"]
    return node


def test_a_taken_id_is_told(attacked: Database) -> None:
    """A unique index tells writers that an id exists; not whose."""
    connection = enter(attacked, "authenticated", ANN)
    for lead, sqlstate, rows in ((THEIRS, "23505", []), (NO_LEAD, None, [(NO_LEAD,)])):
        insert = f"insert into {NEW} ('{lead}', '{HERE}', now())"
        outcome = attempt(connection, insert)
        assert outcome.sqlstate == sqlstate
        assert_nothing_hidden(VIEWERS["manager"], outcome)
        assert attempt(connection, f"{insert} on conflict do nothing returning id").rows == rows
        assert attempt(connection, f"update \"Lead\" set id = '{lead}' where id = '{SUES}'").sqlstate == sqlstate


def test_a_foreign_key_tells_what_there_is(attacked: Database) -> None:
    """To whoever may write a table that refers to "Lead"."""
    connection = enter(attacked, WRITER, "")
    for lead, sqlstate in ((THEIRS, None), (NO_LEAD, "23503")):
        draft = f"values ('{NO_LEAD}', '{lead}', '', now())"
        outcome = attempt(connection, f'insert into "AIDraft" (id, "leadId", content, "updatedAt") {draft}')
        assert outcome.sqlstate == sqlstate


def test_the_hosts_other_tables_are_the_hosts_affair(attacked: Database) -> None:
    connection = enter(attacked, WRITER, "")
    assert ids(attempt(connection, 'select id from "Client"')) == [HERE, THERE]


def test_a_view_of_the_owners_shows_everything(attacked: Database) -> None:
    """Unless it is made to ask for its reader."""
    owner = attacked.connect()
    for options, seen in (("", list(LEADS)), ("with (security_invoker)", [FREE, ANNS, SUES])):
        owner.execute(f'create or replace view mine.owners {options} as select id from "Lead"')
        owner.execute("grant select on mine.owners to authenticated")
        connection = enter(attacked, "authenticated", ANN)
        assert ids(attempt(connection, "select id from mine.owners")) == sorted(seen)


def test_the_right_to_truncate_asks_no_policy(attacked: Database) -> None:
    connection = enter(attacked, WRITER, "")
    outcome = attempt(connection, 'truncate "Lead" cascade', """select pg_relation_size('"Lead"')""")
    assert outcome.rows == [(0,)]


def test_the_right_to_make_triggers_runs_code_as_whoever_writes(working: Database) -> None:
    working.connect().execute('grant trigger on "Lead" to authenticated')
    maker = enter(working, "authenticated", "")
    maker.execute(
        "create function mine.t() returns trigger language plpgsql "
        "as $$ begin raise notice 'spy: trigger t as %', current_user; return new; end $$"
    )
    maker.execute('create trigger mine before update on "Lead" for each row execute function mine.t()')
    outcome = attempt(enter(working, WRITER, ANN), """update "Lead" set phone = '' """)
    assert spied(outcome) == {f"trigger t as {WRITER}"}


def test_how_many_rows_there_are_is_told(attacked: Database) -> None:
    """By the sizes of tables, by EXPLAIN, and by a condition that looks at no row."""
    connection = enter(attacked, "authenticated", "")
    everything = len(LEADS)
    size = """select reltuples::integer from pg_class where oid = '"Lead"'::regclass"""
    assert attempt(connection, size).rows == [(everything,)]
    no_index = ("set local enable_indexscan = off", "set local enable_bitmapscan = off")
    assert search(connection, "\"firstName\" <> 'x'", *no_index)["Rows Removed by Filter"] == everything
    connection.execute("create sequence mine.evaluations")
    assert attempt(connection, """select from "Lead" where nextval('mine.evaluations') > 0""").rows == []
    assert connection.execute("select last_value from mine.evaluations").fetchall() == [(everything,)]


def test_whether_a_value_occurs_is_told_to_whoever_guesses_it(attacked: Database) -> None:
    """= on text is leakproof, so the planner may put = before the policy; EXPLAIN tells, as do conditions on no row."""
    connection = enter(attacked, "authenticated", "")
    connection.execute("create sequence mine.evaluations")
    for lead, occurs in ((THEIRS, 1), (NO_LEAD, 0)):
        guess = f"email = '{lead}'"
        by_index = ("set local enable_seqscan = off", "set local enable_bitmapscan = off")
        assert search(connection, guess, *by_index).get("Rows Removed by Filter", 0) == occurs
        connection.execute("alter sequence mine.evaluations restart")
        connection.execute(f"""select from "Lead" where {guess} and nextval('mine.evaluations') > 0""".encode())
        assert connection.execute("select is_called from mine.evaluations").fetchall() == [(occurs == 1,)]
    claim(connection, "hush")
    for lead, sqlstate in ((THEIRS, "IB005"), (NO_LEAD, None)):
        assert attempt(connection, f"""select from "Lead" where email = '{lead}'""").sqlstate == sqlstate


def test_how_common_a_value_is_shows_in_estimates_to_whoever_guesses_it(working: Database) -> None:
    owner = working.connect()
    owner.execute(
        """
        insert into "Lead" (id, "clientId", email, "updatedAt")
        select gen_random_uuid(), "clientId", 'common', "updatedAt" from "Lead", generate_series(1, 1000) where id = %s
        """,
        [THEIRS],
    )
    owner.execute('analyze "Lead"')
    connection = enter(working, "authenticated", "")
    by_bitmap = ("set local enable_seqscan = off", "set local enable_indexscan = off")
    estimates = {
        email: search(connection, f"email = '{email}'", *by_bitmap)["Plans"][-1]["Plan Rows"]
        for email in ("common", NO_LEAD)
    }
    assert estimates["common"] > 900
    assert estimates[NO_LEAD] < 10


def test_statements_are_shown_to_the_role_that_connects(attacked: Database) -> None:
    """The login role is the same for all browsers: in a role set with SET ROLE, they do not see each other's."""
    other = enter(attacked, "authenticated", ANN)
    other.execute(f"select '{FREE}'")
    spy = attacked.connect(MEMBER)
    shown = "select query from pg_stat_activity where pid = %s"
    assert spy.execute(shown, [other.info.backend_pid]).fetchall() == [(f"select '{FREE}'",)]
    spy.execute("set role authenticated")
    assert spy.execute(shown, [other.info.backend_pid]).fetchall() == [("<insufficient privilege>",)]


def test_a_cursor_that_is_held_outlives_who_opened_it(attacked: Database) -> None:
    """So a pooler in session mode has to DISCARD ALL between two users, to end their claims, too."""
    connection = enter(attacked, "authenticated", ANN)
    connection.execute('declare c cursor with hold for select id from "Lead"')
    claim(connection, "")
    assert ids(attempt(connection, "fetch all c")) == [FREE, ANNS, SUES]
    connection.execute("discard all")
    assert attempt(connection, "fetch all c").sqlstate == "34000"
    assert connection.execute("select current_setting('request.jwt.claims', true)").fetchall() == [("",)]


def test_a_drain_can_be_kept_from_a_workspace_by_whoever_takes_its_lock(working: Database) -> None:
    """Advisory locks know no rights. Symptoms: the counts are stale, and `pg_locks` names the holder."""
    owner = working.connect()
    blocker = enter(working, "anon", "")
    blocker.execute("select pg_advisory_lock(x'696e6278'::integer, hashtext(%s))", [HERE])
    assert owner.execute("select outcome from inboxdb.drain_next(%s)", [HERE]).fetchall() == [("skipped",)]
    blocker.execute("select pg_advisory_lock(x'696e6278'::integer + 1, 0)")
    owner.execute("update inboxdb.drain_state set collected_at = now() - interval '1 hour'")
    owner.execute("call inboxdb.drain_dirty(max_seconds => 1)")
    asked = enter(working, "authenticated", ANN).execute(
        "select is_stale, dirty_since is not null from inbox_api.inbox_counts(%s)", [HERE]
    )
    assert asked.fetchall() == [(True, True)]
    blocker.execute("select pg_advisory_unlock_all()")
    owner.execute("call inboxdb.drain_dirty()")
    assert owner.execute("select dirty_workspaces from inboxdb.drain_status()").fetchall() == [(0,)]


def test_a_function_that_a_superuser_calls_leakproof_is_given_everything(attacked: Database) -> None:
    """Control: the predicates above tell their arguments."""
    connection = enter(attacked, "authenticated", "")
    connection.execute(LEAK.format(schema="mine").encode())
    attacked.superuser().execute("alter function mine.leak(anyelement) leakproof")
    told = attempt(connection, 'select from "Lead" where mine.leak(email)').told
    assert [lead for lead in LEADS if lead in told] == list(LEADS)

"""The leak matrix: whoever asks, as whatever role, for whatever there is, gets what is declared and nothing else.

Who sees what of the two tenants is declared in tests/tenants.py, who may touch which object at all is declared here.
The objects are those of the catalog; an object that no file of sql/ makes fails. As every role, every person tries
every command on every object. At the end stand the controls: for each policy and each right one that takes it away,
and many that give more than they should; each sees the matrix fail.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from psycopg import Error

from inboxdb.database import sources
from inboxdb.install import lists
from inboxdb.release import made as objects
from tests.rows import GLOBAL, new_id
from tests.servers import WRITER, Database, Server
from tests.tenants import GLOBEX, LOGINS, PEOPLE, USERS, WAITING, Person, become, move_in

ROOT = Path(__file__).parents[1]

# Who may select, insert, update, delete (siud), execute (x), use (u). Which rows they then see is in tests/tenants.py;
# the application's role sees all. An object without a line is its owner's alone. Reads: see READS. Five roles' names
# begin with inboxdb_.
RIGHTS = """
                                 |authenticated|anon|PUBLIC|drainer|maintainer|monitor|router|observer|app_writer
public."Lead"                    |siud         |siud|      |       |          |       |      |        |siud
inboxdb.inbox_counts             |s            |    |      |       |          |       |      |        |
inboxdb.cache_version            |s            |    |      |       |          |       |      |        |
inboxdb.job_status               |s            |    |      |       |          |       |      |        |
schema inbox_api                 |u            |    |      |       |          |       |      |u       |
schema inboxdb                   |u            |    |      |u      |u         |u      |u     |        |
inboxdb.current_user_id()        |x            |    |      |       |          |       |      |        |
inboxdb.has_client_access()      |x            |    |      |       |          |       |      |        |
inboxdb.has_topic_access()       |x            |    |      |       |          |       |      |        |
inboxdb.member_workspaces()      |x            |    |      |       |          |       |      |        |
inboxdb.setter_workspaces()      |x            |    |      |       |          |       |      |        |
inboxdb.claim_next()             |             |    |      |x      |          |       |      |        |
inboxdb.claim_set()              |             |    |      |x      |          |       |      |        |
inboxdb.clock()                  |             |    |      |x      |          |       |      |        |
inboxdb.collect()                |             |    |      |x      |          |       |      |        |
inboxdb.confirm_published()      |             |    |      |x      |          |       |      |        |
inboxdb.drain_dirty()            |             |    |      |x      |          |       |      |        |
inboxdb.drain_next()             |             |    |      |x      |          |       |      |        |
inboxdb.drain_set()              |             |    |      |x      |          |       |      |        |
inboxdb.heartbeat()              |             |    |      |x      |          |       |      |        |
inboxdb.keys_at_random()         |             |    |      |x      |          |       |      |        |
inboxdb.lock_class()             |             |    |      |x      |          |       |      |        |
inboxdb.maintain()               |             |    |      |x      |          |       |      |        |
inboxdb.next_transaction()       |             |    |      |x      |          |       |      |        |
inboxdb.mark_all_unpublished()   |             |    |      |x      |          |       |      |        |
inboxdb.record_failure()         |             |    |      |x      |          |       |      |        |
inboxdb.seconds_to_next_attempt()|             |    |      |x      |          |       |      |        |
inboxdb.send_all_signals()       |             |    |      |x      |          |       |      |        |
inboxdb.send_signals()           |             |    |      |x      |          |       |      |        |
inboxdb.why_suspended()          |             |    |      |x      |          |       |      |        |
inboxdb.environment()            |             |    |      |x      |          |       |      |        |
inboxdb.suspended_since()        |             |    |      |x      |          |       |      |        |
inboxdb.time_limit()             |             |    |      |x      |          |       |      |        |
inboxdb.unpublished()            |             |    |      |x      |          |       |      |        |
inboxdb.work_left()              |             |    |      |x      |          |       |      |        |
inboxdb.drain_status()           |             |    |      |x      |          |x      |      |        |
inboxdb.analytics_status()       |             |    |      |x      |          |x      |      |        |
inboxdb.failing_maintenance()    |             |    |      |       |          |x      |      |        |
inboxdb.failing_workspaces()     |             |    |      |x      |          |x      |      |        |
inboxdb.held_snapshot()          |             |    |      |x      |          |x      |      |        |
inboxdb.lead_rls_state()         |             |    |      |x      |          |x      |      |        |
inbox_api.note_reads()           |             |    |      |       |          |       |      |x       |
inboxdb.list_upkeep()            |             |    |      |       |x         |x      |      |        |
inboxdb.run_upkeep()             |             |    |      |       |x         |       |      |        |
inboxdb.rollout_state()          |             |    |      |x      |          |x      |      |        |
inboxdb.last_runs()              |             |    |      |x      |          |x      |      |        |
inboxdb.shard_workspaces()       |             |    |      |       |          |       |x     |        |
"""


DECLARED = [[cell.strip() for cell in line.split("|")] for line in RIGHTS.splitlines()[1:]]
OURS = ("drainer", "maintainer", "monitor", "router", "observer")
HOLDERS = [f"inboxdb_{name}" if name in OURS else name for name in DECLARED[0][1:]]
MAY = {name: dict(zip(HOLDERS, cells, strict=True)) for name, *cells in DECLARED[1:]}

# The contract's table of reads says who may call each; members call the helper of the same name through the read, and
# routers the shard's function.
READS = re.findall(
    r"^\| `inbox_api\.(\w+)\(.*?\)` \| `(\w+)` \|", (ROOT / "docs" / "contracts.md").read_text(), re.MULTILINE
)
MAY |= {name: {role: "x"} for read, role in READS for name in (f"inbox_api.{read}()", f"inboxdb.read_{read}()")}
MAY |= {f"inboxdb.shard_{read}()": {"inboxdb_router": "x"} for read, _ in READS}

# Made by the ledger, not by sql/.
LEDGER = {f"inboxdb.{table}" for table in ("_yoyo_log", "_yoyo_migration", "_yoyo_version", "migration_text")}

LEAD = 'public."Lead"'
PUBLICATION = "publication inboxdb_lead"

# Relations, types and routines (without parameters) made by sql/, and by the ledger.
MADE = LEDGER | {
    re.sub(r"\(.*", "()", made.name)
    for file in sources.contents()
    for made in objects.made((sources.SQL / file).read_text())
    if made.kind in ("table", "view", "type", "domain", "function", "procedure")
}
MEMBERS = "authenticated"

# Whose a row is: its workspace and its user.
WHOSE = {
    LEAD: '"clientId"::text, "assignedToUserId"::text',
    "inboxdb.inbox_counts": f"client_id::text, nullif(scope_user_id::text, '{GLOBAL}')",
    "inboxdb.cache_version": "client_id::text, 'everybody'",
    "inboxdb.job_status": "client_id::text, 'everybody'",
}

# What no topic is, nor may be taken for one.
NO_TOPICS = ("", "*", "inbox:v1:*:*", "inbox:v1:%:%", "inbox:v1:{0}", "inbox:v1:{0}:", "inbox:v1:{0}:*", "{0}")

# How a try ends where all that matters is whether one is let in.
LET_IN = "let in"
REFUSED = "refused"  # SQLSTATE 42501, for want of the right
HELD_BACK = "held back"  # SQLSTATE 42501, though the right is there

# Try statements one by one, undo each, and say how it ended. As whoever calls it, in one go: a try takes 20 µs then.
KNOCK = f"""
create schema doors;
grant usage on schema doors to public;

create function doors.knock(statements text[], relations oid[], rights text[]) returns text[]
language plpgsql
as $$
declare
  outcomes text[] := '{{}}';
begin
  for i in 1 .. cardinality(statements) loop
    begin
      execute statements[i];
      raise exception 'undo';
    exception
      when insufficient_privilege then
        outcomes[i] := case when has_table_privilege(relations[i], rights[i]) then '{HELD_BACK}' else '{REFUSED}' end;
      when others then
        -- class 42 otherwise: a statement that does not make sense, and tried nothing
        outcomes[i] := case when sqlstate like '42%' then sqlstate else '{LET_IN}' end;
    end;
  end loop;
  return outcomes;
end
$$;
"""

# Relations, with what can be done to them at all (views differ), and the columns that can be written.
RELATIONS = """
select
  c.oid::regclass::text,
  c.oid,
  c.relkind = 'S',
  pg_relation_is_updatable(c.oid, false),
  array(
    select quote_ident(a.attname)
    from pg_attribute as a
    where a.attrelid = c.oid and a.attnum > 0 and pg_column_is_updatable(c.oid, a.attnum, false)
  )
from pg_class as c
where
  c.oid = 'public."Lead"'::regclass
  or (c.relnamespace in ('inboxdb'::regnamespace, 'inbox_api'::regnamespace) and c.relkind not in ('i', 'I', 'c'))
"""

# Routines, with a call of each. Overloads differ in types of the server's; ours, not everybody may name. Null comes
# from a sub-select, which CALL will not have, since a strict function of a plain null is null without a call.
ROUTINES = """
select
  format('%I.%I()', n.nspname, p.proname),
  format(
    '%s %I.%I(%s)',
    case p.prokind when 'p' then 'call' else 'select' end,
    n.nspname,
    p.proname,
    (
      select string_agg(
        case when p.prokind = 'f' and t < 16384 then format('(select null::%s)', t::regtype) else 'null' end, ', '
      )
      from unnest(p.proargtypes::oid[]) as t
    )
  )
from pg_proc as p
inner join pg_namespace as n on p.pronamespace = n.oid
where n.nspname in ('inboxdb', 'inbox_api')
"""

TYPES = """
select t.oid::regtype::text
from pg_type as t
left join pg_class as c on t.typrelid = c.oid
where
  t.typnamespace in ('inboxdb'::regnamespace, 'inbox_api'::regnamespace)
  -- those that are there for themselves, not for a relation or an array
  and coalesce(c.relkind, 'c') = 'c' and t.typcategory <> 'A'
"""


class Try(NamedTuple):
    """Something to try on an object, and how it has to end.

    `expected` is a word from above; or the rows that come back, or an SQLSTATE; or, with a `witness`, a query of the
    superuser's, how many rows were written and what the witness then sees. `relation` is the oid of the one that takes
    a right called like the command.
    """

    about: str
    command: str
    expected: object
    statement: str
    parameters: tuple[object, ...] = ()
    witness: str | None = None
    relation: int | None = None

    @property
    def at_the_door(self) -> bool:
        """Whether all that matters is whether one is let in."""
        return self.expected in (LET_IN, REFUSED, HELD_BACK)


def may(role: str, name: str) -> str:
    """Say what a role may do with an object; nothing if that was never declared."""
    return MAY.get(name, {}).get(role, "")


class Leak(AssertionError):
    """A try that ended otherwise than declared."""

    def __init__(self, role: str, person: Person, tried: Try, outcome: object) -> None:
        """Say who tried what, and how it ended."""
        super().__init__(
            f"{person.name} as {role}: {tried.command} on {tried.about}\nexpected {tried.expected}\nfound {outcome}"
        )
        self.role, self.person, self.about = role, person, tried.about


class World:
    """A database with the tenants in it."""

    def __init__(self, database: Database) -> None:
        """Let the tenants move in, protect and publish their leads, and look what there is."""
        self.database = database
        self.workspaces = move_in(database)
        self.names = {id_: name for name, id_ in (self.workspaces | USERS).items()}
        owner = database.connect()
        for role, rights in MAY[LEAD].items():
            if rights and role != WRITER:
                owner.execute(f"grant select, insert, update, delete on {LEAD} to {role}".encode())
        owner.execute("select inboxdb.protect_leads(%s, %s)", ([WRITER], [MEMBERS, "anon"]))
        owner.execute("select inboxdb.publish_leads()")
        lists.build(database.direct_dsn)
        owner.execute(KNOCK.encode())
        # becomes everybody
        self.superuser = database.superuser()
        self.look()

    def look(self) -> None:
        """See what there is."""
        with self.superuser.transaction():
            # so that every name is written with its schema
            self.superuser.execute("set local search_path = ''")
            self.relations = self.superuser.execute(RELATIONS).fetchall()
            self.routines = self.superuser.execute(ROUTINES).fetchall()
            self.types = [name for (name,) in self.superuser.execute(TYPES)]

    def check(
        self,
        roles: Iterable[str] = LOGINS,
        people: Iterable[Person] = PEOPLE,
        about: Collection[str] | None = None,
    ) -> None:
        """Let everybody try everything, and raise the first Leak. Parameters: only these."""
        for role, person in product(roles, people):
            with self.superuser.transaction(force_rollback=True):
                become(self.superuser, role, person)
                tries = [tried for tried in self.tries(role, person) if about is None or tried.about in about]
                for tried, outcome in self.outcomes(tries):
                    if outcome != tried.expected:
                        raise Leak(role, person, tried, outcome)

    def outcomes(self, tries: list[Try]) -> Iterator[tuple[Try, object]]:
        """Try everything, undo it, and say how each ended."""
        doors = [tried for tried in tries if tried.at_the_door]
        answers = self.superuser.execute(
            "select unnest(doors.knock(%s, %s::oid[], %s))",
            ([t.statement for t in doors], [t.relation for t in doors], [t.command for t in doors]),
        )
        yield from zip(doors, (answer for (answer,) in answers), strict=True)
        for tried in tries:
            if not tried.at_the_door:
                yield tried, self.outcome(tried)

    def outcome(self, tried: Try) -> object:
        """Try something, undo it, and say what came of it."""
        try:
            with self.superuser.transaction(force_rollback=True):
                cursor = self.superuser.execute(tried.statement.encode(), tried.parameters)
                if tried.witness is None:
                    return self.rows(cursor)
                written = cursor.rowcount
                self.superuser.execute("set local session authorization default")
                return written, self.rows(self.superuser.execute(tried.witness.encode()))
        except Error as error:
            return error.sqlstate

    def rows(self, found: Iterable[tuple[Any, ...]]) -> frozenset[tuple[Any, ...]]:
        """Put names for the ids in rows."""
        return frozenset(tuple(self.names.get(value, value) for value in row) for row in found)

    def theirs(self, role: str, person: Person, relation: str) -> frozenset[tuple[Any, ...]]:
        """Say which of a relation's rows are for somebody."""
        if "'everybody'" in WHOSE[relation]:
            return frozenset((workspace, "everybody") for workspace in self.workspaces if person.belongs_to(workspace))
        return frozenset(
            (workspace, whose)
            for workspace, whose in product(self.workspaces, (None, *USERS))
            if (role == WRITER or person.may_see(workspace, whose))
            # leads of the sentinel's are nobody's to the counts
            and (relation == LEAD or whose != "the sentinel")
        )

    def tries(self, role: str, person: Person) -> Iterator[Try]:
        """Make everything that somebody tries."""
        yield from self.on_relations(role, person)
        if may(role, LEAD):
            yield from self.writing_leads(role, person)
        for routine, call in self.routines:
            yield Try(routine, "execute", LET_IN if may(role, routine) else REFUSED, call)
        if role == MEMBERS:
            yield from self.asking(person)
        yield from self.meddling(role)

    def on_relations(self, role: str, person: Person) -> Iterator[Try]:
        """Read every relation, and write to what is not theirs to write to."""
        for name, oid, is_sequence, updatable, columns in self.relations:
            if is_sequence:
                yield Try(name, "select", REFUSED, f"select last_value from {name}")
                yield Try(name, "usage", REFUSED, f"select nextval('{name}')")
                yield Try(name, "update", REFUSED, f"select setval('{name}', 1)")
                continue
            rights = may(role, name)
            if "s" in rights:
                theirs = self.theirs(role, person, name)
                yield Try(name, "select", theirs, f"select {WHOSE[name]} from {name}", relation=oid)
            else:
                # of no column: a right on any one would do
                yield Try(name, "select", REFUSED, f"select from {name}", relation=oid)
            if updatable & 8 and "i" not in rights:
                yield Try(name, "insert", REFUSED, f"insert into {name} default values", relation=oid)
            for column in columns if "u" not in rights else ():
                yield Try(name, "update", REFUSED, f"update {name} set {column} = default", relation=oid)
            if updatable & 16 and "d" not in rights:
                yield Try(name, "delete", REFUSED, f"delete from {name}", relation=oid)

    def writing_leads(self, role: str, person: Person) -> Iterator[Try]:
        """Write leads, with the right to: all that they see, none that they do not, and put none out of their sight."""
        (oid,) = (oid for name, oid, *_ in self.relations if name == LEAD)
        look = f"select {WHOSE[LEAD]} from {LEAD}"
        theirs, everything = self.theirs(role, person, LEAD), self.theirs(WRITER, person, LEAD)

        # without a WHERE: the policy alone says which
        touched = f"""{look} where "firstName" = 'touched'"""
        update = f"""update {LEAD} set "firstName" = 'touched'"""
        yield Try(LEAD, "update", (len(theirs), theirs), update, witness=touched, relation=oid)
        yield Try(LEAD, "delete", (len(theirs), everything - theirs), f"delete from {LEAD}", witness=look, relation=oid)

        def allowed(rows: Iterable[tuple[Any, ...]]) -> str:
            return LET_IN if role == WRITER or all(person.may_see(*row) for row in rows) else HELD_BACK

        for workspace, whose in product(self.workspaces, (None, person.name, "the owner")):
            user = f"'{USERS[whose]}'" if whose in USERS else "null"
            insert = f"""
                insert into {LEAD} (id, "clientId", "assignedToUserId", "updatedAt")
                values (gen_random_uuid(), '{self.workspaces[workspace]}', {user}, now())
            """
            yield Try(LEAD, "insert", allowed([(workspace, whose)]), insert, relation=oid)
        for workspace, id_ in self.workspaces.items():
            moved = allowed((workspace, whose) for _, whose in theirs)
            yield Try(LEAD, "update", moved, f"""update {LEAD} set "clientId" = '{id_}'""", relation=oid)
        given_up = allowed((workspace, None) for workspace, _ in theirs)
        yield Try(LEAD, "update", given_up, f'update {LEAD} set "assignedToUserId" = null', relation=oid)

    def asking(self, person: Person) -> Iterator[Try]:
        """Call what a signed-in user may call, with what they may ask for and what they may not."""
        unknown = new_id()
        signed_in = person.name not in ("nobody", "the sentinel")

        me = "select inboxdb.current_user_id()::text"
        yield Try("inboxdb.current_user_id()", "execute", frozenset({(person.name if signed_in else None,)}), me)

        member = frozenset((name,) for name in self.workspaces if person.belongs_to(name))
        setter = frozenset((name,) for name in self.workspaces if person.sees[name] == "own")
        for function, expected in (("inboxdb.member_workspaces", member), ("inboxdb.setter_workspaces", setter)):
            yield Try(f"{function}()", "execute", expected, f"select w::text from {function}() as w")

        access = "select w from unnest(%s::text[]) as w where inboxdb.has_client_access(w::inboxdb.client_id)"
        workspaces = [*self.workspaces.values(), unknown]
        yield Try("inboxdb.has_client_access()", "execute", member, access, (workspaces,))

        scopes = {user: name for name, user in USERS.items()} | {GLOBAL: None}
        topics = [f"inbox:v1:{id_}:{user}" for id_, user in product(workspaces, scopes)]
        topics += [text.format(id_) for text, id_ in product(NO_TOPICS, workspaces)]
        heard = frozenset(scope for scope in product(self.workspaces, scopes.values()) if person.may_see(*scope))
        hear = f"""
            select split_part(topic, ':', 3), nullif(split_part(topic, ':', 4), '{GLOBAL}')
            from unnest(%s::text[]) as topic
            where inboxdb.has_topic_access(topic)
        """
        yield Try("inboxdb.has_topic_access()", "execute", heard, hear, (topics,))

        yield from reading(person, self.workspaces, ("inboxdb.read_", "inbox_api."))

    def meddling(self, role: str) -> Iterator[Try]:
        """Use the names in our schemas, make things there or of our types, and read the stream past every policy."""
        for schema in ("inboxdb", "inbox_api"):
            usage = LET_IN if may(role, f"schema {schema}") else REFUSED
            yield Try(f"schema {schema}", "usage", usage, f"select to_regclass('{schema}.mine')")
            yield Try(f"schema {schema}", "create", REFUSED, f"create table {schema}.mine ()")
        for type_ in self.types:
            # whoever made columns of them would keep us from changing them
            yield Try(type_, "usage", REFUSED, f"create temporary table mine (mine {type_})")
        stream = "select pg_create_logical_replication_slot('mine', 'pgoutput', true)"
        yield Try(PUBLICATION, "stream", REFUSED, stream)
        yield Try(PUBLICATION, "alter", REFUSED, f"alter {PUBLICATION} set (publish = 'insert, update, delete')")
        yield Try(PUBLICATION, "drop", REFUSED, f"drop {PUBLICATION}")

    def require_declared(self) -> None:
        """Fail for an object that no file of sql/ makes, for a missing object, and for a right on none."""
        found = {name for name, *_ in (*self.relations, *self.routines)} | {*self.types}
        # an identity column's sequence goes with its table
        sequences = {name for name, _, is_sequence, *_ in self.relations if is_sequence}
        owned = {name for name in sequences if re.sub(r"_[a-z]+_seq$", "", name) in MADE}
        assert found - owned - {LEAD} == MADE
        assert MAY.keys() <= found | {"schema inboxdb", "schema inbox_api"}


def reading(
    person: Person, workspaces: Mapping[str, str], prefixes: tuple[str, ...], *, analytics: str | None = "IB020"
) -> Iterator[Try]:
    """Call the reads for workspaces by name, and for an unknown one.

    Parameters: prefixes, of the functions' names; analytics, how they end for a member: refused, or an answer's rows.
    """
    unknown = new_id()
    no_access = "IB006" if person.name in ("nobody", "the sentinel") else "IB007"
    for function in (f"{prefix}inbox_counts" for prefix in prefixes):
        read = f"""
            select nullif(scope_user_id::text, '{GLOBAL}'), total, needs_repair, all_responses from {function}(%s)
        """
        yield Try(f"{function}()", "execute", no_access, read, (unknown,))
        for name, id_ in workspaces.items():
            if person.sees[name] == "own":
                whose, leads, waiting = person.name, 1, int(person.name in WAITING)
            else:
                whose, leads, waiting = None, len(USERS) + 1, len(WAITING)
            counts = frozenset({(whose, leads, leads if name == GLOBEX else 0, waiting)})
            answer = counts if person.belongs_to(name) else no_access
            yield Try(f"{function}()", "execute", answer, read, (id_,))

    # figures are in tests/test_analytics.py
    for read in (one for one, _ in READS if one.startswith(("analytics_", "crm_summary"))):
        for function in (f"{prefix}{read}" for prefix in prefixes):
            call = f"select from {function}(%s, '2024-06-01', '2024-06-30')"
            yield Try(f"{function}()", "execute", no_access, call, (unknown,))
            for name, id_ in workspaces.items():
                said = (analytics or frozenset({()})) if person.belongs_to(name) else no_access
                yield Try(f"{function}()", "execute", said, call, (id_,))

    # of names of all, and of nobody's
    for search in (None, "some body", "nobody"):
        listed = f"""
            select nullif(c ->> 'assigned_to_user_id', '{GLOBAL}')
            from inbox_api.conversations(%s, search => %s) as p
            cross join jsonb_array_elements(p.conversations) as c
        """
        yield Try("inbox_api.conversations()", "execute", no_access, listed, (unknown, search))
        for name, id_ in workspaces.items():
            found = frozenset(
                (None if whose == "the sentinel" else whose,)
                for whose in (None, *USERS)
                if person.may_see(name, whose) and search != "nobody"
            )
            refused = no_access if not person.belongs_to(name) else None
            yield Try("inbox_api.conversations()", "execute", refused or found, listed, (id_, search))


@pytest.fixture(scope="module")
def world(server: Server, host_variant: str) -> Iterator[World]:
    """A database of this file's; every test leaves it as it was."""
    with server.database(host_variant, installed=True) as database:
        yield World(database)


@contextmanager
def changed(world: World, statement: str) -> Iterator[None]:
    """Change something for as long as the `with` block lasts."""
    with world.superuser.transaction(force_rollback=True):
        world.superuser.execute(statement.encode())
        yield


@pytest.mark.all_hosts
def test_everything_is_declared(world: World) -> None:
    world.require_declared()


@pytest.mark.all_hosts
@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.name)
@pytest.mark.parametrize("role", LOGINS)
def test_everybody_gets_what_is_declared(world: World, role: str, person: Person) -> None:
    world.check([role], [person])


def test_live_counts_are_no_leak_either(world: World) -> None:
    with changed(world, "select inboxdb.set_setting('counts_source', 'live')"):
        world.check([MEMBERS], about=["inboxdb.read_inbox_counts()", "inbox_api.inbox_counts()"])


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.name)
def test_who_becomes_somebody_sees_what_they_see(world: World, person: Person) -> None:
    """The matrix is tried by a superuser who becomes everybody: here they sign in themselves."""
    session = world.database.signed_in(person.user)
    for relation, whose in WHOSE.items():
        found = session.execute(f"select {whose} from {relation}".encode())
        assert world.rows(found) == world.theirs(MEMBERS, person, relation), relation
    session.close()


def test_the_roles_own_nothing_and_pass_no_policy(world: World) -> None:
    roles = [*LOGINS.values(), *(role for role in LOGINS if role != "PUBLIC")]
    privileged = """
        select rolname from pg_roles
        where rolname = any (%s) and (rolsuper or rolbypassrls or rolreplication or rolcreaterole or rolcreatedb)
    """
    owning = """
        select distinct pg_get_userbyid(d.refobjid) from pg_shdepend as d
        inner join pg_database as here on d.dbid = here.oid and here.datname = current_database()
        where d.deptype = 'o' and d.refclassid = 'pg_authid'::regclass and pg_get_userbyid(d.refobjid) = any (%s)
    """
    for query in (privileged, owning):
        assert world.superuser.execute(query, [roles]).fetchall() == []


def noticed(world: World, change: str, roles: Iterable[str] = LOGINS, about: Collection[str] | None = None) -> None:
    """Fail unless the matrix fails once something is changed, and no longer than it is."""
    with changed(world, change), pytest.raises(Leak) as found:
        world.check(roles, about=about)
    leak = found.value
    world.check([leak.role], [leak.person], [leak.about])


POLICY_CONTROLS = [
    *product(
        WHOSE,
        (
            "alter table {} disable row level security",
            "drop policy inboxdb_member on {}",
            "alter policy inboxdb_member on {} using (true)",
        ),
    ),
    # setters see whole workspaces
    (LEAD, """alter policy inboxdb_member on {} using (inboxdb.has_client_access("clientId"))"""),
    ("inboxdb.inbox_counts", "alter policy inboxdb_member on {} using (inboxdb.has_client_access(client_id))"),
    # leads are written where they are not seen
    (LEAD, "alter policy inboxdb_member on {} with check (true)"),
    (LEAD, "alter policy inboxdb_member on {} to authenticated"),
    (LEAD, "drop policy inboxdb_trusted on {}"),
    (LEAD, "alter policy inboxdb_trusted on {} to public"),
]


@pytest.mark.parametrize(("relation", "change"), POLICY_CONTROLS)
def test_a_changed_policy_is_noticed(world: World, relation: str, change: str) -> None:
    noticed(world, change.format(relation), about=[relation])


def test_each_policy_has_its_control(world: World) -> None:
    policies = world.superuser.execute(
        "select format('drop policy %I on %I.%I', policyname, schemaname, tablename) from pg_policies"
    )
    assert {drop for (drop,) in policies} <= {change.format(relation) for relation, change in POLICY_CONTROLS}


def test_each_missing_right_is_noticed(world: World) -> None:
    rights = world.superuser.execute(
        "select grantee, kind, object_name, privilege from inboxdb.grant_matrix"
    ).fetchall()
    assert len(rights) > 20
    for grantee, kind, name, privilege in rights:
        # "Lead" too: anon may not name the functions that its policy calls
        about = [LEAD, f"schema {name}" if kind == "schema" else re.sub(r"\(.*", "()", name)]
        noticed(world, f"revoke {privilege} on {kind} {name} from {grantee}", [grantee], about)


@pytest.mark.parametrize(
    "change",
    [
        "grant select on inboxdb.inbox_counts_dirty to authenticated",
        "grant select on inboxdb.inbox_counts_dirty to inboxdb_monitor",
        "grant select on inboxdb.change_2 to authenticated",
        "grant insert on inboxdb.change_2 to inboxdb_drainer",
        "grant select on inboxdb._yoyo_log to inboxdb_monitor",
        "grant select (client_id) on inboxdb.workspace to authenticated",
        "grant select on inboxdb.classified_lead to authenticated",
        "grant select on inboxdb.member_access to public",
        "grant select on inboxdb.inbox_counts to inboxdb_drainer",
        "grant insert on inboxdb.inbox_counts to authenticated",
        "grant update on inboxdb.cache_version to authenticated",
        "grant delete on inboxdb.job_status to authenticated",
        "grant update (setting_value) on inboxdb.setting to inboxdb_monitor",
        "grant usage on sequence inboxdb.change_0_id_seq to authenticated",
        "grant usage on type inboxdb.client_id to public",
        "grant usage on type inboxdb.counts_answer to public",
        "grant execute on function inboxdb.live_inbox_counts to authenticated",
        "grant execute on function inboxdb.recompute_inbox_counts to public",
        "grant execute on function inboxdb.utc(timestamptz) to public",
        "grant execute on procedure inboxdb.next_transaction to inboxdb_monitor",
        "grant execute on all functions in schema inboxdb to inboxdb_drainer",
        "grant usage on schema inboxdb to anon",
        "grant usage on schema inbox_api to public",
        "grant create on schema inboxdb to inboxdb_drainer",
        'grant select on public."Lead" to inboxdb_monitor',
        "grant inboxdb_monitor to authenticated",
        "grant app_writer to authenticated",
        "grant host_owner to anon",
        "alter role authenticated bypassrls",
        "alter role authenticated replication",
        "alter publication inboxdb_lead owner to app_writer",
        "alter function inboxdb.read_inbox_counts security invoker",
        "alter view inboxdb.member_access owner to app_writer",
    ],
)
def test_a_right_too_many_is_noticed(world: World, change: str) -> None:
    noticed(world, change, [role for role in LOGINS if role in change] or LOGINS)


@pytest.mark.parametrize(
    ("function", "condition"),
    [("walk_leads", "whose <> 'scope' or"), ("is_found", "pg_catalog.strpos(lead.words, term) = 0 and")],
)
def test_a_list_or_a_search_of_too_much_is_noticed(world: World, function: str, condition: str) -> None:
    [(definition,)] = world.superuser.execute("select pg_get_functiondef(%s::regproc)", [f"inboxdb.{function}"])
    words = r"\s+".join(map(re.escape, condition.split()))
    assert len(re.findall(words, definition)) == 1
    without = {"or": "true or", "and": "false and"}[condition.split()[-1]]
    noticed(world, re.sub(words, without, definition), [MEMBERS], ["inbox_api.conversations()"])


@pytest.mark.parametrize(
    "change",
    [
        "create table inboxdb.undeclared ()",
        "create view inbox_api.undeclared as select",
        "create sequence inboxdb.undeclared",
        "create domain inboxdb.undeclared as text",
        "create type inboxdb.undeclared as (a integer)",
        "create function inbox_api.undeclared() returns void language sql as ''",
        "drop view inboxdb.lead_view",
    ],
)
def test_what_is_not_declared_is_noticed(world: World, change: str) -> None:
    with changed(world, change):
        world.look()
        with pytest.raises(AssertionError):
            world.require_declared()
    world.look()
    world.require_declared()

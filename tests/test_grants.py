"""The rights in the catalog are exactly those in inboxdb.grant_matrix, despite rights given before or since."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from psycopg import Connection, errors

from inboxdb import cli
from inboxdb.database import sources
from inboxdb.drain.options import DrainOptions
from inboxdb.drain.run import drain
from inboxdb.install import access, migrate
from inboxdb.release import made as objects
from tests.rows import Host, live_counts, stored_counts
from tests.servers import DRAINER, MONITOR, OWNER, WRITER, Database, Server
from tests.tenants import LOGINS, PEOPLE, become
from tests.test_migrations import ACCESS, LEADS

# Grantee, kind of object, object, privilege, and whether it may be passed on.
Right = tuple[str, str, str, str, bool]

# Whatever anybody but an owner may do with anything in our schemas, of any kind and in any of its columns.
GRANTED = """
with held (kind, name, acl, owner) as (
  select 'schema', n.nspname::text, coalesce(n.nspacl, acldefault('n', n.nspowner)), n.nspowner
  from pg_namespace as n
  where n.nspname in ('inboxdb', 'inbox_api')
  union all
  select
    case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass::text,
    coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)), c.relowner
  from pg_class as c
  where c.relnamespace::regnamespace::text in ('inboxdb', 'inbox_api') and c.relkind not in ('i', 'I', 'c')
  union all
  select 'column', format('%s.%I', c.oid::regclass, a.attname), a.attacl, c.relowner
  from pg_attribute as a
  inner join pg_class as c on a.attrelid = c.oid
  where c.relnamespace::regnamespace::text in ('inboxdb', 'inbox_api')
  union all
  select
    case p.prokind when 'p' then 'procedure' else 'function' end, p.oid::regprocedure::text,
    coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner
  from pg_proc as p
  where p.pronamespace::regnamespace::text in ('inboxdb', 'inbox_api')
  union all
  select 'type', t.oid::regtype::text, coalesce(t.typacl, acldefault('T', t.typowner)), t.typowner
  from pg_type as t
  -- those that are there for themselves, not for a relation or an array
  where t.typnamespace::regnamespace::text in ('inboxdb', 'inbox_api') and t.typrelid = 0 and t.typcategory <> 'A'
)
select
  case e.grantee when 0 then 'public' else pg_get_userbyid(e.grantee)::text end,
  h.kind, h.name, lower(e.privilege_type), e.is_grantable
from held as h
cross join aclexplode(h.acl) as e
where e.grantee <> h.owner
"""

DECLARED = """
select
  m.grantee, m.kind,
  case when m.kind in ('function', 'procedure') then m.object_name::regprocedure::text else m.object_name end,
  m.privilege, false
from inboxdb.grant_matrix as m
where m.grantee = 'public' or m.grantee in (select r.rolname from pg_roles as r)
"""


def rights(connection: Connection[Any], query: str) -> set[Right]:
    with connection.transaction():
        # so that every name is written with its schema
        connection.execute("set local search_path = ''")
        return set(connection.execute(query.encode()).fetchall())


def require_as_declared(connection: Connection[Any]) -> None:
    assert rights(connection, GRANTED) == rights(connection, DECLARED)


def apply_grants(owner: Connection[Any]) -> None:
    owner.execute("select inboxdb.apply_grants()")


@pytest.fixture(scope="module")
def installed(server: Server, host_variant: str) -> Iterator[Database]:
    """A database of this file's, for tests that leave it as it was."""
    with server.database(host_variant, installed=True) as database:
        yield database


@pytest.fixture(scope="module")
def owner(installed: Database) -> Connection[Any]:
    return installed.connect()


@pytest.fixture(scope="module")
def superuser(installed: Database) -> Connection[Any]:
    return installed.superuser()


@pytest.mark.all_hosts
def test_the_catalog_is_as_declared(database: Database) -> None:
    owner = database.connect()
    require_as_declared(owner)
    declared = rights(owner, DECLARED)
    assert {grantee for grantee, *_ in declared} == {*access.ROLES} - {"anon"}, "anon gets nothing"
    apply_grants(owner)
    apply_grants(owner)
    assert rights(owner, GRANTED) == declared


def test_protected_leads_give_their_readers_what_the_policy_calls(database: Database) -> None:
    """EXECUTE is revoked when the protection goes: also from PUBLIC, if PUBLIC was restricted."""
    owner = database.connect()
    before = rights(owner, GRANTED)
    for restricted in ("anon", "public"):
        owner.execute("select inboxdb.protect_leads(%s, %s)", ([WRITER], [restricted]))
        require_as_declared(owner)
        assert {(grantee, name) for grantee, _, name, *_ in rights(owner, GRANTED) - before} == {
            (restricted, f"inboxdb.{function}()")
            for function in ("current_user_id", "member_workspaces", "setter_workspaces")
        }
    owner.execute("select inboxdb.unprotect_leads()")
    assert rights(owner, GRANTED) == before


def test_default_privileges_leak_nothing(bare_database: Database) -> None:
    owner = bare_database.connect()
    for kind in ("tables", "sequences", "functions", "types", "schemas"):
        owner.execute(f"alter default privileges grant all on {kind} to {WRITER}, public, authenticated".encode())
    migrate.apply(bare_database.dsn)
    require_as_declared(owner)


@pytest.mark.parametrize(
    "change",
    [
        f"grant all on all tables in schema inboxdb to {WRITER}",
        "grant select on inboxdb.inbox_counts_dirty to public",
        "grant select on inboxdb._yoyo_log to anon",
        "grant select (client_id) on inboxdb.workspace to public",
        "grant update (total) on inboxdb.inbox_counts to authenticated",
        "grant truncate, references, trigger on inboxdb.inbox_counts to authenticated",
        "grant select on inboxdb.inbox_counts to authenticated with grant option",
        "grant usage on sequence inboxdb.change_0_id_seq to anon",
        "grant usage on type inboxdb.client_id to public",
        "grant create on schema inboxdb to inboxdb_drainer",
        "grant usage on schema inbox_api to public",
        "grant execute on all routines in schema inboxdb to public",
        "grant execute on function inbox_api.inbox_counts to anon",
        "grant execute on procedure inboxdb.drain_dirty to inboxdb_monitor",
        "revoke select on inboxdb.inbox_counts from authenticated",
        "revoke usage on schema inboxdb from inboxdb_monitor",
        "revoke execute on function inbox_api.inbox_counts from authenticated",
        "revoke execute on procedure inboxdb.drain_dirty from inboxdb_drainer",
    ],
)
def test_rights_changed_by_hand_are_mended(owner: Connection[Any], change: str) -> None:
    with owner.transaction(force_rollback=True):
        owner.execute(change.encode())
        with pytest.raises(AssertionError):
            require_as_declared(owner)
        apply_grants(owner)
        require_as_declared(owner)


def test_rights_passed_on_are_taken_back_too(superuser: Connection[Any]) -> None:
    with superuser.transaction(force_rollback=True):
        for role, grant in (
            (OWNER, "grant select on inboxdb.inbox_counts to authenticated with grant option"),
            ("authenticated", "grant select on inboxdb.inbox_counts to anon"),
        ):
            superuser.execute(f"set local role {role}".encode())
            superuser.execute(grant.encode())
        superuser.execute(f"set local role {OWNER}".encode())
        apply_grants(superuser)
        require_as_declared(superuser)


@pytest.mark.parametrize(
    "role", ["authenticated", "inboxdb_drainer", "inboxdb_maintainer", "inboxdb_monitor", "inboxdb_router"]
)
def test_a_role_made_later_gets_its_rights(superuser: Connection[Any], role: str) -> None:
    """Before row-level security is on, the missing right stops nobody."""
    with superuser.transaction(force_rollback=True):
        superuser.execute(f"alter role {role} rename to elsewhere".encode())
        superuser.execute(f"set local role {OWNER}".encode())
        apply_grants(superuser)
        require_as_declared(superuser)
        assert {grantee for grantee, *_ in rights(superuser, GRANTED)}.isdisjoint({role, "elsewhere"})
        superuser.execute("reset role")
        superuser.execute(f"alter role elsewhere rename to {role}".encode())
        superuser.execute(f"set local role {OWNER}".encode())
        apply_grants(superuser)
        require_as_declared(superuser)
        assert role in {grantee for grantee, *_ in rights(superuser, GRANTED)}


DDL = (
    "create table inboxdb.mine ()",
    "create view inbox_api.mine as select",
    "create function inbox_api.mine() returns void language sql as ''",
    "create type inboxdb.mine as ()",
    "create operator inboxdb.+ (function = pg_catalog.int4pl, leftarg = int, rightarg = int)",
    "alter schema inboxdb rename to mine",
    "drop schema inbox_api cascade",
    "alter table inboxdb.inbox_counts disable row level security",
    "alter table inboxdb.inbox_counts owner to current_user",
    "alter table inboxdb.inbox_counts add mine integer",
    "drop table inboxdb.inbox_counts_dirty cascade",
    "truncate inboxdb.inbox_counts",
    "create index on inboxdb.inbox_counts (total)",
    "create trigger mine after update on inboxdb.setting execute function inboxdb.note_lead_change()",
    "create rule mine as on insert to inboxdb.setting do instead nothing",
    "create policy mine on inboxdb.inbox_counts using (true)",
    "alter policy inboxdb_member on inboxdb.inbox_counts using (true)",
    "drop policy inboxdb_member on inboxdb.inbox_counts",
    "alter view inboxdb.member_access set (security_invoker = true)",
    "alter function inboxdb.current_user_id() security invoker",
    "create or replace function inboxdb.sentinel() returns inboxdb.user_id language sql as 'select null'",
    "drop function inbox_api.inbox_counts",
    "alter domain inboxdb.client_id set default null",
    "comment on table inboxdb.inbox_counts is 'mine'",
    "lock table inboxdb.inbox_counts in access exclusive mode",
    'alter table public."Lead" disable row level security',
    'create policy mine on public."Lead" using (true)',
    'drop trigger inboxdb_note_update on public."Lead"',
    "create publication mine for table inboxdb.inbox_counts",
    "alter default privileges for role host_owner grant select on tables to public",
)


@pytest.mark.parametrize("statement", DDL)
def test_the_owner_may_change_what_is_there(owner: Connection[Any], statement: str) -> None:
    with owner.transaction(force_rollback=True):
        owner.execute(statement.encode())


@pytest.mark.parametrize("role", LOGINS)
@pytest.mark.parametrize("statement", DDL)
def test_no_role_may_change_what_is_there(superuser: Connection[Any], statement: str, role: str) -> None:
    with superuser.transaction(force_rollback=True):
        become(superuser, role, PEOPLE[0])
        with pytest.raises(errors.InsufficientPrivilege):
            superuser.execute(statement.encode())


@pytest.mark.parametrize("role", LOGINS)
def test_no_role_may_give_anything_away(superuser: Connection[Any], role: str) -> None:
    """A GRANT by a role without the grant option gives a mere warning."""
    with superuser.transaction(force_rollback=True):
        become(superuser, role, PEOPLE[0])
        for what in (
            "select on inboxdb.inbox_counts",
            "select on inboxdb.change_0",
            "execute on function inbox_api.inbox_counts",
            "execute on function inboxdb.drain_status",
            "usage on schema inboxdb",
        ):
            with suppress(errors.InsufficientPrivilege), superuser.transaction():
                superuser.execute(f"grant {what} to public".encode())
        superuser.execute("set local session authorization default")
        require_as_declared(superuser)


# Use of the roles


def run(database: Database, role: str, *command: str) -> tuple[int, str | None]:
    """Run a command as a role that logs in; return its exit status, and the SQLSTATE where it was refused."""
    result = CliRunner().invoke(cli.main, [*command, "--json", "--dsn", database.server.dsn_of(database.name, role)])
    return result.exit_code, json.loads(result.output).get("sqlstate")


def commands_for_the_owner(workspace: str) -> list[list[str]]:
    return [
        ["counts", workspace],
        ["mark", workspace],
        ["recompute", workspace],
        ["verify"],
        ["roles"],
        ["rls", "plan"],
        ["rls", "on", "--trust", WRITER],
        ["rls", "off"],
        ["publication", "on"],
        ["noted-updates", "changed"],
        ["migrate", "status"],
        ["migrate", "apply"],
        ["migrate", "rollback"],
    ]


def test_the_drainer_may_drain_and_nothing_else(database: Database) -> None:
    host, owner = Host(database.writer()), database.connect()
    dsn = database.server.dsn_of(database.name, DRAINER)
    workspace = host.workspace()

    def drained() -> bool:
        return stored_counts(owner).get(workspace) == live_counts(owner, workspace)

    host.lead(workspace, assignedToUserId=PEOPLE[0].user)
    database.connect(DRAINER).execute("call inboxdb.drain_dirty()")
    assert drained()

    def drain_in_vain(time_limit: float) -> list[tuple[str, str]]:
        owner.execute("update inboxdb.inbox_counts_dirty set next_attempt_at = now()")
        result = drain(dsn, DrainOptions(time_limit=time_limit))
        return [(failure.client_id, failure.error.partition(":")[0]) for failure in result.failures]

    # the program, also when a refresh fails, or is out of time
    host.lead(workspace)
    owner.execute("alter function inboxdb.refresh_workspace rename to elsewhere")
    assert drain_in_vain(time_limit=60) == [(workspace, "42883")]
    owner.execute("alter function inboxdb.elsewhere rename to refresh_workspace")
    with database.connect() as other, other.transaction():
        other.execute('lock table public."AIDraft"')
        assert drain_in_vain(time_limit=1) == [(workspace, "57014")]
    assert not drained()
    owner.execute("update inboxdb.inbox_counts_dirty set next_attempt_at = now()")
    result = drain(dsn, DrainOptions(workers=2), on_progress=lambda *_: None)
    assert (result.refreshed, result.failed, result.remaining) == (1, 0, 0)
    assert drained()

    assert run(database, DRAINER, "drain-dirty") == (0, None)
    assert run(database, DRAINER, "status") == (0, None)
    for command in commands_for_the_owner(workspace):
        assert run(database, DRAINER, *command) == (1, "IB001" if command == ["migrate", "apply"] else "42501"), command


def test_the_monitor_may_watch_and_nothing_else(database: Database) -> None:
    workspace, owner = Host(database.writer()).workspace(), database.connect()
    owner.execute("alter function inboxdb.refresh_workspace rename to elsewhere")
    assert drain(database.dsn).failed == 1
    # not healthy, as the role may well know
    assert run(database, MONITOR, "status") == (3, None)
    for command in (["drain-dirty"], *commands_for_the_owner(workspace)):
        assert run(database, MONITOR, *command) == (1, "IB001" if command == ["migrate", "apply"] else "42501"), command


def test_undoing_access_takes_every_right(database: Database) -> None:
    owner = database.connect()
    owner.execute(f"grant all on all tables in schema inboxdb to {WRITER}".encode())
    assert migrate.rollback(database.dsn, to=LEADS)[-1].id == ACCESS
    # USAGE of types is PUBLIC's by default: without the schema of no use
    assert rights(owner, GRANTED) == {
        ("public", "type", f"inboxdb.{type_}", "usage", False) for type_ in ("client_id", "lead_id", "user_id")
    }


# Functions with the owner's rights


ROUTINES = """
select
  format('%s.%s', p.pronamespace::regnamespace, p.proname), p.prosecdef, coalesce(p.proconfig, '{}'),
  -- without its comments
  regexp_replace(p.prosrc, '--[^\n]*', '', 'g'),
  p.proleakproof, pg_get_userbyid(p.proowner)::text,
  array(
    select case e.grantee when 0 then 'public' else pg_get_userbyid(e.grantee)::text end
    from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as e
    where e.grantee <> p.proowner
  )
from pg_proc as p
where p.pronamespace in ('inboxdb'::regnamespace, 'inbox_api'::regnamespace)
"""

# Functions that EXECUTE text, and the text's source: never a caller's words.
EXECUTES = {
    "inboxdb.apply_grants",  # grant_matrix, the catalog
    "inboxdb.arrange_triggers",  # view update_trigger
    "inboxdb.empty_slice",  # the catalog
    "inboxdb.maintain",  # view maintenance
    "inboxdb.prune_draft_runs",  # literals, quoted
    "inboxdb.protect_leads",  # for the owner, with the owner's rights
    "inboxdb.run_upkeep",  # view upkeep
    "inboxdb.send_signals",  # a literal
    "inboxdb.suspend_table",
    "inboxdb.suspend_views",
}

# Functions under the session's search_path, because their files say so, and why: tests/test_sources.py.
NOT_PINNED = {
    re.sub(r"\(.*", "", made.name)
    for file in sources.contents()
    for text in [(sources.SQL / file).read_text()]
    for made in objects.made(text)
    if made.kind in ("function", "procedure") and "\nset search_path = ''\n" not in text
}


class Routine(NamedTuple):
    name: str
    is_definer: bool
    settings: list[str]
    body: str
    is_leakproof: bool
    owner: str
    callers: list[str]

    @property
    def mentions(self) -> set[str]:
        """Whatever of ours its body names."""
        return set(re.findall(r"\b(?:inboxdb|inbox_api)\.\w+", self.body))


def require_nothing_to_abuse(connection: Connection[Any]) -> None:
    routines = [Routine(*row) for row in connection.execute(ROUTINES)]
    bodies = {
        name: set().union(*(r.mentions for r in routines if r.name == name)) for name in {r.name for r in routines}
    }

    def reached(name: str) -> set[str]:
        """Whatever of ours runs when a routine does."""
        seen, new = set(), {name}
        while new:
            seen |= new
            new = set().union(*(bodies.get(one, ()) for one in new)) - seen
        return seen

    assert {r.name for r in routines if re.search(r"\bexecute\b", r.body)} == EXECUTES
    assert {r.name for r in routines if 'search_path=""' not in r.settings} == NOT_PINNED
    granted = connection.execute(
        "select split_part(object_name, '(', 1) from inboxdb.grant_matrix where kind in ('function', 'procedure')"
    )
    assert {r.name for r in routines if r.callers} == {name for (name,) in granted}
    for routine in routines:
        assert routine.owner == OWNER, routine
        assert not routine.is_leakproof, routine
        if routine.is_definer:
            assert 'search_path=""' in routine.settings, routine
        if not {"authenticated", "public"}.isdisjoint(routine.callers):
            found = reached(routine.name)
            assert not found & EXECUTES, routine
            if routine.is_definer and found & {"inboxdb.member_access", "inboxdb.require_access"}:
                assert "row_security=off" in routine.settings, routine


def test_nothing_that_runs_with_the_owners_rights_can_be_abused(superuser: Connection[Any]) -> None:
    require_nothing_to_abuse(superuser)


@pytest.mark.parametrize(
    "change",
    [
        "create procedure inboxdb.mine(text) language plpgsql security definer set search_path = '' as"
        " 'begin execute $1; end'",
        "create function inbox_api.mine() returns void language sql set search_path = '' as"
        " 'select inboxdb.send_signals(null, 1, null)'",
        "grant execute on function inboxdb.empty_slice to authenticated",
        "grant execute on function inboxdb.is_json to authenticated",
        "alter function inboxdb.collect() reset search_path",
        "alter function inboxdb.collect() set search_path = public",
        "alter function inboxdb.collect() owner to current_user",
        "alter function inboxdb.has_client_access reset row_security",
        "alter function inboxdb.read_inbox_counts reset row_security",
        "alter function inboxdb.current_user_id leakproof",
    ],
)
def test_what_could_be_abused_is_noticed(superuser: Connection[Any], change: str) -> None:
    with superuser.transaction(force_rollback=True):
        superuser.execute(change.encode())
        with pytest.raises(AssertionError):
            require_nothing_to_abuse(superuser)


def test_default_privileges_open_nothing_before_the_rights_are_given(bare_database: Database) -> None:
    """An installation that stopped half-way is out of everybody's reach, too."""
    owner = bare_database.connect()
    for kind in ("schemas", "tables", "functions", "types"):
        owner.execute(f"alter default privileges grant all on {kind} to anon, public")
    for batch in range(1, len(migrate.status(bare_database.dsn))):
        migrate.apply(bare_database.dsn, batch=1)
        for right in ("usage", "create"):
            allowed = owner.execute("select has_schema_privilege('anon', 'inboxdb', %s)", [right]).fetchone()
            assert allowed == (False,), (batch, right)

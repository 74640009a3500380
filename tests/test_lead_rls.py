"""Row-level security on "Lead": the roles listed, the refusals, the effect on each role, and the way back."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg import Connection, errors

from inboxdb import cli
from inboxdb.database import connection as connections
from inboxdb.database.errors import DatabaseRefused, LeadIsProtected
from inboxdb.install import access, migrate
from tests.catalog import catalog, difference
from tests.rows import Host, new_id
from tests.servers import OWNER, WRITER, Database

RESTRICTED = "authenticated"
REPORTER = "watcher"  # a login role with no rights of its own on the host's tables
NAMED = access.Named(trusted=[WRITER], restricted=[RESTRICTED])

GRANTS = f'grant usage on schema public to {RESTRICTED}; grant select, insert, update, delete on "Lead" to {RESTRICTED}'

# The host's own policies: one lets the application do everything, one shows its members less than ours would.
HOSTS_OWN = f"""
    alter table "Lead" enable row level security;
    create policy app_all on "Lead" to {WRITER} using (true) with check (true);
    create policy members_new on "Lead" for select to {RESTRICTED} using (status = 'new');
"""
STATES = {
    "off": "",
    "on without a policy": 'alter table "Lead" enable row level security',
    "on with the host's policies": HOSTS_OWN,
}


class Tenants:
    """Two workspaces with two leads each; a manager and a setter in the first, who has one of its leads."""

    def __init__(self, database: Database) -> None:
        host = Host(database.superuser())
        self.manager, self.setter = new_id(), new_id()
        self.here, self.there = host.workspace(), host.workspace()
        host.member(self.here, self.manager, "INBOX_MANAGER")
        host.member(self.here, self.setter, "SETTER")
        self.others = host.lead(self.here, status="new")
        self.own = host.lead(self.here, assignedToUserId=self.setter, status="qualified")
        self.hidden = host.lead(self.there, status="new"), host.lead(self.there, status="qualified")


@pytest.fixture
def bare(bare_database: Database) -> Database:
    """A database without inboxdb, where authenticated has every right on "Lead"."""
    bare_database.connect().execute(GRANTS)
    return bare_database


@pytest.fixture
def installed(database: Database) -> Database:
    database.connect().execute(GRANTS)
    return database


def leads(connection: Connection[Any]) -> set[str]:
    return {str(id) for (id,) in connection.execute('select id from public."Lead"')}


def about_lead(database: Database) -> list[str]:
    """Return the catalog's lines about "Lead"."""
    return [line for line in catalog(database.connect()) if '"Lead"' in line and "inboxdb." not in line]


def invoke(database: Database, *arguments: str) -> Result:
    dsn = database.direct_dsn if arguments[0] == "migrate" else database.dsn
    result = CliRunner().invoke(cli.main, [*arguments, "--dsn", dsn])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def refused(action: Callable[[], object]) -> str:
    """Return the text of IB008."""
    with pytest.raises(DatabaseRefused) as refusal:
        action()
    assert refusal.value.sqlstate == "IB008"
    return str(refusal.value)


# --- The three starting states


@pytest.mark.all_hosts
@pytest.mark.parametrize("state", STATES)
def test_members_see_theirs_and_nothing_changes_for_the_trusted(installed: Database, state: str) -> None:
    tenants = Tenants(installed)
    owner = installed.connect()
    owner.execute(STATES[state])
    before, writer_saw = about_lead(installed), leads(installed.writer())

    access.turn_on(installed.dsn, NAMED._replace(keep_host_policies=True))

    assert leads(installed.writer()) == writer_saw
    assert leads(owner) == {tenants.others, tenants.own, *tenants.hidden}
    assert leads(installed.superuser()) == leads(owner)
    let_through = {tenants.others, tenants.hidden[0]} if "policies" in state else set()
    assert leads(installed.signed_in(tenants.manager)) == {tenants.others, tenants.own} | let_through
    assert leads(installed.signed_in(tenants.setter)) == {tenants.own} | let_through
    assert leads(installed.signed_in(new_id())) == let_through
    assert leads(installed.signed_in(None)) == let_through

    access.turn_off(installed.dsn)
    assert not difference(before, about_lead(installed))


@pytest.mark.parametrize("state", STATES)
def test_stops_before_anything_is_changed_until_each_role_is_named(bare: Database, state: str) -> None:
    owner = bare.connect()
    owner.execute(STATES[state])
    before = catalog(owner)
    result = invoke(bare, "migrate", "apply")
    assert result.exit_code == 1
    assert f"{WRITER} (delete, insert, select, update)" in result.stderr
    assert f"{RESTRICTED} (delete, insert, select, update)" in result.stderr
    assert "roles with rights" in result.stderr
    listed = {
        "off": 'row-level security on "Lead": off',
        "on without a policy": 'row-level security on "Lead": on, without a policy of the host\'s',
        "on with the host's policies": "policy members_new of the host's: permissive, select, to authenticated",
    }
    assert listed[state] in result.stderr
    assert not difference(before, catalog(owner))

    half = invoke(bare, "migrate", "apply", "--trust", WRITER)
    assert half.exit_code == 1
    assert f"{WRITER} (delete" not in half.stderr.splitlines()[-1]
    assert not difference(before, catalog(owner))

    names = ("--trust", WRITER, "--restrict", RESTRICTED)
    done = invoke(bare, "migrate", "apply", *names, *(["--keep-host-policies"] if "policies" in state else []))
    assert done.exit_code == 0, done.stderr
    assert access.lead_access(bare.dsn).decided == ("enabled" if state == "off" else "joined")
    # once decided, an upgrade does not ask again
    assert invoke(bare, "migrate", "apply").exit_code == 0
    assert invoke(bare, "migrate", "apply", *names).exit_code == 0
    assert "is decided" in invoke(bare, "migrate", "apply", "--without-rls").stderr
    assert "is decided" in invoke(bare, "migrate", "apply", "--restrict", WRITER).stderr or state != "off"

    # leads are opened by nobody who did not say so
    applied = [one.state for one in migrate.status(bare.dsn)]
    with pytest.raises(LeadIsProtected, match="IB010"):
        migrate.rollback(bare.direct_dsn, count=None)
    assert [one.state for one in migrate.status(bare.dsn)] == applied
    assert access.lead_access(bare.dsn).protected
    access.turn_off(bare.dsn)
    migrate.rollback(bare.direct_dsn, count=None)
    assert not [line for line in difference(before, catalog(owner)).splitlines() if "schema inboxdb " not in line]


def test_left_out(bare: Database) -> None:
    before = about_lead(bare)
    assert invoke(bare, "migrate", "apply", "--without-rls").exit_code == 0
    assert access.lead_access(bare.dsn).decided == "left_out"
    added = [line.removeprefix("+ ").partition(" ")[0] for line in difference(before, about_lead(bare)).splitlines()]
    assert set(added) <= {"trigger", "index"}
    assert invoke(bare, "migrate", "apply").exit_code == 0
    assert invoke(bare, "migrate", "apply", "--without-rls", "--trust", WRITER).exit_code == 2
    # and put in later
    assert invoke(bare, "rls", "on", "--trust", WRITER, "--restrict", RESTRICTED).exit_code == 0
    assert access.lead_access(bare.dsn).decided == "enabled"


def test_nobody_to_name(bare_database: Database) -> None:
    bare_database.connect().execute(f'revoke all on "Lead" from {WRITER}')
    assert invoke(bare_database, "migrate", "apply").exit_code == 0
    assert access.lead_access(bare_database.dsn).enabled


# --- Naming


def test_everybody_with_rights_is_listed(installed: Database) -> None:
    """Rights count from any source; roles not bound by policies need no name."""
    admin = installed.superuser()
    suffix = new_id()[:8]
    by_column, inherits, unbound = (f"{name}_{suffix}" for name in ("col", "heir", "unbound"))
    for role in (by_column, inherits, unbound):
        admin.execute(f"create role {role}")
    try:
        admin.execute(f'grant select (id) on "Lead" to {by_column}')
        admin.execute(f'grant {OWNER} to {inherits}; grant select on "Lead" to {inherits}')
        admin.execute(f'alter role {unbound} bypassrls; grant update on "Lead" to {unbound}')
        admin.execute('grant delete on "Lead" to public; grant truncate, references, trigger on "Lead" to watcher')
        rights = access.lead_access(installed.dsn).rights
        listed = {one.role_name: (one.rights, one.bypasses) for one in rights}
        every = "delete, insert, select, update"
        assert listed == {
            OWNER: (every, True),
            inherits: ("select", True),
            unbound: ("update", True),
            WRITER: (every, False),
            RESTRICTED: (every, False),
            by_column: ("select", False),
            "public": ("delete", False),
            "watcher": (None, False),  # no right under policies, so no name is needed either
        }
        beside = {one.role_name: one.unbound_rights for one in rights}
        assert beside["watcher"] == "references, trigger, truncate"
        assert beside[WRITER] == "truncate"
        plan = invoke(installed, "rls", "plan").stdout
        assert "no policy binds references, trigger, truncate by watcher\n" in plan
        said = refused(lambda: access.turn_on(installed.dsn, NAMED))
        for role in (by_column, "public"):
            assert f"{role} (" in said
        for role in (inherits, unbound, OWNER, WRITER):
            assert f"{role} (" not in said
        others = access.Named([WRITER], [RESTRICTED, by_column, "public"])
        access.turn_on(installed.dsn, others)
        named = {one.role_name: one.named for one in access.lead_access(installed.dsn).rights}
        assert named["public"] == named[by_column] == "restricted"
        assert not access.lead_access(installed.dsn).undecided
    finally:
        installed.superuser().execute('revoke delete on "Lead" from public')
        access.turn_off(installed.dsn)
        for role in (by_column, inherits, unbound):
            admin.execute(f"drop owned by {role}; drop role {role}")


def test_rights_on_every_table_are_listed(installed: Database) -> None:
    """In a transaction that is undone: the membership would show in every database of the server."""
    admin = installed.superuser(autocommit=False)
    admin.execute(f"grant pg_read_all_data to {REPORTER}")
    listed = "select rights, bypasses from inboxdb.lead_right where role_name = 'pg_read_all_data'"
    assert admin.execute(listed).fetchall() == [("select", False)]
    with pytest.raises(errors.DatabaseError, match="pg_read_all_data") as refusal:
        admin.execute("select inboxdb.require_named_roles(%s, %s, false)", [[WRITER], [RESTRICTED]])
    assert refusal.value.sqlstate == "IB008"


def test_names_that_make_no_sense(installed: Database) -> None:
    before = about_lead(installed)
    assert "no such role: nobody" in refused(lambda: access.turn_on(installed.dsn, access.Named([WRITER], ["nobody"])))
    both = access.Named([WRITER, RESTRICTED], [RESTRICTED])
    assert f"both trusted and restricted: {RESTRICTED}" in refused(lambda: access.turn_on(installed.dsn, both))
    result = invoke(installed, "rls", "on", "--trust", WRITER, "--restrict", 'x"; drop table "Lead"; --')
    assert "no such role" in result.stderr
    assert not difference(before, about_lead(installed))


def test_whoever_sees_every_row_cannot_be_restricted(installed: Database) -> None:
    admin = installed.superuser(autocommit=False)
    admin.execute(f"grant {WRITER} to {REPORTER}; grant {OWNER} to inboxdb_monitor")
    check = "select inboxdb.require_named_roles(%s, %s, false)"
    for trusted, restricted, named in (
        ([WRITER], [RESTRICTED, REPORTER], f"{REPORTER} (by {WRITER})"),
        (["public", WRITER], [RESTRICTED], f"{RESTRICTED} (by public)"),
        ([WRITER], [RESTRICTED, OWNER], OWNER),
    ):
        with pytest.raises(errors.DatabaseError, match="cannot be restricted") as refusal, admin.transaction():
            admin.execute(check, [trusted, restricted])
        assert named in str(refusal.value)
    with pytest.raises(errors.DatabaseError, match="no such role: null"), admin.transaction():
        admin.execute(check, [[WRITER, None], [RESTRICTED]])


def test_policies_of_the_hosts_are_kept_only_if_said_so(installed: Database) -> None:
    installed.connect().execute(HOSTS_OWN)
    assert "members_new" in refused(lambda: access.turn_on(installed.dsn, NAMED))
    assert "app_all" not in refused(lambda: access.turn_on(installed.dsn, NAMED))
    assert access.lead_access(installed.dsn).decided == "undecided"


def test_named_anew(installed: Database) -> None:
    tenants = Tenants(installed)
    access.turn_on(installed.dsn, NAMED)
    access.turn_on(installed.dsn, access.Named([], [RESTRICTED, WRITER]))
    assert leads(installed.writer()) == set()
    assert leads(installed.signed_in(tenants.manager)) == {tenants.others, tenants.own}
    access.turn_off(installed.dsn)
    assert len(leads(installed.writer())) == 4


def test_named_anew_where_the_record_says_otherwise(installed: Database) -> None:
    """Restricted roles go on writing, though nobody is trusted."""
    tenants = Tenants(installed)
    nobody_trusted = access.Named([], [RESTRICTED, WRITER])
    access.turn_on(installed.dsn, nobody_trusted)
    installed.connect().execute("update inboxdb.installation set lead_rls = 'left_out'")
    access.turn_on(installed.dsn, nobody_trusted)
    assert access.lead_access(installed.dsn).decided == "enabled"
    manager = installed.signed_in(tenants.manager)
    assert manager.execute("update public.\"Lead\" set status = 'changed' where id = %s", [tenants.own]).rowcount == 1


def test_plan_says_what_will_change_for_whom(installed: Database) -> None:
    installed.connect().execute(
        """
        create view report as select * from "Lead"; grant select (id) on report to watcher;
        create view over_it with (security_invoker = on) as select * from report; grant select on over_it to public;
        create view bound with (security_invoker = 1) as select * from "Lead"; grant select on bound to watcher;
        create materialized view copy as select id from "Lead";
        """
    )
    before = catalog(installed.connect())
    now = invoke(installed, "rls", "plan", "--restrict", RESTRICTED).stdout
    every = "delete, insert, select, update"
    assert f"{OWNER}     {every}: every row\n" in now
    assert f"{RESTRICTED}  {every}: every row -> what the signed-in user may see\n" in now
    assert f"{WRITER}     {every}: every row -> ? name it with --trust or --restrict\n" in now
    assert "view report reads every row for its readers: watcher\n" in now
    assert "view over_it reads every row for its readers: public\n" in now
    assert "view copy reads every row for its readers: the owner\n" in now
    assert "view bound" not in now
    assert not difference(before, catalog(installed.connect()))
    access.turn_on(installed.dsn, NAMED)
    off = f"{RESTRICTED}  {every}: what the signed-in user may see -> every row\n"
    assert off in invoke(installed, "rls", "plan").stdout
    installed.connect().execute("create policy hosts on \"Lead\" for select to public using (status = 'new')")
    both = "what the signed-in user may see, and what the host's policies let through"
    off = f"{RESTRICTED}  {every}: {both} -> what the host's policies let through\n"
    assert off in invoke(installed, "rls", "plan").stdout
    installed.connect().execute('drop policy hosts on "Lead"')
    machine = json.loads(invoke(installed, "rls", "off", "--json").stdout)
    assert (machine["enabled"], machine["decided"]) == (False, "left_out")


@pytest.mark.parametrize("user", ["manager", "setter"])
def test_each_sub_select_of_the_policy_runs_once(installed: Database, user: str) -> None:
    tenants = Tenants(installed)
    host = Host(installed.writer())
    for number in range(200):
        host.lead(tenants.here, assignedToUserId=tenants.setter if number % 2 else None)
    access.turn_on(installed.dsn, NAMED)
    member = installed.signed_in(getattr(tenants, user))
    ((plan,),) = member.execute('explain (analyze, format json) select count(*) from public."Lead"').fetchall()
    nodes = list(every_node(plan[0]["Plan"]))
    init_plans = [node for node in nodes if node.get("Parent Relationship") == "InitPlan"]
    assert len(init_plans) == 3
    assert all(node["Actual Loops"] <= 1 for node in init_plans), "more than once"
    assert not [node for node in nodes if node.get("Parent Relationship") == "SubPlan"]


def every_node(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from every_node(below)


# --- Writing


def test_restricted_roles_write_what_they_may_see(installed: Database) -> None:
    tenants = Tenants(installed)
    access.turn_on(installed.dsn, NAMED)
    manager, setter = installed.signed_in(tenants.manager), installed.signed_in(tenants.setter)
    update = 'update public."Lead" set status = %s where id = %s'
    assert manager.execute(update, ["changed", tenants.others]).rowcount == 1
    assert manager.execute(update, ["changed", tenants.hidden[0]]).rowcount == 0
    assert setter.execute(update, ["changed", tenants.own]).rowcount == 1
    assert setter.execute(update, ["changed", tenants.others]).rowcount == 0
    assert setter.execute('update public."Lead" set status = %s', ["all"]).rowcount == 1
    assert manager.execute('delete from public."Lead" where id = %s', [tenants.hidden[0]]).rowcount == 0
    assert leads(installed.connect()) >= set(tenants.hidden)
    with pytest.raises(errors.InsufficientPrivilege):
        Host(manager).lead(tenants.there)
    with pytest.raises(errors.InsufficientPrivilege):
        manager.execute('update public."Lead" set "clientId" = %s where id = %s', [tenants.there, tenants.own])
    with pytest.raises(errors.InsufficientPrivilege):
        setter.execute('update public."Lead" set "assignedToUserId" = null where id = %s', [tenants.own])
    assert Host(manager).lead(tenants.here) in leads(manager)
    assert manager.execute('delete from public."Lead" where id = %s', [tenants.own]).rowcount == 1


def test_joining_gives_nobody_the_right_to_write(installed: Database) -> None:
    """Where row-level security was on before, who may write is the host's affair."""
    tenants = Tenants(installed)
    installed.connect().execute(STATES["on without a policy"])
    access.turn_on(installed.dsn, NAMED)
    manager = installed.signed_in(tenants.manager)
    assert leads(manager) == {tenants.others, tenants.own}
    assert manager.execute('update public."Lead" set status = %s', ["all"]).rowcount == 0
    with pytest.raises(errors.InsufficientPrivilege):
        Host(manager).lead(tenants.here)


def test_counting_goes_on(installed: Database) -> None:
    """The drain sees every lead, and the application's writes are noted as before."""
    tenants = Tenants(installed)
    access.turn_on(installed.dsn, NAMED)
    owner = installed.connect()
    owner.execute("call inboxdb.drain_dirty()")
    Host(installed.writer()).lead(tenants.there)
    installed.signed_in(tenants.setter).execute('update public."Lead" set status = %s', ["blacklisted"])
    owner.execute("call inboxdb.drain_dirty()")
    for workspace, total in ((tenants.here, 2), (tenants.there, 3)):
        row = owner.execute(
            "select total from inboxdb.inbox_counts where client_id = %s and is_global", [workspace]
        ).fetchone()
        assert row == (total,)


# --- Coming off, and the lock


def test_policies_that_came_since_keep_it_on(installed: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Trusted roles go on seeing every row: off, on again, and off for good once those policies are gone."""
    tenants = Tenants(installed)
    access.turn_on(installed.dsn, NAMED)
    installed.connect().execute(f'create policy later on "Lead" for insert to {WRITER} with check (true)')
    access.turn_off(installed.dsn)
    assert "leaves row-level security" in caplog.text
    assert access.lead_access(installed.dsn).enabled
    assert len(leads(installed.writer())) == 4
    assert leads(installed.signed_in(tenants.manager)) == set()
    access.turn_on(installed.dsn, NAMED)
    assert len(leads(installed.writer())) == 4
    installed.connect().execute('drop policy later on "Lead"')
    access.turn_off(installed.dsn)
    assert not access.lead_access(installed.dsn).enabled
    assert len(leads(installed.writer())) == 4


def test_turned_on_anew_after_the_host_turned_its_own_off(installed: Database) -> None:
    Tenants(installed)
    installed.connect().execute(HOSTS_OWN)
    access.turn_on(installed.dsn, NAMED._replace(keep_host_policies=True))
    owner = installed.connect()
    owner.execute('drop policy app_all on "Lead"; drop policy members_new on "Lead"')
    owner.execute('alter table "Lead" disable row level security')
    assert access.lead_access(installed.dsn).decided == "joined"
    access.turn_on(installed.dsn, NAMED)
    assert len(leads(installed.writer())) == 4
    access.turn_off(installed.dsn)
    assert not access.lead_access(installed.dsn).enabled


def test_status_tells_that_it_is_not_as_decided(installed: Database) -> None:
    owner = installed.connect()
    access.turn_on(installed.dsn, NAMED)
    assert invoke(installed, "status").exit_code == 0
    for drift, back in (
        ('alter table "Lead" disable row level security', 'alter table "Lead" enable row level security'),
        (f'grant select on "Lead" to {REPORTER}', f'revoke select on "Lead" from {REPORTER}'),
        ('drop policy inboxdb_member on "Lead"', ""),
    ):
        owner.execute(drift)
        result = invoke(installed, "status")
        assert (result.exit_code, "NOT AS DECIDED" in result.stdout) == (3, True), drift
        owner.execute(back)


def test_lock_that_is_not_to_be_had(installed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """`rls on` beside a reader of "Lead" gives up without having changed anything."""
    monkeypatch.setattr(connections, "ATTEMPTS", 2)
    monkeypatch.setattr(connections, "PAUSE", (0.0, 0.0))
    before = about_lead(installed)
    reader = installed.writer(autocommit=False)
    reader.execute('select from public."Lead"')
    with pytest.raises(DatabaseRefused) as refusal:
        access.turn_on(installed.dsn, NAMED, lock_timeout=0.05)
    assert refusal.value.sqlstate == "55P03"
    assert not difference(before, about_lead(installed))
    reader.rollback()
    access.turn_on(installed.dsn, NAMED)


# --- Roles and the publication, from the command line


@pytest.fixture
def without_roles(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """The superuser, in a transaction of its own in which inboxdb's two roles are renamed away."""
    admin = database.superuser(autocommit=False)
    for role in ("inboxdb_drainer", "inboxdb_monitor"):
        admin.execute(f"alter role {role} rename to {role}_away")
    yield admin
    admin.rollback()


def test_rights_are_given_to_roles_that_exist(without_roles: psycopg.Connection[Any]) -> None:
    without_roles.execute("select inboxdb.apply_grants()")
    query = "select has_schema_privilege(%s, 'inboxdb', 'usage')"
    assert without_roles.execute(query, ["inboxdb_drainer_away"]).fetchone() == (False,)
    without_roles.execute("create role inboxdb_drainer")
    without_roles.execute("select inboxdb.apply_grants()")
    assert without_roles.execute(query, ["inboxdb_drainer"]).fetchone() == (True,)


def test_roles_are_listed_and_created_only_where_permitted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = json.loads(invoke(database, "roles", "--json").stdout)["roles"]
    assert listed == [{"role": role, "exists": True, "created": False} for role in access.ROLES]

    role = f"inboxdb_test_{new_id()[:8]}"
    monkeypatch.setattr(access, "ROLES", (role,))
    assert invoke(database, "roles").stdout == f"{role}  missing: see --create\n"
    denied = invoke(database, "roles", "--create")
    assert denied.exit_code == 1
    assert f"create role … nologin` for {role}" in denied.stderr
    admin = CliRunner().invoke(cli.main, ["roles", "--create", "--dsn", database.server.dsn_of(database.name)])
    try:
        assert admin.stdout == f"{role}  created\n"
        login = "select rolcanlogin from pg_roles where rolname = %s"
        assert database.superuser().execute(login, [role]).fetchone() == (False,)
    finally:
        database.superuser().execute(f"drop role {role}")


def test_publication_from_the_command_line(database: Database) -> None:
    assert invoke(database, "publication", "on").stdout == "made publication inboxdb_lead\n"
    assert "already" in invoke(database, "publication", "on").stderr
    assert invoke(database, "publication", "off").stdout == "dropped publication inboxdb_lead\n"
    assert invoke(database, "publication", "off").stdout == "there was no publication inboxdb_lead\n"
    database.connect().execute('alter table "Lead" replica identity full')
    result = invoke(database, "publication", "on")
    assert (result.exit_code, "IB009" in result.stderr) == (1, True)

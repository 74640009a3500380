"""What advisors of managed hosts look for, asked of a real installation by queries of our own."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from inboxdb.drain.run import drain
from inboxdb.install import access, migrate, repair
from inboxdb.watch import status
from tests.rows import Host, stored_counts
from tests.servers import MONITOR, OWNER, Database

SECURITY = (Path(__file__).parents[1] / "docs/security.md").read_text()

OURS = "('inboxdb'::regnamespace, 'inbox_api'::regnamespace)"

# Of each lint: its query, whose rows are the findings, and statements to plant a fault.
LINTS = {
    "definer function without a search_path": (
        f"""
        select p.oid::regprocedure::text from pg_proc as p
        where p.pronamespace in {OURS} and p.prosecdef
          and not exists (select from unnest(p.proconfig) as c where c like 'search_path=%')
        """,
        "alter function inboxdb.collect() reset search_path",
    ),
    "function of ours that everybody may execute": (
        f"""
        select p.oid::regprocedure::text
        from pg_proc as p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
        where p.pronamespace in {OURS} and a.grantee = 0
        """,
        "grant execute on function inboxdb.clock() to public",
    ),
    "view with its owner's rights that a browser reads": (
        f"""
        select c.oid::regclass::text from pg_class as c, (values ('anon'), ('authenticated')) as r (name)
        where c.relnamespace in {OURS} and c.relkind in ('v', 'm')
          and not coalesce(c.reloptions @> '{{security_invoker=true}}', false)
          and has_schema_privilege(r.name, c.relnamespace, 'usage') and has_table_privilege(r.name, c.oid, 'select')
        """,
        "grant select on inboxdb.member_access to authenticated",
    ),
    "table that a browser reads without row-level security": (
        f"""
        select c.oid::regclass::text from pg_class as c, (values ('anon'), ('authenticated')) as r (name)
        where c.relnamespace in {OURS} and c.relkind in ('r', 'p', 'f') and not c.relrowsecurity
          and has_any_column_privilege(r.name, c.oid, 'select, insert, update, references')
        """,
        "alter table inboxdb.inbox_counts disable row level security",
    ),
    "policies without row-level security": (
        """
        select p.polrelid::regclass::text from pg_policy as p join pg_class as c on p.polrelid = c.oid
        where p.polname like 'inboxdb%' and not c.relrowsecurity
        """,
        "alter table inboxdb.job_status disable row level security",
    ),
    "row-level security without a policy": (
        f"""
        select c.oid::regclass::text from pg_class as c
        where c.relnamespace in {OURS} and c.relrowsecurity
          and not exists (select from pg_policy as p where p.polrelid = c.oid)
        """,
        "drop policy inboxdb_member on inboxdb.cache_version",
    ),
    "several permissive policies for the same role and command": (
        """
        select p.polrelid::regclass::text from pg_policy as p
        join pg_policy as q on p.polrelid = q.polrelid and p.oid <> q.oid
        where p.polname like 'inboxdb%' and p.polpermissive and q.polpermissive
          and (p.polcmd = q.polcmd or '*' in (p.polcmd, q.polcmd))
          and (p.polroles && q.polroles or 0 = any (p.polroles || q.polroles))
        """,
        "create policy more on inboxdb.inbox_counts for select to authenticated using (false)",
    ),
    "policy by what users may change themselves": (
        """
        select p.polrelid::regclass::text from pg_policy as p
        where p.polname like 'inboxdb%' and pg_get_expr(p.polqual, p.polrelid) like '%user_metadata%'
        """,
        """
        alter policy inboxdb_member on inboxdb.job_status
        using (current_setting('request.jwt.claims')::jsonb -> 'user_metadata' ? 'admin')
        """,
    ),
    "foreign key without an index": (
        f"""
        select k.conname::text from pg_constraint as k join pg_class as c on k.conrelid = c.oid
        where c.relnamespace in {OURS} and k.contype = 'f' and not exists (
          select from pg_index as i
          where i.indrelid = k.conrelid and i.indpred is null
            and (string_to_array(i.indkey::text, ' ')::int2[])[:cardinality(k.conkey)] @> k.conkey
        )
        """,
        'alter table inboxdb.drift add foreign key (client_id) references public."Client" not valid',
    ),
    "two indexes alike": (
        """
        select min(i.indexrelid::regclass::text) from pg_index as i join pg_class as c on i.indexrelid = c.oid
        where i.indrelid in (
          select t.oid from pg_class as t
          where t.relnamespace in ('inboxdb'::regnamespace, 'public'::regnamespace)
        )
        group by i.indrelid, c.relam, i.indkey::text, i.indclass::text, i.indcollation::text, i.indoption::text,
          pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)
        having count(*) > 1
        """,
        "create index on inboxdb.workspace (client_id)",
    ),
    "table without a primary key": (
        f"""
        select c.oid::regclass::text from pg_class as c
        where c.relnamespace in {OURS} and c.relkind = 'r'
          and not exists (select from pg_index as i where i.indrelid = c.oid and i.indisprimary)
        """,
        "alter table inboxdb.run drop constraint run_pkey",
    ),
    "extension or foreign table in a schema of ours": (
        f"""
        select c.oid::regclass::text from pg_class as c where c.relnamespace in {OURS} and c.relkind in ('f', 'm')
        union all
        select e.extname::text from pg_extension as e where e.extnamespace in {OURS}
        """,
        "create materialized view inbox_api.copied as select 1 as one",
    ),
}


@pytest.fixture
def linted(database: Database) -> psycopg.Connection[Any]:
    """An installation with policies on "Lead", too."""
    database.connect().execute('grant select on public."Lead" to authenticated')
    access.turn_on(database.dsn, access.Named(trusted=["app_writer"], restricted=["authenticated"]))
    return database.superuser()


def test_lints(linted: psycopg.Connection[Any]) -> None:
    for lint, (query, fault) in LINTS.items():
        assert linted.execute(query).fetchall() == [], lint
        with linted.transaction(force_rollback=True):
            linted.execute(fault)
            assert linted.execute(query).fetchall(), f"not found: {lint}"


def test_policies_call_functions_once(linted: psycopg.Connection[Any]) -> None:
    """In a sub-select, which is an InitPlan; outside, a function would be called for each row."""
    conditions = linted.execute(
        """
        select pg_get_expr(e.condition, p.polrelid)
        from pg_policy as p, lateral (values (p.polqual), (p.polwithcheck)) as e (condition)
        where p.polname like 'inboxdb%' and e.condition is not null
        """
    ).fetchall()
    assert len(conditions) > 3
    assert "has(" in without_selects("client_id = ANY (ARRAY( SELECT inboxdb.f(1))) AND inboxdb.has(client_id)")
    for (condition,) in conditions:
        assert "inboxdb." in condition or condition == "true"
        assert not re.search(r"[a-z_]\(", without_selects(condition)), condition


def without_selects(condition: str) -> str:
    """Leave out every sub-select."""
    before, select, rest = condition.partition("( SELECT")
    depth = 1 if select else 0
    while depth:
        depth += {"(": 1, ")": -1}.get(rest[0], 0)
        rest = rest[1:]
    return before + (without_selects(rest) if select else "")


def test_functions_without_a_search_path(linted: psycopg.Connection[Any]) -> None:
    """docs/security.md names each, with the reason."""
    found = linted.execute(
        f"""
        select distinct format('%s.%s', p.pronamespace::regnamespace, p.proname) from pg_proc as p
        where p.pronamespace in {OURS}
          and not exists (select from unnest(p.proconfig) as c where c like 'search_path=%')
        """
    )
    section = SECURITY.partition("### Functions without a search_path")[2].partition("\n## ")[0]
    assert sorted(name for (name,) in found) == sorted(set(re.findall(r"`(inbox(?:db|_api)\.\w+)`", section)))


EVERY_TABLE = """
create function public.ensure_rls() returns event_trigger language plpgsql as $$
declare made record;
begin
  for made in select * from pg_event_trigger_ddl_commands() where object_type in ('table', 'partitioned table') loop
    execute format('alter table %s enable row level security', made.object_identity);
  end loop;
end
$$;
create event trigger ensure_rls on ddl_command_end when tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')
execute function public.ensure_rls()
"""


def test_event_trigger_for_row_level_security(bare_database: Database) -> None:
    """A managed host's, on every new table, ours and the ledger's included: nothing is hidden from their owner."""
    superuser = bare_database.superuser()
    superuser.execute(EVERY_TABLE)
    superuser.execute(f"create temporary table seen (id text); grant create on schema public to {OWNER}")
    migrate.apply(bare_database.dsn)
    protected = "select count(*) from pg_class where relnamespace = 'inboxdb'::regnamespace and relrowsecurity"
    [(number,)] = superuser.execute(protected).fetchall()
    assert number > 15

    host = Host(bare_database.writer())
    workspace = host.workspace()
    host.ai_sent(host.lead(workspace))
    assert drain(bare_database.dsn).failed == 0
    assert workspace in stored_counts(bare_database.connect())
    assert status.read(bare_database.connect(MONITOR)).dirty_workspaces == 0
    assert migrate.apply(bare_database.dsn) == []
    assert not repair.verify(bare_database.dsn).findings
    assert not repair.verify(bare_database.dsn, repair=True).findings
    assert superuser.execute(protected).fetchall() == [(number,)]

    # FORCE binds the owner: a difference, and mended
    superuser.execute("alter table inboxdb.counted_lead force row level security")
    [finding] = repair.verify(bare_database.dsn).findings
    assert "no force row level security" in finding.command
    assert repair.verify(bare_database.dsn, repair=True).healthy
    assert not repair.verify(bare_database.dsn).findings

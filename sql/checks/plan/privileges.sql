-- Looks for: rights missing to this role for the pending migrations.
-- Evidence: the catalog, readable by everybody.
-- Reads the locks in inboxdb.plan, because each lock stands for a statement. SHARE UPDATE EXCLUSIVE: CREATE INDEX, for
-- the table's owner with CREATE on the schema; SHARE ROW EXCLUSIVE: CREATE TRIGGER; ACCESS SHARE: reading, as done
-- later by the new functions with this role's rights.
with plan (wanted) as (
  select pg_catalog.current_setting('inboxdb.plan')::jsonb
),

touched as (
  select
    l.migration, l.mode, c.oid, c.relnamespace, c.relowner,
    pg_catalog.format('%I.%I', n.nspname, c.relname) as table_name
  from plan as p
  cross join
    lateral pg_catalog.jsonb_to_recordset(p.wanted -> 'locks') as l (migration text, host_table text, mode text)
  inner join pg_catalog.pg_namespace as n on n.nspname = 'public'
  inner join pg_catalog.pg_class as c
    on n.oid = c.relnamespace and l.host_table = pg_catalog.format('%I.%I', n.nspname, c.relname)
),

judged (severity, migration, evidence, remedy) as (
  select
    'obstacle', null::text,
    pg_catalog.format('role %I may not create a schema in database %I', current_user, pg_catalog.current_database()),
    pg_catalog.format('`grant create on database %I to %I`', pg_catalog.current_database(), current_user)
  where not pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create')
  union all
  select
    'obstacle', t.migration,
    pg_catalog.format(
      'role %I does not own %s, which belongs to %I', current_user, t.table_name, pg_catalog.pg_get_userbyid(t.relowner)
    ),
    pg_catalog.format(
      'apply as %1$I, or `grant %1$I to %2$I`', pg_catalog.pg_get_userbyid(t.relowner), current_user
    )
  from touched as t
  where t.mode = 'SHARE UPDATE EXCLUSIVE'
    and not pg_catalog.pg_has_role(t.relowner, 'usage')
  union all
  select distinct
    'obstacle', t.migration,
    pg_catalog.format('role %I may not create an index in schema %s', current_user, t.relnamespace::regnamespace),
    pg_catalog.format('`grant create on schema %s to %I`', t.relnamespace::regnamespace, current_user)
  from touched as t
  where t.mode = 'SHARE UPDATE EXCLUSIVE'
    and not pg_catalog.has_schema_privilege(t.relnamespace, 'create')
  union all
  -- the first of the migrations making triggers on the table
  select
    'obstacle', pg_catalog.min(t.migration),
    pg_catalog.format('role %I may not create triggers on %s', current_user, t.table_name),
    pg_catalog.format('apply as %I, who owns it', pg_catalog.pg_get_userbyid(t.relowner))
  from touched as t
  where t.mode = 'SHARE ROW EXCLUSIVE'
    and not pg_catalog.has_table_privilege(t.oid, 'trigger')
  group by t.table_name, t.relowner
  union all
  select
    'warning', pg_catalog.min(t.migration),
    pg_catalog.format('role %I does not own %s, so it could not undo this', current_user, t.table_name),
    pg_catalog.format('apply as %I, who owns it', pg_catalog.pg_get_userbyid(t.relowner))
  from touched as t
  where t.mode = 'SHARE ROW EXCLUSIVE'
    and pg_catalog.has_table_privilege(t.oid, 'trigger')
    and not pg_catalog.pg_has_role(t.relowner, 'usage')
  group by t.table_name, t.relowner
  union all
  -- the first of the migrations reading the table
  select
    'warning', pg_catalog.min(t.migration),
    pg_catalog.format('role %I may not read %s, so nothing could be counted', current_user, t.table_name),
    pg_catalog.format('`grant select on %s to %I`', t.table_name, current_user)
  from touched as t
  where t.mode = 'ACCESS SHARE'
    and not pg_catalog.has_table_privilege(t.oid, 'select')
  group by t.table_name
  union all
  select
    'warning', pg_catalog.min(t.migration),
    pg_catalog.format(
      'row-level security hides rows of %s from role %I, so nothing could be counted', t.table_name, current_user
    ),
    pg_catalog.format('`alter table %s no force row level security`, or give the role BYPASSRLS', t.table_name)
  from touched as t
  where t.mode = 'ACCESS SHARE'
    and pg_catalog.row_security_active(t.oid)
  group by t.table_name
)

select j.severity, j.migration, j.evidence, j.remedy
from judged as j
order by j.migration nulls first, j.evidence;

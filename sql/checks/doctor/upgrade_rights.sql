-- Looks for: what upgrades, repairs and row-level security need of the role as which inboxdb works, and counting does
-- not: the host's tables, CREATE in our schemas, the languages.
-- Why: `migrate apply` and `migrate verify --repair` would stop half way.
-- Evidence: the catalog, readable by everybody.
-- Source of the rule: sql/, whose functions are DEFINER or called by DEFINER functions; docs/operations.md, Owners and
-- rights. Also read by `migrate plan`, and by every command that is refused with 42501.
with ours (oid, nspname, nspowner) as (
  select n.oid, n.nspname, n.nspowner from pg_catalog.pg_namespace as n
  where n.nspname in ('inboxdb', 'inbox_api')
),

routine (oid, proowner) as (
  select p.oid, p.proowner
  from pg_catalog.pg_proc as p
  inner join ours as o on p.pronamespace = o.oid
),

-- whoever owns most functions: one object, and be it a schema, may be somebody else's by now
acting (oid, rolname) as (
  select r.oid, pg_catalog.quote_ident(r.rolname)
  from pg_catalog.pg_roles as r
  where r.oid = (
      select pg_catalog.mode() within group (order by p.proowner) from routine as p
    )
),

host (table_name, relowner) as (
  select pg_catalog.format('public.%I', c.relname), c.relowner
  from pg_catalog.pg_class as c
  where c.relnamespace = pg_catalog.to_regnamespace('public') and c.relname in ('Client', 'Lead', 'AIDraft', 'Message')
),

found (place, severity, evidence, remedy) as (
  select
    1, 'warning',
    pg_catalog.format(
      'role %s, as which inboxdb works, does not own %s: upgrades, repairs and row-level security need its owner',
      a.rolname, u.table_name
    ),
    pg_catalog.format(
      '`alter table %s owner to %s`, or make that role a member of %I', u.table_name, a.rolname,
      pg_catalog.pg_get_userbyid(u.relowner)
    )
  from acting as a
  inner join host as u on not pg_catalog.pg_has_role(a.oid, u.relowner, 'usage')
  union all
  select
    2, 'warning',
    pg_catalog.format(
      'role %s, as which inboxdb works, may not create objects in schema %I: upgrades and repairs do', a.rolname,
      o.nspname
    ),
    pg_catalog.format('`grant create on schema %I to %s`', o.nspname, a.rolname)
  from acting as a
  inner join ours as o on not pg_catalog.has_schema_privilege(a.oid, o.oid, 'create')
  union all
  select
    3, 'warning',
    pg_catalog.format(
      'role %s, as which inboxdb works, may not use language %I: upgrades and repairs need it', a.rolname, l.lanname
    ),
    pg_catalog.format('`grant usage on language %I to %s`', l.lanname, a.rolname)
  from acting as a
  inner join pg_catalog.pg_language as l on l.lanname in ('sql', 'plpgsql')
  where not pg_catalog.has_language_privilege(a.oid, l.oid, 'usage')
)

select f.severity, f.evidence, f.remedy
from found as f
order by f.place, f.evidence;

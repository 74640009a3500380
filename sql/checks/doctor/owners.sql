-- Looks for: objects of inboxdb's with another owner than the others.
-- Why: nothing can be counted or noted, although the asking role lacks nothing.
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

strange (place, owner_name, object_name, statement) as (
  select
    1, pg_catalog.pg_get_userbyid(o.nspowner), pg_catalog.format('schema %I', o.nspname),
    pg_catalog.format('alter schema %I owner to %s', o.nspname, a.rolname)
  from acting as a
  inner join ours as o on a.oid <> o.nspowner
  union all
  select
    2, pg_catalog.pg_get_userbyid(c.relowner), pg_catalog.format('%I.%I', o.nspname, c.relname),
    pg_catalog.format(
      'alter %s %I.%I owner to %s', case c.relkind when 'v' then 'view' else 'table' end, o.nspname, c.relname,
      a.rolname
    )
  from acting as a
  inner join pg_catalog.pg_class as c on a.oid <> c.relowner and c.relkind in ('r', 'v')
  inner join ours as o on c.relnamespace = o.oid
  union all
  select
    3, pg_catalog.pg_get_userbyid(p.proowner), p.oid::pg_catalog.regprocedure::pg_catalog.text,
    pg_catalog.format('alter routine %s owner to %s', p.oid::pg_catalog.regprocedure, a.rolname)
  from acting as a
  inner join routine as p on a.oid <> p.proowner
)

select
  'problem' as severity,
  pg_catalog.format(
    '%s of inboxdb''s belongs to %I, not to %s, as which inboxdb works',
    pg_catalog.string_agg(s.object_name, ', ' order by s.place, s.object_name), s.owner_name, a.rolname
  ) as evidence,
  pg_catalog.format(
    '`%s`, then `inboxdb mark --all`, since changes may be lost',
    pg_catalog.string_agg(s.statement, '; ' order by s.place, s.object_name)
  ) as remedy
from strange as s
cross join acting as a
group by s.owner_name, a.rolname
order by evidence;

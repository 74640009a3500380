-- Looks for: other people's objects depending on our two schemas, or inside of them: DROP SCHEMA ... CASCADE would drop
-- them, too.
-- Returns: the description of each, by pg_describe_object. Run by `inboxdb uninstall` before anything is changed, and
-- again in the transaction dropping the schemas. Tables, views, functions and types inside are compared with
-- catalog.json instead.
with spaces as (
  select n.oid
  from pg_catalog.pg_namespace as n
  where n.nspname in ('inboxdb', 'inbox_api')
),

ours (classid, objid) as (
  select 'pg_catalog.pg_namespace'::pg_catalog.regclass, s.oid from spaces as s
  union all
  select 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid
  from pg_catalog.pg_class as c
  where c.relnamespace in (select s.oid from spaces as s)
  union all
  select 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
  from pg_catalog.pg_type as t
  where t.typnamespace in (select s.oid from spaces as s)
  union all
  select 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid
  from pg_catalog.pg_proc as p
  where p.pronamespace in (select s.oid from spaces as s) and p.prokind <> 'a'
),

-- parts of a table or domain, and their whole
part (classid, objid, holder, is_ours) as (
  select 'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid, w.ev_class, false from pg_catalog.pg_rewrite as w
  union all
  select 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid, a.adrelid, false from pg_catalog.pg_attrdef as a
  union all
  select 'pg_catalog.pg_constraint'::pg_catalog.regclass, c.oid, coalesce(nullif(c.conrelid, 0), c.contypid), false
  from pg_catalog.pg_constraint as c
  union all
  select
    'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid, t.tgrelid,
    pg_catalog.starts_with(t.tgname, 'inboxdb_note_')
  from pg_catalog.pg_trigger as t
  union all
  select
    'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, p.polrelid,
    p.polname in ('inboxdb_member', 'inboxdb_members_only')
  from pg_catalog.pg_policy as p
)

select distinct pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) as dependent
from pg_catalog.pg_depend as d
inner join ours as o on d.refclassid = o.classid and d.refobjid = o.objid
left join part as p on d.classid = p.classid and d.objid = p.objid
where d.deptype = 'n'
  and not exists (
    select from ours as own
    where own.classid = d.classid and own.objid = d.objid
  )
  and coalesce(
    not p.is_ours and not exists (
      select from ours as own
      where own.objid = p.holder
    ), true
  )
order by dependent;

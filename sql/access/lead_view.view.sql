create or replace view inboxdb.lead_view as
-- The host's views, directly or through others, reading "Lead" with the view owner's rights, and materialized views,
-- each a copy: row-level security on "Lead" does not bind their readers.
with recursive host_view (oid, relowner, relacl, is_invoker) as (
  select
    c.oid,
    c.relowner,
    c.relacl,
    coalesce(
      (
        select o.option_value::boolean
        from pg_catalog.pg_options_to_table(c.reloptions) as o
        where o.option_name = 'security_invoker'
      ), false
    )
  from pg_catalog.pg_class as c
  where c.relkind in ('v', 'm') and c.relnamespace <> pg_catalog.to_regnamespace('inboxdb')
),

reads (view_oid, read_oid) as (
  select distinct
    w.ev_class,
    d.refobjid
  from pg_catalog.pg_depend as d
  inner join pg_catalog.pg_rewrite as w on d.objid = w.oid
  where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.refobjid <> w.ev_class
),

reader (view_oid, is_past) as (
  select
    v.oid,
    not v.is_invoker
  from reads as r
  inner join host_view as v on r.view_oid = v.oid
  where r.read_oid = pg_catalog.to_regclass('public."Lead"')
  union
  select
    v.oid,
    below.is_past or not v.is_invoker
  from reader as below
  inner join reads as r on below.view_oid = r.read_oid
  inner join host_view as v on r.view_oid = v.oid
)

select
  v.oid::regclass::text as view_name,
  (
    select
      pg_catalog.string_agg(
        distinct case e.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(e.grantee)::text end, ', '
      )
    from (
      select v.relacl as acl
      union all
      select a.attacl
      from pg_catalog.pg_attribute as a
      where a.attrelid = v.oid
    ) as given
    cross join lateral pg_catalog.aclexplode(given.acl) as e
    where e.grantee <> v.relowner and e.privilege_type = 'SELECT'
  ) as readers
from host_view as v
where exists (
    select
    from reader as r
    where r.view_oid = v.oid and r.is_past
  );

comment on view inboxdb.lead_view is
'Views through which "Lead" is read past the policies; readers: roles other than the owner.';

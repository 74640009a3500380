create view inboxdb.lead_view as
-- Views of the host's that read "Lead" with their owner's rights, and materialized views, which keep a copy: row-level
-- security does not bind whoever reads those.
select distinct
  c.oid::regclass::text as view_name,
  (
    select
      pg_catalog.string_agg(
        distinct case e.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(e.grantee)::text end, ', '
      )
    from pg_catalog.aclexplode(c.relacl) as e
    where e.grantee <> c.relowner and e.privilege_type = 'SELECT'
  ) as readers
from pg_catalog.pg_depend as d
inner join pg_catalog.pg_rewrite as w on d.objid = w.oid
inner join pg_catalog.pg_class as c on w.ev_class = c.oid
where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
  and d.refobjid = pg_catalog.to_regclass('public."Lead"')
  and c.relnamespace <> pg_catalog.to_regnamespace('inboxdb')
  and c.relkind in ('v', 'm')
  and not coalesce(
    pg_catalog.lower(c.reloptions::text)::text[] && array['security_invoker=true', 'security_invoker=on'], false
  );

comment on view inboxdb.lead_view is
'Views through which "Lead" is read past its policies; readers: roles other than the owner.';

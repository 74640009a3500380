create or replace view inboxdb.lead_right as
-- Roles with rights on "Lead", and whether row-level security binds them. Policies bind rights on rows only: TRUNCATE,
-- and triggers running as the writer, go past every policy. Rights inherited from a listed role are not listed again.
with lead as (
  select c.oid, c.relowner, c.relacl
  from pg_catalog.pg_class as c
  where c.oid = pg_catalog.to_regclass('public."Lead"')
),

given (holder, privilege) as (
  select e.grantee, e.privilege_type
  from lead as l
  cross join lateral pg_catalog.aclexplode(coalesce(l.relacl, pg_catalog.acldefault('r', l.relowner))) as e
  union
  select e.grantee, e.privilege_type
  from lead as l
  inner join pg_catalog.pg_attribute as a on l.oid = a.attrelid
  cross join lateral pg_catalog.aclexplode(a.attacl) as e
  union
  -- predefined roles: rights on every table, without a grant on "Lead"
  select r.oid, p.privilege
  from (
    values
    ('pg_read_all_data', 'SELECT'),
    ('pg_write_all_data', 'INSERT'),
    ('pg_write_all_data', 'UPDATE'),
    ('pg_write_all_data', 'DELETE')
  ) as p (role_name, privilege)
  inner join pg_catalog.pg_roles as r on p.role_name = r.rolname
  where r.oid in (select m.roleid from pg_catalog.pg_auth_members as m)
)

select
  case g.holder when 0 then 'public' else r.rolname::text end as role_name,
  pg_catalog.lower(
    pg_catalog.string_agg(g.privilege, ', ' order by g.privilege)
    filter (where g.privilege in ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))
  ) as rights,
  pg_catalog.lower(
    pg_catalog.string_agg(g.privilege, ', ' order by g.privilege)
    filter (where g.privilege not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))
  ) as unbound_rights,
  coalesce(r.rolbypassrls or pg_catalog.pg_has_role(r.oid, l.relowner, 'usage'), false) as bypasses,
  exists (
    select
    from inboxdb.lead_policy as p
    cross join lateral pg_catalog.unnest(p.bound_roles) as bound (role_oid)
    where p.is_permissive
      and p.command in ('all', 'select')
      and (bound.role_oid = 0 or coalesce(pg_catalog.pg_has_role(r.oid, bound.role_oid, 'usage'), false))
  ) as has_host_policy,
  (
    -- a policy TO public binds everybody; a role trusted besides sees every row, because policies are ORed
    select pg_catalog.max(case p.polname when 'inboxdb_trusted' then 'trusted' else 'restricted' end)
    from pg_catalog.pg_policy as p
    where p.polrelid = l.oid
      and p.polname in ('inboxdb_trusted', 'inboxdb_member')
      and array[g.holder, 0] && p.polroles
  ) as named
from lead as l
cross join given as g
left join pg_catalog.pg_roles as r on g.holder = r.oid
group by g.holder, r.oid, r.rolname, r.rolbypassrls, l.oid, l.relowner;

comment on view inboxdb.lead_right is
'Roles with rights on "Lead". rights: those bound by policies; unbound_rights: those that no policy binds. bypasses: '
'the owner, superusers and BYPASSRLS, bound by no policy at all. has_host_policy: a policy of the host''s lets the '
'role read rows. named: trusted or restricted, where protect_leads was told.';

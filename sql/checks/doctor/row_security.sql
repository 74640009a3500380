-- Looks for: row-level security turned off, on our tables, or on "Lead" although decided on; a foreign policy on our
-- tables, since policies are ORed; a restricted role bound by no policy.
-- Why: tenants see each other's rows.
-- Evidence: the catalog, and lead_rls_state(), for inboxdb_monitor too.
-- Source of the rule: sql/access/, docs/security.md; "Row Security Policies" in PostgreSQL's manual.
with ours (oid, relname, relowner, relrowsecurity) as (
  select c.oid, c.relname, c.relowner, c.relrowsecurity
  from pg_catalog.pg_class as c
  where c.relnamespace = pg_catalog.to_regnamespace('inboxdb')
    and c.relname in ('inbox_counts', 'cache_version', 'job_status')
)

select
  'problem' as severity,
  pg_catalog.format('row-level security is off on inboxdb.%I', o.relname) as evidence,
  pg_catalog.format('`alter table inboxdb.%I enable row level security`', o.relname) as remedy
from ours as o
where not o.relrowsecurity
union all
select
  'problem' as severity,
  pg_catalog.format('policy %I on inboxdb.%I is not inboxdb''s, and shows rows beside ours', p.polname, o.relname)
    as evidence,
  pg_catalog.format('`drop policy %I on inboxdb.%I`', p.polname, o.relname) as remedy
from ours as o
inner join pg_catalog.pg_policy as p on o.oid = p.polrelid
where p.polname <> 'inboxdb_member' and p.polpermissive
union all
select
  'problem' as severity,
  pg_catalog.format(
    'role %I, which is to see what the signed-in user may, sees every lead as %I, which is trusted',
    pg_catalog.pg_get_userbyid(bound.role_oid), pg_catalog.pg_get_userbyid(past.role_oid)
  ) as evidence,
  pg_catalog.format(
    '`revoke %I from %I`, or from the role between', pg_catalog.pg_get_userbyid(past.role_oid),
    pg_catalog.pg_get_userbyid(bound.role_oid)
  ) as remedy
from pg_catalog.pg_policy as m
cross join lateral pg_catalog.unnest(m.polroles) as bound (role_oid)
inner join pg_catalog.pg_policy as t on m.polrelid = t.polrelid and t.polname = 'inboxdb_trusted'
cross join lateral pg_catalog.unnest(t.polroles) as past (role_oid)
where m.polname = 'inboxdb_member'
  and m.polrelid = pg_catalog.to_regclass('public."Lead"')
  and bound.role_oid <> 0
  and past.role_oid <> 0
  and pg_catalog.pg_has_role(bound.role_oid, past.role_oid, 'usage')
union all
select
  case s.state when 'drifted' then 'problem' else 'note' end as severity,
  case
    when s.state = 'undecided' then 'row-level security on "Lead" is not decided'
    when c.relrowsecurity then 'roles with rights on "Lead" are named neither trusted nor restricted'
    else 'row-level security on "Lead" is off, though it was turned on'
  end as evidence,
  case
    when s.state = 'undecided'
      then 'see `inboxdb rls plan`; then `inboxdb rls on`, naming each role, or `inboxdb rls off`'
    when c.relrowsecurity then 'see `inboxdb rls plan`, then `inboxdb rls on`, naming each role'
    else '`alter table public."Lead" enable row level security`, and find out who turned it off'
  end as remedy
from inboxdb.lead_rls_state() as s (state)
left join pg_catalog.pg_class as c on c.oid = pg_catalog.to_regclass('public."Lead"')
where s.state in ('drifted', 'undecided')
union all
select
  'problem' as severity,
  pg_catalog.format(
    'no policy binds role %I, which is to see what the signed-in user may: %s', r.rolname,
    case
      when r.rolsuper then 'it is a superuser'
      when r.rolbypassrls then 'it has BYPASSRLS'
      else 'it is a member of the owner'
    end
  ) as evidence,
  case
    when r.rolsuper then pg_catalog.format('`alter role %I nosuperuser nobypassrls`', r.rolname)
    when r.rolbypassrls then pg_catalog.format('`alter role %I nobypassrls`', r.rolname)
    else 'revoke the owner''s role from it, or from the role between'
  end as remedy
from pg_catalog.pg_roles as r
where (
  r.rolname in ('anon', 'authenticated')
  or r.oid in (
    select bound.oid
    from pg_catalog.pg_policy as p
    cross join lateral pg_catalog.unnest(p.polroles) as bound (oid)
    where p.polname = 'inboxdb_member' and p.polrelid = pg_catalog.to_regclass('public."Lead"')
  )
)
and (
  r.rolbypassrls
  or pg_catalog.pg_has_role(r.oid, (
    select o.relowner from ours as o
    where o.relname = 'inbox_counts'
  ), 'usage')
);

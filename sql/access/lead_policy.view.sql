create or replace view inboxdb.lead_policy as
-- The host's own policies on "Lead". Permissive policies are ORed: a row let through by the host's or by ours is seen.
select
  p.polname::text as policy_name,
  case p.polcmd
    when '*' then 'all' when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' else 'delete'
  end as command,
  p.polpermissive as is_permissive,
  p.polroles as bound_roles
from pg_catalog.pg_policy as p
where p.polrelid = pg_catalog.to_regclass('public."Lead"') and p.polname not in ('inboxdb_trusted', 'inboxdb_member');

comment on view inboxdb.lead_policy is 'The host''s own policies on "Lead".';

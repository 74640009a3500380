create or replace view inboxdb.member_access as
-- Who sees what, defined here alone: a member's highest role decides; the owner needs no membership. Roles unknown here
-- give no access.
select
  m.client_id,
  m.user_id,
  -- OWNER = ADMIN > INBOX_MANAGER > SETTER > CLIENT_PORTAL; setters alone see less than the whole workspace
  pg_catalog.bool_or(m.member_role in ('OWNER', 'ADMIN', 'INBOX_MANAGER'))
  or not pg_catalog.bool_or(m.member_role = 'SETTER')
    as sees_whole
from (
  select c.id as client_id, c."userId" as user_id, 'OWNER' as member_role
  from public."Client" as c
  union all
  select m."clientId", m."userId", m.role::text
  from public."ClientMember" as m
  where m.role::text in ('ADMIN', 'INBOX_MANAGER', 'SETTER', 'CLIENT_PORTAL')
) as m
group by m.client_id, m.user_id;

comment on view inboxdb.member_access is
'Users and the workspaces they have access to; sees_whole is false for a setter, who sees only their own leads.';

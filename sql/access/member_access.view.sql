create or replace view inboxdb.member_access as
-- Who sees what: a member's highest role decides (role_rank); the owner needs no membership. require_access answers
-- the same for one user and workspace, in fewer steps.
select
  m.client_id,
  m.user_id,
  pg_catalog.max(m.role_rank) <> inboxdb.role_rank('SETTER') as sees_whole
from (
  select c.id as client_id, c."userId" as user_id, inboxdb.role_rank('OWNER') as role_rank
  from public."Client" as c
  union all
  select m."clientId", m."userId", inboxdb.role_rank(m.role::text) as role_rank
  from public."ClientMember" as m
) as m
where m.role_rank is not null
group by m.client_id, m.user_id;

comment on view inboxdb.member_access is
'Users and the workspaces they have access to; sees_whole is false for a setter, who sees only their own leads.';

alter table inboxdb.job_status enable row level security;

create policy inboxdb_member on inboxdb.job_status
for select
using (client_id = any (array(select inboxdb.member_workspaces())));

comment on policy inboxdb_member on inboxdb.job_status is 'Members see their workspaces, setters too.';

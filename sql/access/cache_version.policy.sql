alter table inboxdb.cache_version enable row level security;

create policy inboxdb_member on inboxdb.cache_version
for select
using (client_id = any (array(select inboxdb.member_workspaces())));

comment on policy inboxdb_member on inboxdb.cache_version is 'Members see their workspaces, setters too.';

alter table inboxdb.inbox_counts enable row level security;

-- Uncorrelated sub-selects run once per query, not once per row; an index can answer the first condition (D51).
create policy inboxdb_member on inboxdb.inbox_counts
for select
using (
  client_id = any (array(select inboxdb.member_workspaces()))
  and (
    client_id <> all (array(select inboxdb.setter_workspaces()))
    or scope_user_id = (select inboxdb.current_user_id())
  )
);

comment on policy inboxdb_member on inboxdb.inbox_counts is
'Members see every row of their workspace, setters only their own.';

alter table inboxdb.inbox_counts enable row level security;

-- Each sub-select is uncorrelated, so it runs once per query and not once per row; the first condition can be looked up
-- in an index.
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
'Members see every row of their workspace, setters just their own.';

create or replace function inboxdb.renew_analytics(old_number integer) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: have a workspace's aggregates built anew, under another number. The rows of the old number are out of use
--   from now on, and deleted bit by bit by keep_analytics.
-- Parameters: old_number, of the workspace, which the caller has locked.
-- Writes: analytics_workspace.
-- INVOKER: called by keep_analytics and refresh_analytics only.
declare
  renewed inboxdb.client_id;
begin
  update inboxdb.analytics_workspace as w
  set client_id = null, due_at = 'infinity'
  from (select k.client_id from inboxdb.analytics_workspace as k where k.number = old_number) as was
  where w.number = old_number
  returning was.client_id into renewed;
  insert into inboxdb.analytics_workspace (client_id, due_at) values (renewed, inboxdb.clock());
end
$$;

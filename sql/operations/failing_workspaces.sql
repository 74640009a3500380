create or replace function inboxdb.failing_workspaces()
returns table (
  client_id inboxdb.client_id, attempts integer, next_attempt_at timestamptz, last_error text,
  quarantined_at timestamptz
)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: the workspaces whose last attempt failed, the longest dirty first.
  -- Returns: the workspace; its claims since it became dirty; when the next attempt is due (infinity: only after a
  --   requeue); SQLSTATE and our own sentence; since when quarantined, null if not.
  -- Reads: inbox_counts_dirty.
  -- DEFINER: roles of drains and of monitoring may not read the work list.
  select d.client_id, d.attempts, d.next_attempt_at, d.last_error, d.quarantined_at
  from inboxdb.inbox_counts_dirty as d
  where d.last_error is not null
  order by d.dirty_since, d.client_id
$$;

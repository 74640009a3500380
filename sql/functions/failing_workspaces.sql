create function inboxdb.failing_workspaces()
returns table (client_id inboxdb.client_id, attempts integer, next_attempt_at timestamptz, last_error text)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: the workspaces whose last attempt failed, those longest behind first.
  -- Returns: the workspace; how often it was claimed since it became dirty; when it is tried again; SQLSTATE and our
  --   own sentence.
  -- Reads: inbox_counts_dirty.
  -- DEFINER: neither the drain nor who watches it may read the work list.
  select d.client_id, d.attempts, d.next_attempt_at, d.last_error
  from inboxdb.inbox_counts_dirty as d
  where d.last_error is not null
  order by d.dirty_since, d.client_id
$$;

create or replace function inboxdb.begin_walk(target_number integer) returns boolean
language sql volatile
set search_path = ''
as $$
  -- Purpose: begin the walk of a workspace that was never walked through, or a day ago; not before the counts know its
  --   leads, and not while another is under way.
  -- Parameters: target_number, of the workspace, which the caller has locked.
  -- Returns: true where a walk began, else null.
  -- Reads: workspace. Writes: analytics_workspace.
  -- INVOKER: called by refresh_analytics only.
  update inboxdb.analytics_workspace as w
  set walk_began_at = inboxdb.clock(), walked_to = ''
  where w.number = target_number
    and w.walk_began_at is null
    and coalesce(w.walked_at not between inboxdb.clock() - interval '1 day' and inboxdb.clock(), true)
    and exists (
      select from inboxdb.workspace as k where k.client_id = w.client_id and k.definitions is not null
    )
  returning true
$$;

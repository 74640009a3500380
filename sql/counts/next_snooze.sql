create or replace function inboxdb.next_snooze(this_workspace integer, as_of timestamptz) returns timestamptz
language sql stable
set search_path = ''
-- as refresh_workspace
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
  -- Purpose: when the first of a workspace's snoozes runs out. Call it after the statement that remembers its leads,
  --   which does not see what it wrote.
  -- Parameters: this_workspace, its number; as_of, after which: what a held snapshot keeps of those that ended is not
  --   visited.
  -- Returns: the instant; null for never.
  -- Reads: counted_lead, by an index.
  -- INVOKER: called by apply_changes and store_counts only.
  select k.hidden_until
  from inboxdb.counted_lead as k
  where k.workspace = this_workspace and k.hidden_until > as_of and k.hidden_until < 'infinity'
  order by k.workspace, k.hidden_until
  limit 1
$$;

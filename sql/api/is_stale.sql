create or replace function inboxdb.is_stale(dirty_since timestamptz, collected_at timestamptz) returns boolean
language sql volatile
as $$
  -- Purpose: whether counts are older than promised.
  -- Parameters: dirty_since, when the oldest change was noted that waits, null for none; collected_at, when a collector
  --   last looked, null where none ever did.
  -- Returns: true where a change waits for too long, or nobody has looked for as long.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: called by read_inbox_counts only.
  select
    coalesce(dirty_since < inboxdb.clock() - inboxdb.promised_freshness(), false)
    or coalesce(collected_at < pg_catalog.clock_timestamp() - inboxdb.promised_freshness(), true)
$$;

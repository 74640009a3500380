create or replace function inboxdb.promised_freshness() returns interval
language sql immutable
set search_path = ''
as $$
  -- Purpose: how long a change may wait to be counted: beyond, counts are stale, and a workspace is late.
  -- Returns: 15 seconds.
  -- INVOKER: reads nothing.
  select interval '15 seconds'
$$;

create or replace function inboxdb.definitions() returns text
language sql immutable parallel safe
set search_path = ''
as $$
  -- Purpose: the hash of the definitions of the counts: workspaces counted by other definitions are recounted (D27).
  -- Returns: the first eight digits of the MD5 of the sources of lead_now and kind_now, and of whatever they name, one
  --   after the other; `make migration` writes the digits, and tests/test_sources.py holds them to that.
  -- INVOKER: reads nothing.
  select '331e985a'
$$;

create or replace function inboxdb.must_compare() returns boolean
language sql stable
set search_path = ''
as $$
  -- Purpose: whether the host has BEFORE UPDATE row triggers on "Lead", which may change a counted column not named by
  --   an UPDATE: no trigger with a list of columns fires for that (D121).
  -- Returns: true or false. The text is also run as a query by inboxdb/install/differences.py.
  -- Reads: the system catalog.
  -- INVOKER: called by arrange_triggers, and in view update_trigger.
  select exists (
    select
    from pg_catalog.pg_trigger as t
    where t.tgrelid = pg_catalog.to_regclass('public."Lead"')
      -- row, before, update
      and t.tgtype & 19 = 19
      and t.tgenabled in ('O', 'A')
  )
$$;

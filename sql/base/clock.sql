create or replace function inboxdb.clock() returns timestamptz
language sql volatile
as $$
  -- Purpose: the time, read here alone, so that a test can move the clock by replacing this function.
  -- Returns: the wall clock, not the start of the transaction.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select pg_catalog.clock_timestamp()
$$;

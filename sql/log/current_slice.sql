create or replace function inboxdb.current_slice() returns integer
language sql volatile parallel safe
as $$
  -- Purpose: which of the four slices of the change log takes changes now. Chosen by the clock, so that writers agree
  --   without sharing any state; a slice is in use for 20 seconds and out of use for 60.
  -- Returns: 0 to 3.
  -- Inlined into each writer's insert, hence no search_path of its own. Tests shorten the 20.
  -- INVOKER: reads nothing.
  select (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::bigint / 20 % 4)::integer
$$;

create or replace function inboxdb.current_slice() returns integer
language sql volatile parallel safe
as $$
  -- Purpose: the slice of the change log in use now, chosen by the clock, so that writers agree without sharing state.
  --   A slice is in use for 20 seconds and out of use for 60 (D6).
  -- Returns: 0 to 3.
  -- Inlined into each writer's insert, hence no search_path of its own. Tests shorten the 20.
  -- INVOKER: reads nothing.
  select (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::bigint / 20 % 4)::integer
$$;

create or replace function inboxdb.local_day(instant timestamptz, time_zone text) returns date
language sql immutable parallel safe
as $$
  -- Purpose: the day of an instant that a window may ask for: the local date (D141).
  -- Parameters: instant, time_zone.
  -- Returns: the day; null for infinite and null instants, and for days before 0001-01-01 and after 9999-12-31.
  -- The bounds first, because the local time of an instant at the end of all time is an error.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case
    when instant >= '0001-01-03 00:00:00+00' and instant < '9999-12-30 00:00:00+00'
      then (instant at time zone time_zone)::pg_catalog.date
  end
$$;

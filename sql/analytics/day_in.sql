create or replace function inboxdb.day_in(asked inboxdb.analytics_window, instant timestamptz) returns date
language sql immutable parallel safe
as $$
  -- Purpose: the day of an instant, known here alone: the local date in the window's time zone (D141).
  -- Parameters: asked, the window; instant.
  -- Returns: the day; null outside the window, and for infinite and null instants.
  -- The bounds first, because the local time of an instant at the end of all time is an error.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case
    when instant >= asked.not_before and instant < asked.before
      and (instant at time zone asked.time_zone)::pg_catalog.date between asked.from_day and asked.to_day
      then (instant at time zone asked.time_zone)::pg_catalog.date
  end
$$;

create or replace function inboxdb.office_us(local_time timestamp) returns bigint
language sql immutable parallel safe
as $$
  -- Purpose: how much of a calendar's business hours, Monday to Friday, 9 to 17, lies before a local time.
  -- Parameters: local_time.
  -- Returns: microseconds since Monday, 2000-01-03; negative before.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select
    -- whole weeks, rounded down, and whole days of the week begun
    (
      pg_catalog.floor((local_time::pg_catalog.date - '2000-01-03'::pg_catalog.date) / 7.0)::bigint * 5
      + least((extract(isodow from local_time) - 1)::integer, 5)
    ) * 28800000000
    + case
      when extract(isodow from local_time) <= 5
        then least(
          greatest((pg_catalog.date_part('epoch', local_time::pg_catalog.time) * 1000000)::bigint - 32400000000, 0),
          28800000000
        )
      else 0
    end
$$;

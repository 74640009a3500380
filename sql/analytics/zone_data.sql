create or replace function inboxdb.zone_data(time_zone text) returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: tell versions of the data of a time zone apart: by its local hour of each day of forty years.
  -- Parameters: time_zone.
  -- Returns: a hash.
  -- INVOKER: reads nothing.
  select pg_catalog.md5(
    pg_catalog.string_agg(
      pg_catalog.to_char(
        (timestamptz '2000-01-01 12:00:00+00' + d * interval '24 hours') at time zone time_zone, 'HH24MI'
      ), '' order by d
    )
  )
  from pg_catalog.generate_series(0, 14610) as d
$$;

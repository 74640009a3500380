create function inboxdb.run_id() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: which run this session drains for.
  -- Returns: the eight hexadecimal digits at the end of its application_name (but for what PgBouncer appends, where it
  --   is told to), null where there are none.
  -- INVOKER: reads a setting.
  select pg_catalog.substring(pg_catalog.current_setting('application_name'), '^inboxdb .* ([0-9a-f]{8})( - .*)?$')
$$;

create or replace function inboxdb.run_id() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: the id of the run this session belongs to (D47).
  -- Returns: the eight hexadecimal digits at the end of application_name (before the suffix PgBouncer appends if told
  --   to), null without such digits.
  -- INVOKER: reads a setting.
  select pg_catalog.substring(pg_catalog.current_setting('application_name'), '^inboxdb .* ([0-9a-f]{8})( - .*)?$')
$$;

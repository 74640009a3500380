create or replace function inboxdb.environment() returns text
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: the name of the database's environment, so that programs of other environments leave it alone.
  -- Returns: the setting environment; unnamed where nobody has set it.
  -- Reads: setting.
  -- DEFINER: roles of drains may not read it.
  select inboxdb.setting('environment')
$$;

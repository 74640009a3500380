create or replace function inboxdb.suspended_since() returns timestamptz
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: since when inboxdb is suspended for the host's own migration, so that no change is noted.
  -- Returns: when suspend_views was called first; null while not suspended.
  -- Reads: setting, by key.
  -- DEFINER: roles of drains and of monitoring may not read the settings.
  select s.setting_value::pg_catalog.timestamptz
  from inboxdb.setting as s
  where s.setting_name = 'suspended_since'
$$;

create function inboxdb.suspended_since() returns timestamptz
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: since when nothing notes changes, because the host's own migration needs its tables for itself.
  -- Returns: when suspend_views was called first; null while inboxdb is at work.
  -- Reads: setting, by key.
  -- DEFINER: who drains and who watches may not read the settings.
  select s.setting_value::pg_catalog.timestamptz
  from inboxdb.setting as s
  where s.setting_name = 'suspended_since'
$$;

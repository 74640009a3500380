create or replace function inboxdb.audit_period() returns interval
language sql stable
set search_path = ''
as $$
  -- Purpose: how long after a workspace's last audit or recount the next audit is due.
  -- Returns: the setting audit_hours.
  -- Reads: setting.
  -- INVOKER: called by our DEFINER functions only.
  select pg_catalog.make_interval(secs => s.setting_value::double precision * 3600)
  from inboxdb.setting as s
  where s.setting_name = 'audit_hours'
$$;

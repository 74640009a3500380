create or replace function inboxdb.audit_period() returns interval
language sql stable
set search_path = ''
as $$
  -- Purpose: how long after a workspace's last audit or recount the next audit is due.
  -- Returns: the setting audit_hours.
  -- Reads: setting.
  -- INVOKER: called by our DEFINER functions only.
  select pg_catalog.make_interval(secs => inboxdb.setting('audit_hours')::double precision * 3600)
$$;

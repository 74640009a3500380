create or replace function inboxdb.failing_maintenance()
returns table (item text, failed_at timestamptz, last_error text)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: the items of maintenance that failed in the last hour, for inboxdb doctor.
  -- Returns: the item, when it last failed, and the SQLSTATE.
  -- Reads: maintenance_failure.
  -- DEFINER: its callers have no rights in inboxdb.
  select f.item, f.failed_at, f.last_error
  from inboxdb.maintenance_failure as f
  where f.failed_at > inboxdb.clock() - interval '1 hour'
$$;

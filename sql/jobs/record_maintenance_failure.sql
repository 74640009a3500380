create or replace function inboxdb.record_maintenance_failure(item text, error_code text) returns void
language sql volatile
set search_path = ''
as $$
  -- Purpose: record that an item of maintenance failed, for inboxdb doctor.
  -- Parameters: item, as in view maintenance; error_code, the SQLSTATE.
  -- Writes: maintenance_failure: not waiting for another drain that writes the same row.
  -- INVOKER: called by maintain only.
  insert into inboxdb.maintenance_failure as f (item, failed_at, last_error)
  select failed.item, clock.now, failed.error_code
  from (select record_maintenance_failure.item, record_maintenance_failure.error_code) as failed
  cross join inboxdb.clock() as clock (now)
  where pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('maintenance'), pg_catalog.hashtext(failed.item))
  on conflict on constraint maintenance_failure_pkey do update
  set failed_at = excluded.failed_at, last_error = excluded.last_error
  where f.failed_at not between excluded.failed_at - interval '1 minute' and excluded.failed_at
$$;

create or replace function inboxdb.bump_versions(this_job text, target_client_id inboxdb.client_id) returns bigint
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: give a workspace new cache versions, one per family of the job, committed together with the job's work.
-- Parameters: this_job, as in view job; target_client_id; the caller holds its lock.
-- Returns: the new version of the job's first family, as new_versions.
-- Writes: cache_version; inbox_counts, where readers of counts read the version (D124).
-- INVOKER: called by job functions only, except for those that store counts, which write the version themselves.
declare
  bumped constant bigint := (
    select n.version from inboxdb.new_versions(this_job, array[target_client_id]) as n
  );
begin
  update inboxdb.inbox_counts as s
  set version = n.version
  from inboxdb.newest_version(target_client_id, 'inbox') as n
  where s.client_id = target_client_id and s.is_global and s.scope_user_id = inboxdb.sentinel()
    and s.version is distinct from n.version;
  return bumped;
end
$$;

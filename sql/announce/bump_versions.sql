create or replace function inboxdb.bump_versions(this_job text, target_client_id inboxdb.client_id) returns bigint
language sql volatile
set search_path = ''
as $$
  -- Purpose: give a workspace new cache versions, one per family of the job, committed together with the job's work.
  -- Parameters: this_job, as in view job; target_client_id; the caller holds its lock.
  -- Returns: the new version of the job's first family, as new_versions.
  -- Writes: cache_version.
  -- INVOKER: called by job functions only.
  select n.version from inboxdb.new_versions(this_job, array[target_client_id]) as n
$$;

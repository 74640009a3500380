create or replace function inboxdb.mark_all_unpublished() returns bigint
language plpgsql volatile security definer
set search_path = ''
-- refreshes hold these rows for milliseconds; a transaction left open is not waited for
set lock_timeout = '5s'
as $$
-- Purpose: have everything copied to the cache again, after a flush or a change of cache.
-- Returns: how many keys are unpublished then.
-- Errors: 55P03 where a row stayed locked for 5 seconds; then nothing was changed.
-- Writes: cache_version, job_status, in the order in which a refresh locks them.
-- DEFINER: its callers have no rights in inboxdb.
declare
  versions bigint;
  jobs bigint;
begin
  perform 1 from inboxdb.cache_version as v order by v.client_id, v.family desc for update;
  update inboxdb.cache_version as v
  set unpublished_since = coalesce(v.unpublished_since, inboxdb.clock());
  get diagnostics versions = row_count;
  update inboxdb.job_status as j
  set unpublished_since = coalesce(j.unpublished_since, inboxdb.clock());
  get diagnostics jobs = row_count;
  return versions + jobs;
end
$$;

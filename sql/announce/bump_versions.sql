create or replace function inboxdb.bump_versions(this_job text, target_client_id inboxdb.client_id) returns bigint
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: give the workspace new cache versions, one per family of the job, committed together with the job's work.
-- Parameters: this_job, as in view job; target_client_id; the caller holds its lock.
-- Returns: the new version of the job's first family: greatest(old + 1, epoch milliseconds), so that neither a restore
--   nor a workspace made anew goes back.
-- Writes: cache_version.
-- INVOKER: called by job functions only.
declare
  now pg_catalog.timestamptz := inboxdb.clock();
  epoch bigint := pg_catalog.date_part('epoch', now) * 1000;
  this_family pg_catalog.text;
  job_version bigint;
  new_version bigint;
begin
  foreach this_family in array (select j.families from inboxdb.job as j where j.job_name = this_job) loop
    update inboxdb.cache_version as v
    set
      version = greatest(v.version + 1, epoch),
      bumped_at = now,
      unpublished_since = coalesce(v.unpublished_since, now)
    where v.client_id = target_client_id and v.family = this_family
      and v.version >= (select n.version from inboxdb.newest_version(target_client_id, this_family) as n)
    returning v.version into new_version;
    if not found then
      insert into inboxdb.cache_version as v (client_id, family, version, bumped_at, unpublished_since)
      values (target_client_id, this_family, epoch, now, now)
      returning v.version into new_version;
    end if;
    job_version := coalesce(job_version, new_version);
  end loop;
  return job_version;
end
$$;

create or replace function inboxdb.new_versions(this_job text, target_client_ids inboxdb.client_id[])
returns table (client_id inboxdb.client_id, version bigint)
language plpgsql volatile
set search_path = ''
-- lookups by key: the planner knows the sizes of the array as little as that of the table
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
-- as planned after an ANALYZE, a bitmap scan would visit dead rows kept by a held snapshot
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: give workspaces new cache versions, one per family of the job, committed together with the job's work.
-- Parameters: this_job, as in view job; target_client_ids; the caller holds the lock of each.
-- Returns: each workspace, and the new version of the job's first family: greatest(old + 1, epoch milliseconds), so
--   that neither a restore nor a workspace made anew goes back.
-- Writes: cache_version.
-- A caller that does not store counts stores the version beside them: bump_versions.
-- INVOKER: called by apply_changes, bump_versions, recount_workspace, refresh_analytics, recompute_analytics,
--   collect_analytics and next_analytics only.
declare
  now pg_catalog.timestamptz := inboxdb.clock();
  epoch bigint := pg_catalog.date_part('epoch', now) * 1000;
  families pg_catalog.text[] := (select j.families from inboxdb.job as j where j.job_name = this_job);
begin
  -- first, so that a publisher confirming a row now does not leave the row at another ctid (D171)
  perform
  from pg_catalog.unnest(target_client_ids) as w (client_id)
  cross join pg_catalog.unnest(families) as f (family)
  cross join lateral (
    select v.version
    from inboxdb.cache_version as v
    where v.client_id = w.client_id and v.family = f.family
    order by v.version desc
    limit 1
    for update
  ) as locked;
  return query
  with
  present as materialized (
    select w.client_id, f.family, n.version, n.tid
    from pg_catalog.unnest(target_client_ids) as w (client_id)
    cross join pg_catalog.unnest(families) as f (family)
    left join lateral inboxdb.newest_version(w.client_id, f.family) as n on true
  ),
  bumped as (
    update inboxdb.cache_version as v
    set
      version = greatest(v.version + 1, epoch),
      bumped_at = now,
      unpublished_since = coalesce(v.unpublished_since, now)
    from present as p
    where v.ctid = p.tid
    returning v.client_id, v.family, v.version
  ),
  made as (
    insert into inboxdb.cache_version as v (client_id, family, version, bumped_at, unpublished_since)
    select p.client_id, p.family, epoch, now, now
    from present as p
    where p.version is null
    returning v.client_id, v.family, v.version
  )
  select v.client_id, v.version
  from (select b.* from bumped as b union all select m.* from made as m) as v
  where v.family = families[1];
end
$$;

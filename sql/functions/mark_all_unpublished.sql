create function inboxdb.mark_all_unpublished() returns bigint
language sql volatile security definer
set search_path = ''
as $$
  -- Purpose: have everything copied to the cache again: it was flushed, or is another one.
  -- Returns: how many rows are unpublished then. Rows that somebody is just writing will be anyway, and are not waited
  --   for.
  -- Writes: cache_version, job_status.
  -- DEFINER: its callers have no rights in inboxdb.
  with
  versions as (
    update inboxdb.cache_version as v
    set unpublished_since = inboxdb.clock()
    where (v.client_id, v.family) in (
      select locked.client_id, locked.family
      from inboxdb.cache_version as locked
      where locked.unpublished_since is null
      for update skip locked
    )
  ),
  jobs as (
    update inboxdb.job_status as j
    set unpublished_since = inboxdb.clock()
    where (j.client_id, j.job_name) in (
      select locked.client_id, locked.job_name
      from inboxdb.job_status as locked
      where locked.unpublished_since is null
      for update skip locked
    )
  )
  select
    (select pg_catalog.count(*) from inboxdb.cache_version)
    + (select pg_catalog.count(*) from inboxdb.job_status)
$$;

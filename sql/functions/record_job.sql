create function inboxdb.record_job(
  target_client_id inboxdb.client_id, started_at timestamptz, attempt_number integer, error text
) returns void
language sql volatile
set search_path = ''
as $$
  -- Purpose: keep how the last refresh of a workspace went, to be published.
  -- Parameters: target_client_id; started_at; attempt_number since the workspace became dirty; error, null for success,
  --   else SQLSTATE and our own sentence.
  -- Writes: job_status.
  -- INVOKER: called by the drain's functions only.
  with
  this_run as materialized (
    select
      clock.now as finished_at,
      case when error is null then 'succeeded' else 'failed' end as status,
      pg_catalog.date_part('epoch', clock.now - started_at) * 1000 as duration_ms,
      inboxdb.run_id() as run_id,
      (
        select j.last_started_at
        from inboxdb.job_status as j
        where j.client_id = target_client_id and j.job_name = 'recompute-inbox-counts'
        order by j.last_started_at desc
        limit 1
      ) as newest
    from inboxdb.clock() as clock (now)
  ),
  updated as (
    update inboxdb.job_status as j
    set
      last_started_at = started_at,
      last_finished_at = r.finished_at,
      last_status = r.status,
      last_error = error,
      duration_ms = r.duration_ms,
      attempt = attempt_number,
      run_id = r.run_id,
      unpublished_since = coalesce(j.unpublished_since, r.finished_at)
    from this_run as r
    -- as bump_versions does
    where j.client_id = target_client_id and j.job_name = 'recompute-inbox-counts'
      and j.last_started_at >= (select t.newest from this_run as t)
      -- as in the cache: a failure that is recorded late does not hide what came of a later start, unless a clock that
      -- was ahead recorded that
      and (j.last_started_at <= started_at or j.last_started_at > r.finished_at)
  )
  insert into inboxdb.job_status (
    job_name, client_id, last_started_at, last_finished_at, last_status, last_error, duration_ms, attempt,
    run_id, unpublished_since
  )
  select
    'recompute-inbox-counts', target_client_id, started_at, r.finished_at, r.status, error, r.duration_ms,
    attempt_number, r.run_id, r.finished_at
  from this_run as r
  where r.newest is null
$$;

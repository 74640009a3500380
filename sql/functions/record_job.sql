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
  insert into inboxdb.job_status as job_status (
    job_name, client_id, last_started_at, last_finished_at, last_status, last_error, duration_ms, attempt,
    run_id, unpublished_since
  )
  select
    'recompute-inbox-counts', target_client_id, started_at, clock.now,
    case when error is null then 'succeeded' else 'failed' end, error,
    pg_catalog.date_part('epoch', clock.now - started_at) * 1000, attempt_number,
    inboxdb.run_id(), clock.now
  from inboxdb.clock() as clock (now)
  on conflict (job_name, client_id) do update set
    last_started_at = excluded.last_started_at,
    last_finished_at = excluded.last_finished_at,
    last_status = excluded.last_status,
    last_error = excluded.last_error,
    duration_ms = excluded.duration_ms,
    attempt = excluded.attempt,
    run_id = excluded.run_id,
    unpublished_since = coalesce(job_status.unpublished_since, excluded.unpublished_since)
  -- as in the cache: a failure that is recorded late does not hide what came of a later start, unless a clock that was
  -- ahead recorded that
  where job_status.last_started_at <= excluded.last_started_at
    or job_status.last_started_at > excluded.last_finished_at
$$;

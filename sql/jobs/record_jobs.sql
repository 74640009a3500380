create or replace function inboxdb.record_jobs(
  this_job text, target_client_ids inboxdb.client_id[], started_at timestamptz[], attempt_numbers integer[], error text,
  why_recounted text
) returns void
language plpgsql volatile
set search_path = ''
-- lookups by key: the planner knows the sizes of the arrays as little as that of the table
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
-- as planned after an ANALYZE, a bitmap scan would visit dead rows kept by a held snapshot
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: store the outcome of a job's last run for each of some workspaces in job_status, to be published.
-- Parameters: this_job, as in view job; target_client_ids, whose locks the caller holds; started_at, of each;
--   attempt_numbers, of each, since the job was due; error, null for success, else SQLSTATE and our own sentence;
--   why_recounted, as in job_status.
-- Errors: 22023 for a job that view job does not list.
-- Writes: job_status.
-- INVOKER: called by record_job and refresh_set only.
declare
  finished_at pg_catalog.timestamptz := inboxdb.clock();
  this_status pg_catalog.text := case when error is null then 'succeeded' else 'failed' end;
  this_run pg_catalog.text := inboxdb.run_id();
begin
  if not exists (select from inboxdb.job as j where j.job_name = this_job) then
    raise invalid_parameter_value using
      message = pg_catalog.format('%L is no job', this_job),
      detail = 'Nothing was recorded.',
      hint = 'Give the job a row of view inboxdb.job.';
  end if;
  -- first, so that a publisher confirming a row now does not leave the row at another ctid (D171)
  perform
  from pg_catalog.unnest(target_client_ids) as r (client_id)
  cross join lateral (
    select s.last_started_at
    from inboxdb.job_status as s
    where s.client_id = r.client_id and s.job_name = this_job
    order by s.last_started_at desc
    limit 1
    for update
  ) as locked;
  with
  ran as materialized (
    select
      r.client_id, r.started_at, r.attempt, s.last_started_at as newest, t.tid,
      pg_catalog.date_part('epoch', finished_at - r.started_at) * 1000 as took_ms
    from rows from (
      pg_catalog.unnest(target_client_ids), pg_catalog.unnest(record_jobs.started_at),
      pg_catalog.unnest(attempt_numbers)
    ) as r (client_id, started_at, attempt)
    left join lateral inboxdb.newest_job_status(r.client_id, this_job) as s on true
    left join lateral (
      select j.ctid as tid
      from inboxdb.job_status as j
      where j.client_id = r.client_id and j.job_name = this_job and j.last_started_at = s.last_started_at
      offset 0
    ) as t on true
  ),
  updated as (
    update inboxdb.job_status as j
    set
      last_started_at = r.started_at,
      last_finished_at = finished_at,
      last_status = this_status,
      last_error = error,
      duration_ms = r.took_ms,
      attempt = r.attempt,
      recount_reason = why_recounted,
      run_id = this_run,
      unpublished_since = coalesce(j.unpublished_since, finished_at)
    from ran as r
    where j.ctid = r.tid
      -- by rank, as in the cache: a failure recorded late does not replace the outcome of a later start, except an
      -- outcome from the future, written by a clock that was ahead
      and (j.last_started_at <= r.started_at or j.last_started_at > finished_at)
  )
  insert into inboxdb.job_status (
    job_name, client_id, last_started_at, last_finished_at, last_status, last_error, duration_ms, attempt,
    recount_reason, run_id, unpublished_since
  )
  select
    this_job, r.client_id, r.started_at, finished_at, this_status, error, r.took_ms, r.attempt,
    why_recounted, this_run, finished_at
  from ran as r
  where r.newest is null;
end
$$;

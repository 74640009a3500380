create or replace function inboxdb.record_job(
  this_job text, target_client_id inboxdb.client_id, started_at timestamptz, attempt_number integer, error text,
  why_recounted text default null
) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: store the outcome of a job's last run for a workspace in job_status, to be published.
-- Parameters: this_job, as in view job; target_client_id, whose lock the caller holds; started_at; attempt_number since
--   the job was due; error, null for success, else SQLSTATE and our own sentence; why_recounted, as in job_status.
-- Errors: 22023 for a job that view job does not list.
-- Writes: job_status.
-- INVOKER: called by job functions only.
declare
  finished_at pg_catalog.timestamptz := inboxdb.clock();
  this_status pg_catalog.text := case when error is null then 'succeeded' else 'failed' end;
  took_ms double precision := pg_catalog.date_part('epoch', finished_at - started_at) * 1000;
  newest pg_catalog.timestamptz;
begin
  select s.last_started_at into newest
  from inboxdb.job as j
  left join inboxdb.newest_job_status(target_client_id, this_job) as s on true
  where j.job_name = this_job;
  if not found then
    raise invalid_parameter_value using
      message = pg_catalog.format('%L is no job', this_job),
      detail = 'Nothing was recorded.',
      hint = 'Give the job a row of view inboxdb.job.';
  end if;
  if newest is null then
    insert into inboxdb.job_status (
      job_name, client_id, last_started_at, last_finished_at, last_status, last_error, duration_ms, attempt,
      recount_reason, run_id, unpublished_since
    )
    values (
      this_job, target_client_id, started_at, finished_at, this_status, error, took_ms, attempt_number,
      why_recounted, inboxdb.run_id(), finished_at
    );
  else
    update inboxdb.job_status as j
    set
      last_started_at = started_at,
      last_finished_at = finished_at,
      last_status = this_status,
      last_error = error,
      duration_ms = took_ms,
      attempt = attempt_number,
      recount_reason = why_recounted,
      run_id = inboxdb.run_id(),
      unpublished_since = coalesce(j.unpublished_since, finished_at)
    where j.client_id = target_client_id and j.job_name = this_job
      and j.last_started_at >= newest
      -- by rank, as in the cache: a failure recorded late does not replace the outcome of a later start, except an
      -- outcome from the future, written by a clock that was ahead
      and (j.last_started_at <= started_at or j.last_started_at > finished_at);
  end if;
end
$$;

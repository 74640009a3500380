create or replace function inboxdb.record_job(
  this_job text, target_client_id inboxdb.client_id, started_at timestamptz, attempt_number integer, error text,
  why_recounted text default null
) returns void
language sql volatile
set search_path = ''
as $$
  -- Purpose: store the outcome of a job's last run for a workspace in job_status, to be published.
  -- Parameters: this_job, as in view job; target_client_id, whose lock the caller holds; started_at; attempt_number
  --   since the job was due; error, null for success, else SQLSTATE and our own sentence; why_recounted, as in
  --   job_status.
  -- Errors: 22023 for a job that view job does not list.
  -- Writes: job_status.
  -- INVOKER: called by job functions only.
  select inboxdb.record_jobs(
    this_job, array[target_client_id], array[started_at], array[attempt_number], error, why_recounted
  )
$$;

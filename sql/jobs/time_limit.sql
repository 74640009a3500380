create or replace function inboxdb.time_limit(
  target_client_id inboxdb.client_id, least_seconds double precision default 60,
  this_job text default 'recompute-inbox-counts'
) returns double precision
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how long a run of the job may take for the workspace: twice the duration of the last run, so that the
  --   limit doubles after each timeout (D38); at least its seconds_per_lead, because the last run may have been by
  --   change.
  -- Parameters: target_client_id; least_seconds, the minimum for every workspace; this_job, as in view job.
  -- Returns: seconds, 900 at most (or least_seconds, if greater).
  -- Reads: job, job_status, workspace.
  -- DEFINER: its callers have no rights in inboxdb.
  select greatest(
    least_seconds,
    -- null, not 900, without a last run
    (
      select least(j.duration_ms / 500.0, 900)
      from inboxdb.newest_job_status(target_client_id, this_job) as j
    ),
    (
      select least(w.leads * j.seconds_per_lead, 900)
      from inboxdb.workspace as w
      cross join inboxdb.job as j
      where w.client_id = target_client_id and j.job_name = this_job
    )
  )
$$;

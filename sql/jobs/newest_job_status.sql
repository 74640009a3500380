create or replace function inboxdb.newest_job_status(target_client_id inboxdb.client_id, this_job text)
returns setof inboxdb.job_status
language sql stable rows 1
as $$
  -- Purpose: the row of job_status of a workspace and job. The newest first, because each run leaves a dead row,
  --   which a held snapshot keeps (D35).
  -- Parameters: target_client_id; this_job, as in view job.
  -- Returns: the row, none before the first run.
  -- Inlined, hence no search_path of its own.
  -- Reads: job_status.
  -- INVOKER: called by our DEFINER functions only.
  select s.*
  from inboxdb.job_status as s
  where s.client_id = target_client_id and s.job_name = this_job
  order by s.last_started_at desc
  limit 1
$$;

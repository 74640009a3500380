create or replace function inboxdb.time_limit(
  target_client_id inboxdb.client_id, least_seconds double precision default 60
) returns double precision
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how long a refresh of the workspace may take: twice the duration of the last refresh, so that the limit
  --   doubles after each timeout (D38); at least 20 microseconds a lead, several times the duration of a recount,
  --   because the last refresh may have been by change.
  -- Parameters: target_client_id; least_seconds, the minimum for every workspace.
  -- Returns: seconds, 900 at most (or least_seconds, if greater).
  -- Reads: job_status, workspace.
  -- DEFINER: its callers have no rights in inboxdb.
  select greatest(
    least_seconds,
    -- null, not 900, without a last refresh
    (
      select least(j.duration_ms / 500.0, 900)
      from inboxdb.job_status as j
      where j.client_id = target_client_id and j.job_name = 'recompute-inbox-counts'
      order by j.last_started_at desc
      limit 1
    ),
    (select least(w.leads / 50000.0, 900) from inboxdb.workspace as w where w.client_id = target_client_id)
  )
$$;

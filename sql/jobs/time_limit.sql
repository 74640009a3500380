create function inboxdb.time_limit(
  target_client_id inboxdb.client_id, least_seconds double precision default 60
) returns double precision
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how long a refresh of the workspace may take: twice what the last one took. So one that hit its limit gets
  --   twice as much the next time, and the largest tenant is not out of time for ever. Also what counting all of it
  --   takes several times over, whatever the last one did: 20 microseconds a lead.
  -- Parameters: target_client_id; least_seconds, which every workspace has.
  -- Returns: seconds, 900 at most (or least_seconds, where that is more).
  -- Reads: job_status, workspace.
  -- DEFINER: its callers have no rights in inboxdb.
  select greatest(
    least_seconds,
    -- null, not 900, where there was none
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

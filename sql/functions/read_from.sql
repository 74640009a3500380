create function inboxdb.read_from() returns xid8
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: where to start reading the change log: no undrained change has a lower xid.
  -- Returns: what the last collector left; 0, which reads everything, where that cannot be trusted: after a restart,
  --   restore or failover, when this may be another server that counts transactions anew.
  -- Reads: drain_state.
  -- DEFINER: the drain's tables are out of reach for its callers.
  select case
    when s.server_started_at = pg_catalog.pg_postmaster_start_time()
      and s.read_from <= pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())
      then s.read_from
    else '0'::pg_catalog.xid8
  end
  from inboxdb.drain_state as s
$$;

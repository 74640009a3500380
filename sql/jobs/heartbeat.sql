create or replace function inboxdb.heartbeat(
  this_run_id text, this_kind text, connections integer, refreshes bigint, failures bigint,
  samples real[] default '{}', is_over boolean default false, troubles text default null,
  undone_by text default null
) returns void
language sql volatile security definer
set search_path = ''
as $$
  -- Purpose: a run's sign of life, at its beginning and end and every 5 seconds between.
  -- Parameters: this_run_id, eight hexadecimal digits; this_kind, as in table run; connections at work; refreshes and
  --   failures so far; samples, seconds_waited of the refreshes since the last call; is_over at the end;
  --   troubles, what the run cannot do besides draining, null where all is well; undone_by, the SQLSTATE by
  --   which a set was undone since the last call, null for none.
  -- Writes: run (the run's own row only, so without waiting for others), freshness.
  -- DEFINER: its callers have no rights in inboxdb.
  insert into inboxdb.run as r (
    run_id, kind, workers, started_at, seen_at, ended_at, refreshed, failed, troubles, undone_by, undone_at
  )
  select
    this_run_id, this_kind, connections, clock.now, clock.now, case when is_over then clock.now end, refreshes,
    failures, pg_catalog.left(troubles, 1000), undone_by, case when undone_by is not null then clock.now end
  from inboxdb.clock() as clock (now)
  on conflict (run_id) do update set
    seen_at = excluded.seen_at,
    ended_at = excluded.ended_at,
    refreshed = excluded.refreshed,
    failed = excluded.failed,
    troubles = excluded.troubles,
    undone_by = coalesce(excluded.undone_by, r.undone_by),
    undone_at = coalesce(excluded.undone_at, r.undone_at);

  insert into inboxdb.freshness (seconds)
  select samples
  where samples <> '{}'
$$;

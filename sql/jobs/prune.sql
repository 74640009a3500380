create or replace function inboxdb.prune(at_most integer default 1000) returns void
language sql volatile
set search_path = ''
as $$
  -- Purpose: delete samples of freshness after an hour, runs a day after their last heartbeat, drift after 30 days.
  -- Parameters: at_most, rows of each table per call, the oldest first.
  -- Writes: freshness, run, drift; rows locked by others are skipped.
  -- INVOKER: called by maintain, by its name in view maintenance.
  with
  -- MATERIALIZED: inside the delete's condition the sub-select with LIMIT could run again for each row and delete more
  old as materialized (
    select f.sampled_at, f.id
    from inboxdb.freshness as f
    where f.sampled_at < inboxdb.clock() - interval '1 hour'
    order by f.sampled_at, f.id
    limit at_most
    for update skip locked
  )
  delete from inboxdb.freshness as f using old as o
  where f.sampled_at = o.sampled_at and f.id = o.id;

  with
  old as materialized (
    select r.run_id
    from inboxdb.run as r
    where r.seen_at < inboxdb.clock() - interval '1 day'
    order by r.seen_at
    limit at_most
    for update skip locked
  )
  delete from inboxdb.run as r using old as o
  where r.run_id = o.run_id;

  with
  old as materialized (
    select d.found_at, d.id
    from inboxdb.drift as d
    where d.found_at < inboxdb.clock() - interval '30 days'
    order by d.found_at, d.id
    limit at_most
    for update skip locked
  )
  delete from inboxdb.drift as d using old as o
  where d.found_at = o.found_at and d.id = o.id
$$;

create function inboxdb.prune(at_most integer default 1000) returns void
language sql volatile
set search_path = ''
as $$
  -- Purpose: forget what nobody asks for any more: samples of freshness after an hour, runs a day after their last sign
  --   of life.
  -- Parameters: at_most, rows of each table in one call, the oldest first.
  -- Writes: freshness, run.
  -- INVOKER: called by heartbeat only.
  delete from inboxdb.freshness
  where id in (
    select f.id
    from inboxdb.freshness as f
    where f.sampled_at < inboxdb.clock() - interval '1 hour'
    order by f.id
    limit at_most
    for update skip locked
  );

  delete from inboxdb.run
  where run_id in (
    select r.run_id
    from inboxdb.run as r
    where r.seen_at < inboxdb.clock() - interval '1 day'
    order by r.seen_at
    limit at_most
    for update skip locked
  )
$$;

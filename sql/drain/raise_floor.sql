create or replace function inboxdb.raise_floor(now timestamptz, floor_of_claims timestamptz) returns void
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set jit = off
as $$
-- Purpose: raise the floors of the change log and the work list (D10, D11). Below a floor nothing visible is left, and
--   nothing can appear: new changes there can only come from transactions open in this snapshot, kept in also_read. So
--   a writer open for hours is an exception below the floor, and dead rows after it are not read meanwhile.
-- Parameters: now, the clock when the collector began; floor_of_claims, from which the work list's rows are due.
-- Writes: drain_state: once a second at most, because an older floor holds too, and a held snapshot keeps each dead row
--   of this table; at once when 256 changes or more were left, and fewer are now; every 10 seconds without any change,
--   so that readers see a collector at work.
-- INVOKER: called by collect only, under its lock.
begin
  with
  found as (
    select f.read_from, f.also_read, pg_catalog.cardinality(u.xids) as changes_left
    from (select array(select c.xid from inboxdb.change as c order by c.xid limit 256) as xids) as u
    cross join lateral inboxdb.floor_above(u.xids, 256) as f
  )
  update inboxdb.drain_state as s
  set
    revision = s.revision + 1,
    server_started_at = pg_catalog.pg_postmaster_start_time(),
    read_from = f.read_from,
    also_read = f.also_read,
    claim_from = least(
      raise_floor.now,
      (
        select d.next_attempt_at
        from inboxdb.inbox_counts_dirty as d
        where d.next_attempt_at >= raise_floor.floor_of_claims
        order by d.next_attempt_at
        limit 1
      )
    ),
    changes_left = f.changes_left,
    collected_at = pg_catalog.clock_timestamp()
  from found as f
  where s.revision = (
    select locked.revision
    from inboxdb.drain_state as locked
    cross join found as f
    where locked.revision >= (select now.revision from inboxdb.drain_state_now as now)
      and (
        locked.collected_at is null
        or locked.collected_at > pg_catalog.clock_timestamp()
        or locked.server_started_at <> pg_catalog.pg_postmaster_start_time()
        or locked.claim_from > raise_floor.floor_of_claims
        or (locked.changes_left = 256) <> (f.changes_left = 256)
        or (
          locked.collected_at < pg_catalog.clock_timestamp() - interval '1 second'
          and (
            locked.changes_left > 0
            or f.changes_left > 0
            -- more than 3 transactions since: perhaps changes, drained by now
            or f.read_from::pg_catalog.text::pg_catalog.int8 - locked.read_from::pg_catalog.text::pg_catalog.int8 > 3
          )
        )
        or locked.collected_at < pg_catalog.clock_timestamp() - interval '10 seconds'
      )
    -- not waiting for a publisher, who writes this row, too, because the old floors still hold
    for update of locked skip locked
  );
end
$$;

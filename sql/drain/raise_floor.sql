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
  undrained as materialized (
    select c.xid from inboxdb.change as c order by c.xid limit 256
  ),
  -- read_from is at most here: the 256th undrained change, or the end of the snapshot
  beyond as (
    select least(
      -- at most xmax, although another server may have counted further
      pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()),
      case when pg_catalog.count(*) = 256 then pg_catalog.max(u.xid) end
    ) as xid
    from undrained as u
  ),
  open_xid as materialized (
    select o.xid, pg_catalog.lead(o.xid, 1, b.xid) over by_xid as next_xid, pg_catalog.row_number() over by_xid as place
    from beyond as b
    cross join (
      select x.xid from pg_catalog.pg_snapshot_xip(pg_catalog.pg_current_snapshot()) as x (xid)
      union
      -- the caller's own transaction, not listed in its snapshot: may yet note changes
      select pg_catalog.pg_current_xact_id_if_assigned()
      union
      select u.xid from undrained as u
    ) as o
    where o.xid < b.xid
    window by_xid as (order by o.xid)
  ),
  -- up to 64 exceptions in also_read; of more, only the ones before the last wide gap
  one_by_one as (
    select coalesce(pg_catalog.max(o.place), 0) as places
    from open_xid as o
    where o.place <= 64
      and (
        not exists (select from open_xid as further where further.place > 64)
        or o.next_xid::pg_catalog.text::pg_catalog.int8 - o.xid::pg_catalog.text::pg_catalog.int8 > 1000
      )
  ),
  found as (
    select
      coalesce(
        (select o.xid from open_xid as o where o.place = n.places + 1), (select b.xid from beyond as b)
      ) as read_from,
      array(select o.xid from open_xid as o where o.place <= n.places) as also_read,
      (select pg_catalog.count(*) from undrained) as changes_left
    from one_by_one as n
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

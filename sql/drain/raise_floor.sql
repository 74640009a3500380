create or replace function inboxdb.raise_floor(now timestamptz, floor_of_claims timestamptz) returns void
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set jit = off
as $$
-- Purpose: let the drain read the change log and the work list from where there is something to read. Below the floor
--   nothing visible is left and nothing can appear: only transactions that this snapshot sees as open can still bring
--   changes there, and those are kept in also_read. A writer that stays open for hours is one of them, and the dead
--   rows of everybody after it are not read all that time.
-- Parameters: now, the clock when the collector began; floor_of_claims, from which the work list's rows are due.
-- Writes: drain_state: once a second at most, since an older floor holds too and a held snapshot keeps each version
--   of this row; at once where more changes than it counts were left, and are not any more; every 10 seconds where
--   nothing has happened, so that readers see that somebody looks.
-- INVOKER: called by collect only, under its lock.
begin
  with
  undrained as materialized (
    select c.xid from inboxdb.change as c order by c.xid limit 256
  ),
  -- what is beyond is not looked at in detail: the log is read from there
  beyond as (
    select least(
      -- no further than that, whatever another server counted
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
      -- the caller's own, which a snapshot does not list: it may note changes after this
      select pg_catalog.pg_current_xact_id_if_assigned()
      union
      select u.xid from undrained as u
    ) as o
    where o.xid < b.xid
    window by_xid as (order by o.xid)
  ),
  -- up to 64 of them one by one; of more, those before the last wide gap
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
    -- as read_floor does
    where locked.revision >= (select pg_catalog.max(newest.revision) from inboxdb.drain_state as newest)
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
            -- more transactions than a pause of the traffic has: changes, perhaps, that were drained since
            or f.read_from::pg_catalog.text::pg_catalog.int8 - locked.read_from::pg_catalog.text::pg_catalog.int8 > 3
          )
        )
        or locked.collected_at < pg_catalog.clock_timestamp() - interval '10 seconds'
      )
    -- a publisher writes here, too: it is not waited for, since the floors that were hold still
    for update of locked skip locked
  );
end
$$;

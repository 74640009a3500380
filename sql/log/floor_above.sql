create or replace function inboxdb.floor_above(
  undrained xid8[], most integer, out read_from xid8, out also_read xid8[]
)
language plpgsql stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
-- Purpose: the floor of a log whose rows have the writer's transaction (D10): below it nothing visible is left, and
--   nothing can appear, because new rows there can only come from transactions open in the caller's snapshot.
-- Parameters: undrained, the transactions of the first undrained rows, in order; most, how many rows were asked for at
--   most.
-- Returns: the transaction from which on to read; up to 64 exceptions below.
-- INVOKER: called by raise_floor, refresh_texts and collect_analytics only.
begin
  with
  -- read_from is at most here: the last of the rows asked for, or the end of the snapshot
  beyond as (
    select least(
      -- at most xmax, although another server may have counted further
      pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()),
      case when pg_catalog.cardinality(undrained) = most then undrained[most] end
    ) as xid
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
      select pg_catalog.unnest(undrained)
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
  )
  select
    coalesce(
      (select o.xid from open_xid as o where o.place = n.places + 1), (select b.xid from beyond as b)
    ),
    array(select o.xid from open_xid as o where o.place <= n.places)
  into read_from, also_read
  from one_by_one as n;
end
$$;

create or replace function inboxdb.noted_analytics(most integer)
returns table (tid tid, xid xid8, client_id inboxdb.client_id, noted_at timestamptz)
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
-- along the key, which has the order, however many rows there are, dead ones too (D8, D9)
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: the changes of analytics not yet taken, from the floor on and in the exceptions below: the oldest and the
--   newest, without reading the others.
-- Parameters: most, how many of the oldest, and of the newest.
-- Returns: the place of each, for deleting it; the writer's transaction; the workspace, null for a change of
--   everything; when it was noted. In no order.
-- Reads: analytics_change, analytics_state.
-- INVOKER: called by collect_analytics only.
declare
  state constant inboxdb.analytics_state_now := (select n from inboxdb.analytics_state_now as n);
begin
  return query
  (
    select c.ctid, c.xid, c.client_id, c.noted_at
    from inboxdb.analytics_change as c
    where c.xid = any (state.trusted_also)
    order by c.xid
    limit most
  )
  union
  (
    select c.ctid, c.xid, c.client_id, c.noted_at
    from inboxdb.analytics_change as c
    where c.xid >= state.trusted_from
    order by c.xid
    limit most
  )
  union
  (
    select c.ctid, c.xid, c.client_id, c.noted_at
    from inboxdb.analytics_change as c
    where c.xid >= state.trusted_from
    order by c.xid desc
    limit most
  );
end
$$;

create or replace function inboxdb.raise_floor_of_texts() returns void
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: raise the floor of text_change (D10). Not while next to nothing has happened, since each row of search_state
--   leaves a dead row that a held snapshot keeps.
-- Reads: noted_text. Writes: search_state.
-- INVOKER: called by refresh_texts only, under its lock.
begin
  update inboxdb.search_state as s
  set
    revision = s.revision + 1,
    server_started_at = pg_catalog.pg_postmaster_start_time(),
    read_from = f.read_from,
    also_read = f.also_read
  from (
    select b.read_from, b.also_read
    from (select array(select n.xid from inboxdb.noted_text as n order by n.xid limit 256) as xids) as u
    cross join lateral inboxdb.floor_above(u.xids, 256) as b
  ) as f
  where s.revision = (select n.revision from inboxdb.search_state_now as n)
    and (
      s.server_started_at <> pg_catalog.pg_postmaster_start_time()
      or s.read_from > f.read_from
      or f.read_from::pg_catalog.text::pg_catalog.int8 - s.read_from::pg_catalog.text::pg_catalog.int8 > 3
      or not s.also_read <@ f.also_read
    );
end
$$;

create or replace function inboxdb.refresh_texts() returns boolean
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: bring lead_text up to date: first by changes, then by the walk where due; for some 50 ms, so that no other
--   work of the caller is late. Then raise the floor of text_change (D10).
-- Returns: whether there is more to do, for maintain.
-- Nothing is done beside another session doing the same, or while inboxdb is suspended; where there is no search, the
--   changes are thrown away.
-- Errors: IB004 above READ COMMITTED; those of fold_noted and walk_texts.
-- Reads, writes: as fold_noted and walk_texts.
-- Locks: an advisory lock, see lock_class. No row of the host's, and no row of the counts.
-- INVOKER: called by maintain, by its name in view maintenance.
declare
  stop_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '50 ms';
  most constant integer := 1000;
  today constant pg_catalog.text := inboxdb.text_definitions();
  taken integer;
  has_taken boolean := false;
  has_more boolean := true;
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null then
    return false;
  end if;
  -- in a statement before the taking of changes (D14)
  if not pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('texts'), 0) then
    return false;
  end if;

  loop
    taken := inboxdb.fold_noted(most);
    has_taken := has_taken or taken > 0;
    has_more := taken = most;
    exit when not has_more or pg_catalog.clock_timestamp() > stop_at;
  end loop;
  if today is not null then
    -- texts by other definitions are not trusted
    update inboxdb.search_state as s
    set
      revision = s.revision + 1, definitions = today, filled_at = null, walk_began_at = null, walked_to = null,
      cleared_to = null
    where s.revision = (select n.revision from inboxdb.search_state_now as n) and s.definitions is distinct from today;
    -- a step at least, unless changes are left
    while not has_more or pg_catalog.clock_timestamp() < stop_at loop
      has_more := inboxdb.walk_texts(most);
      exit when not has_more;
    end loop;
  end if;

  -- not while nothing has happened, since each row of search_state leaves a dead row that a held snapshot keeps
  update inboxdb.search_state as s
  set
    revision = s.revision + 1,
    server_started_at = pg_catalog.pg_postmaster_start_time(),
    read_from = f.read_from,
    also_read = f.also_read
  from (
    select b.read_from, b.also_read
    from (select array(select n.xid from inboxdb.noted_texts(256) as n order by n.xid limit 256) as xids) as u
    cross join lateral inboxdb.floor_above(u.xids, 256) as b
  ) as f
  where s.revision = (select n.revision from inboxdb.search_state_now as n)
    and (has_taken or s.server_started_at <> pg_catalog.pg_postmaster_start_time());
  return has_more;
end
$$;

create or replace function inboxdb.arrive() returns boolean
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: find out whether the database was moved, copied or restored to where it is now, and have every workspace
--   recounted then, because a move may leave out rows, and counts that caches know (D107).
-- Returns: whether drains may claim: not while another one finds out.
-- Errors: IB018 of place.
-- A WARNING on arrival. The floors are distrusted on another server, moved or restarted.
-- Reads: place. Writes: drain_state, workspace; the change log.
-- INVOKER: called by claim_next, and by maintain, by its name in view maintenance.
declare
  here constant pg_catalog.text := inboxdb.place();
  started_at constant pg_catalog.timestamptz := pg_catalog.pg_postmaster_start_time();
  kept pg_catalog.record;
  has_moved pg_catalog.bool;
begin
  select s.place, s.server_started_at into kept from inboxdb.drain_state_now as s;
  if (kept.place, kept.server_started_at) is not distinct from (here, started_at) then
    return true;
  end if;
  -- of collecting, so that two workers arrive once
  if not pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('collector'), 0) then
    return false;
  end if;
  perform inboxdb.checkpoint('arriving');
  select s.place, s.server_started_at, s.revision into kept
  from inboxdb.drain_state as s
  where s.revision >= (select now.revision from inboxdb.drain_state_now as now)
  for update skip locked;
  -- a publisher writes the row, too, and is not waited for
  if not found then
    return false;
  elsif (kept.place, kept.server_started_at) is not distinct from (here, started_at) then
    return true;
  end if;

  has_moved := kept.place <> here
    -- emptied by a crash
    or (
      kept.server_started_at <> started_at
      and exists (
        select
        from pg_catalog.pg_class as c
        where c.relpersistence = 'u' and c.relkind = 'r'
          and (
            c.relnamespace = pg_catalog.to_regnamespace('inboxdb')
            or c.oid in (
              pg_catalog.to_regclass('public."Client"'), pg_catalog.to_regclass('public."Lead"'),
              pg_catalog.to_regclass('public."AIDraft"'), pg_catalog.to_regclass('public."Message"')
            )
          )
      )
    );
  if has_moved then
    perform inboxdb.note_change(null, null);
    -- as before the first fill: what counted_lead lacks is no drift
    update inboxdb.workspace as w
    set definitions = null
    where w.client_id in (select k.client_id from inboxdb.workspace as k for update skip locked);
  end if;
  update inboxdb.drain_state as s
  set
    revision = s.revision + 1,
    server_started_at = started_at,
    place = here,
    arrived_at = case when has_moved then pg_catalog.clock_timestamp() else s.arrived_at end,
    read_from = '0',
    also_read = '{}',
    claim_from = '-infinity'
  where s.revision = kept.revision;
  if has_moved then
    raise warning 'inboxdb counts every workspace anew, because %',
      case
        when kept.place <> here then 'the database was moved, restored or promoted'
        else 'the server was started, and a table that is unlogged may be empty'
      end
      using hint = 'Until that is done, counts may be late. docs/operations.md: Moving, copying, restoring.';
  end if;
  return true;
end
$$;

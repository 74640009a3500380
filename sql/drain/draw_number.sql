create or replace function inboxdb.draw_number() returns integer
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: a number for a workspace about to be counted for the first time. Greater than all others, because rows
--   inserted amid counted_lead's index leave its pages half full: 140 bytes a lead in place of 108 (D107).
-- Returns: the number, from the clock's seconds on, so that a workspace made anew gets another one. Reserved until this
--   transaction ends, because a unique constraint alone would make one worker wait for another's recount.
-- Reads: workspace, counted_lead (rows of a workspace that was lost by hand or left out of a dump have a number, too).
-- Locks: an advisory lock, see lock_class.
-- INVOKER: called by recount_workspace only.
declare
  drawn pg_catalog.int4 := greatest(
    (select pg_catalog.max(w.number) from inboxdb.workspace as w) + 1,
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::bigint - 2147483648 - 946684800
  );
begin
  while not pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('number'), drawn)
    or exists (select from inboxdb.counted_lead as k where k.workspace = drawn)
  loop
    drawn := drawn + 1;
  end loop;
  return drawn;
end
$$;

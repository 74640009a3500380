create or replace function inboxdb.empty_slice() returns boolean
language plpgsql volatile security definer
set search_path = ''
-- only the slice's own part of the log is read
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
-- Purpose: truncate the slice of the change log that is furthest from use, so that rows which a held snapshot keeps
--   from vacuum do not pile up in the drain's way. Call it in a transaction of its own.
-- Returns: whether it truncated: not while the slice is small, holds changes, or anyone is using it.
-- Errors: IB004 above READ COMMITTED.
-- Locks: ACCESS EXCLUSIVE on the slice, not waited for. A writer that comes late to it waits for this short
--   transaction.
-- DEFINER: truncating is the owner's.
declare
  number integer := (inboxdb.current_slice() + 2) % 4;
  slice pg_catalog.regclass := pg_catalog.format('inboxdb.change_%s', number);
begin
  perform inboxdb.require_read_committed();
  -- less than this costs a reader nothing worth a new file
  if pg_catalog.pg_relation_size(slice) < 131072 then
    return false;
  end if;
  begin
    execute pg_catalog.format('lock table %s in access exclusive mode nowait', slice);
  exception when lock_not_available then
    return false;
  end;
  -- a statement after the lock: its snapshot sees whatever was committed to the slice before it was ours
  if exists (select from inboxdb.change as c where c.slice = number) then
    return false;
  end if;
  execute pg_catalog.format('truncate table only %s', slice);
  return true;
end
$$;

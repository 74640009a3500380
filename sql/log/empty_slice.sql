create or replace function inboxdb.empty_slice() returns boolean
language plpgsql volatile security definer
set search_path = ''
-- custom plan, so that with the slice's number known the other slices are not read
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
-- Purpose: truncate the slice of the change log furthest from use, because a held snapshot keeps its dead rows from
--   vacuum (D6). To be called in a transaction of its own.
-- Returns: whether the slice was truncated: not while small, with undrained changes, or in use by anyone.
-- Errors: IB004 above READ COMMITTED.
-- Locks: ACCESS EXCLUSIVE on the slice, not waited for. A writer late to the slice waits for this short transaction.
-- DEFINER: TRUNCATE is for the owner.
declare
  number integer := (inboxdb.current_slice() + 2) % 4;
  slice pg_catalog.regclass := pg_catalog.format('inboxdb.change_%s', number);
begin
  perform inboxdb.require_read_committed();
  if pg_catalog.pg_relation_size(slice) < inboxdb.least_size_to_empty() then
    return false;
  end if;
  begin
    execute pg_catalog.format('lock table %s in access exclusive mode nowait', slice);
  exception when lock_not_available then
    return false;
  end;
  -- a statement after the lock: its snapshot sees every change committed to the slice before the lock
  if exists (select from inboxdb.change as c where c.slice = number) then
    return false;
  end if;
  execute pg_catalog.format('truncate table only %s', slice);
  return true;
end
$$;

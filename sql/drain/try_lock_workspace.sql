create or replace function inboxdb.try_lock_workspace(target_client_id inboxdb.client_id, tries integer default 1)
returns boolean
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: lock the workspace for this transaction, without waiting. In a statement of its own, before the statement
--   counting: with a snapshot older than the lock a newer result would be overwritten (D14); and outside of exception
--   blocks, whose rollback would release the lock.
-- Parameters: target_client_id; tries, 5 ms apart: the lock may be held for a moment by a late claim (D19), or for a
--   refresh's duration.
-- Returns: whether the workspace was free. The lock ends with the transaction or with its backend; it survives
--   poolers.
-- INVOKER: an advisory lock, see lock_class.
begin
  perform inboxdb.checkpoint('lock asked for');
  for this_try in 1 .. tries loop
    if pg_catalog.pg_try_advisory_xact_lock(
      inboxdb.lock_class('workspace'), pg_catalog.hashtext(target_client_id::pg_catalog.text)
    ) then
      return true;
    end if;
    if this_try < tries then
      perform pg_catalog.pg_sleep(0.005);
    end if;
  end loop;
  return false;
end
$$;

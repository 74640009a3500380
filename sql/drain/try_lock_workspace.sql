create or replace function inboxdb.try_lock_workspace(target_client_id inboxdb.client_id) returns boolean
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: lock the workspace for this transaction, without waiting. In a statement of its own, before the statement
--   counting: with a snapshot older than the lock a newer result would be overwritten (D14).
-- Parameters: target_client_id.
-- Returns: whether the workspace was free. The lock ends with the transaction or with its backend; it survives
--   poolers.
-- INVOKER: an advisory lock, see lock_class.
begin
  perform inboxdb.checkpoint('lock asked for');
  return pg_catalog.pg_try_advisory_xact_lock(
    inboxdb.lock_class('workspace'), pg_catalog.hashtext(target_client_id::pg_catalog.text)
  );
end
$$;

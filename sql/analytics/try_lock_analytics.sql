create or replace function inboxdb.try_lock_analytics(target_client_id inboxdb.client_id) returns boolean
language sql volatile
set search_path = ''
as $$
  -- Purpose: lock a workspace's aggregates for this transaction, without waiting: in a statement of its own, before the
  --   statement reading leads (D14). Refreshes of counts have another lock, and neither waits for the other.
  -- Parameters: target_client_id.
  -- Returns: whether they were free.
  -- INVOKER: an advisory lock, see lock_class.
  select pg_catalog.pg_try_advisory_xact_lock(
    inboxdb.lock_class('analytics'), pg_catalog.hashtext(target_client_id::pg_catalog.text)
  )
$$;

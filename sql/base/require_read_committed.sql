create or replace function inboxdb.require_read_committed() returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse isolation levels above READ COMMITTED, whose snapshot is older than the workspace's lock (D14).
-- Errors: IB004 above READ COMMITTED.
-- INVOKER: reads nothing.
begin
  if pg_catalog.current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = 'IB004',
      message = 'counts are refreshed in READ COMMITTED transactions only',
      detail = pg_catalog.format('This one is %s.', upper(pg_catalog.current_setting('transaction_isolation'))),
      hint = 'Start the transaction with BEGIN ISOLATION LEVEL READ COMMITTED, or call it outside a transaction.';
  end if;
end
$$;

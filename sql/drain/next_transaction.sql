-- A committing procedure may have neither SET nor SECURITY DEFINER, so every name is qualified here, operators too.
create or replace procedure inboxdb.next_transaction()
language plpgsql
as $$
-- Purpose: commit, and begin the next transaction of drain_dirty: READ COMMITTED, a lock given up after a minute, and
--   nothing that cuts a transaction short, whatever the server, the database or the role has set (D113).
-- INVOKER: reads nothing.
begin
  commit;
  set transaction isolation level read committed;
  perform pg_catalog.set_config('lock_timeout', '60s', true);
  -- of PostgreSQL 17
  if pg_catalog.current_setting('transaction_timeout', true) is not null then
    perform pg_catalog.set_config('transaction_timeout', '0', true);
  end if;
  -- of minor versions since 2024
  if pg_catalog.current_setting('restrict_nonsystem_relation_kind', true) is not null then
    perform pg_catalog.set_config('restrict_nonsystem_relation_kind', '', true);
  end if;
end
$$;

create or replace function inboxdb.suspend_table(host_table regclass) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: a further step of `inboxdb migrate suspend`, in a transaction for each table, because with two locks a
--   writer could deadlock (D78): take our triggers off the table, and have our policy on "Lead" let no row through,
--   by a condition without columns. The policy keeps its roles (D76): they see only rows let through by the host's own
--   policies; trusted roles go on as before.
-- Parameters: host_table.
-- Errors: 42501 for a caller who does not own the table; 55P03 where the table cannot be locked within lock_timeout.
-- Locks: ACCESS EXCLUSIVE on the table, for milliseconds once granted; none with nothing left to do.
-- INVOKER: for the owner.
declare
  ours pg_catalog.name;
begin
  for ours in
    select t.tgname
    from pg_catalog.pg_trigger as t
    inner join pg_catalog.pg_proc as p on t.tgfoid = p.oid
    where t.tgrelid = host_table and p.pronamespace = pg_catalog.to_regnamespace('inboxdb')
  loop
    execute pg_catalog.format('drop trigger %I on %s', ours, host_table);
  end loop;
  if exists (
    select
    from pg_catalog.pg_policy as p
    where p.polrelid = host_table and p.polname = 'inboxdb_member'
      and pg_catalog.pg_get_expr(p.polqual, p.polrelid) <> 'false'
  ) then
    execute pg_catalog.format('alter policy inboxdb_member on %s using (false)', host_table);
  end if;
end
$$;

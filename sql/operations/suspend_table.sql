create function inboxdb.suspend_table(host_table regclass) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: a further step of `inboxdb migrate suspend`, one table in a transaction, so that it cannot deadlock with a
--   writer: take our triggers off it, and have our policy on "Lead" let no row through, whatever its columns are. The
--   policy stays, with its roles: they see no row but what policies of the host's show them; trusted roles go on.
-- Parameters: host_table.
-- Errors: 42501 for a caller who does not own the table; 55P03 where it is not to be had within lock_timeout.
-- Locks: ACCESS EXCLUSIVE on the table, for milliseconds once it is had; none where nothing is left to do.
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

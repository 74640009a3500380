create or replace function inboxdb.has_analytics() returns boolean
language sql stable
set search_path = ''
as $$
  -- Purpose: whether aggregates of analytics are kept here: their trigger is made where the host has the columns.
  -- Returns: true or false.
  -- Reads: the system catalog.
  -- INVOKER: called by our DEFINER functions only.
  select exists (
    select
    from pg_catalog.pg_trigger as t
    where t.tgrelid = pg_catalog.to_regclass('public."Lead"') and t.tgname = 'inboxdb_note_analytics'
  )
$$;

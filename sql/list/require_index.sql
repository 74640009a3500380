create or replace function inboxdb.require_index(index_name text) returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse a page whose index is not there: it would cost a scan of the workspace.
-- Parameters: index_name, with its schema.
-- Errors: IB020, naming the index.
-- Reads: the system catalog.
-- INVOKER: called by find_page only.
begin
  if not exists (
    select
    from pg_catalog.pg_index as i
    where i.indexrelid = pg_catalog.to_regclass(index_name) and i.indisvalid
  ) then
    raise exception using
      errcode = 'IB020',
      message = 'this list has no index in this database',
      detail = pg_catalog.format('Missing, or not built to its end: %s. Nothing was read.', index_name),
      hint = '`inboxdb lists build` builds it, concurrently.';
  end if;
end
$$;

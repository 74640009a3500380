create or replace function inboxdb.require_search() returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse searches where the host lacks columns that are searched.
-- Errors: IB020, naming the columns.
-- Reads: the system catalog.
-- INVOKER: called by read_conversations only.
begin
  if pg_catalog.to_regclass('inboxdb.searched_lead') is null then
    raise exception using
      errcode = 'IB020',
      message = 'there is no search in this database',
      detail = coalesce('Missing: ' || inboxdb.missing_for_search(), 'View inboxdb.searched_lead is missing') || '.',
      hint = 'Once every column is there, `inboxdb migrate verify --repair` makes the search.';
  end if;
end
$$;

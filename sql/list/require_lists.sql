create or replace function inboxdb.require_lists() returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse reads of lists where the host lacks columns by which lists sort and filter.
-- Errors: IB020, naming the columns.
-- Reads: the system catalog.
-- INVOKER: called by our DEFINER functions only.
begin
  if pg_catalog.to_regclass('inboxdb.listed_lead') is null then
    raise exception using
      errcode = 'IB020',
      message = 'there are no lists in this database',
      detail = coalesce('Missing: ' || inboxdb.missing_for_lists(), 'View inboxdb.listed_lead is missing') || '.',
      hint = 'Once every column is there: `inboxdb migrate verify --repair`, then `inboxdb lists build`.';
  end if;
end
$$;

create or replace function inboxdb.require_lists() returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse reads of lists where the host lacks columns by which lists sort and filter.
-- Errors: IB020, naming the columns.
-- Reads: the system catalog.
-- INVOKER: called by our DEFINER functions only.
declare
  -- asked each time, because the host may have renamed a column since the view was made
  missing constant pg_catalog.text := inboxdb.missing_for_lists();
begin
  if missing is not null or pg_catalog.to_regclass('inboxdb.listed_lead') is null then
    raise exception using
      errcode = 'IB020',
      message = 'there are no lists in this database',
      detail = coalesce('Missing: ' || missing, 'View inboxdb.listed_lead is missing') || '.',
      hint = 'Once every column is there, by its name: `inboxdb migrate verify --repair`, then'
        ' `inboxdb lists build`.';
  end if;
end
$$;

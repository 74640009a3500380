create or replace function inboxdb.require_analytics(part text) returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse reads of a part of analytics where the host lacks tables or columns for the part.
-- Parameters: part, of missing_for_analytics. Bookings and messages are read by every part.
-- Errors: IB020, naming the columns.
-- Reads: the system catalog.
-- INVOKER: called by our DEFINER functions only.
declare
  missing constant pg_catalog.text := pg_catalog.concat_ws(
    ', ', inboxdb.missing_for_analytics('figures'),
    case when part <> 'figures' then inboxdb.missing_for_analytics(part) end
  );
begin
  if missing <> '' then
    raise exception using
      errcode = 'IB020',
      message = 'there are no such analytics in this database',
      detail = 'Missing: ' || missing || '.',
      hint = 'Once every column is there, in the type that `inboxdb doctor` asks for, the read answers.';
  end if;
end
$$;

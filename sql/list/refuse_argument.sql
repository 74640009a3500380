create or replace function inboxdb.refuse_argument(argument text, allowed text) returns void
language plpgsql immutable
set search_path = ''
as $$
-- Purpose: refuse an argument of a read: an unknown value is never passed over.
-- Parameters: argument, by name; allowed, in words.
-- Errors: IB021, always. The value is not repeated.
-- INVOKER: called by our DEFINER functions only.
begin
  raise exception using
    errcode = 'IB021',
    message = pg_catalog.format('argument %s cannot be that', argument),
    detail = 'Nothing was read.',
    hint = pg_catalog.format('%s may be %s.', argument, allowed);
end
$$;

create or replace function inboxdb.read_cursor(list text, given text, out sort_at timestamptz, out id text)
language plpgsql stable
set search_path = ''
set timezone = 'UTC'
as $$
-- Purpose: read a cursor made by make_cursor for the same list.
-- Parameters: list, as for cursor_signature; given, the cursor.
-- Returns: sort_at and id, as given to make_cursor; null for a null cursor.
-- Errors: IB016 for any other text: forged, cut, of another list, workspace, scope or filter, of earlier definitions.
-- Reads: list_key.
-- INVOKER: called by our DEFINER functions only.
declare
  bytes pg_catalog.bytea;
  payload pg_catalog.bytea;
  place pg_catalog.jsonb;
begin
  if given is null then
    return;
  end if;
  -- the alphabet and the length first, because decode would raise an error of its own
  if pg_catalog.length(given) < 16384 and pg_catalog.length(given) % 4 <> 1 and given ~ '^[A-Za-z0-9_-]+$' then
    bytes := pg_catalog.decode(
      pg_catalog.rpad(
        pg_catalog.translate(given, '-_', '+/'), (pg_catalog.length(given) + 3) / 4 * 4, '='
      ), 'base64'
    );
    payload := inboxdb.mask_place(pg_catalog.substr(bytes, 1, 16), pg_catalog.substr(bytes, 17));
    if inboxdb.cursor_signature(list, payload) = pg_catalog.substr(bytes, 1, 16) then
      place := pg_catalog.convert_from(payload, 'UTF8');
      sort_at := place ->> 0;
      id := place ->> 1;
    end if;
  end if;
  -- made again, because the last character may have bits that decode passes over
  if inboxdb.make_cursor(list, sort_at, id) is distinct from given then
    raise exception using
      errcode = 'IB016',
      message = 'not a cursor of this list',
      detail = 'A cursor belongs to a function, a workspace, its filters, and what the caller may see there; an upgrade'
        ' may change all cursors.',
      hint = 'Begin at the first page, without a cursor.';
  end if;
end
$$;

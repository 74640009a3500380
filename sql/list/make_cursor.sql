create or replace function inboxdb.make_cursor(list text, sort_at timestamptz, id text) returns text
language sql stable
set search_path = ''
set timezone = 'UTC'
as $$
  -- Purpose: say where the next page begins, in a text for clients to hand back.
  -- Parameters: list, as for cursor_signature; sort_at and id, of the last row looked at.
  -- Returns: signature and masked place in base64url, RFC 4648; null for a null id.
  -- Reads: list_key.
  -- INVOKER: called by our DEFINER functions only.
  select pg_catalog.rtrim(
    pg_catalog.translate(
      pg_catalog.encode(s.signature || inboxdb.mask_place(s.signature, p.payload), 'base64'),
      pg_catalog.concat('+/', pg_catalog.chr(10)), '-_'
    ), '='
  )
  from (
    select pg_catalog.convert_to(pg_catalog.jsonb_build_array(sort_at, id)::pg_catalog.text, 'UTF8') as payload
    where id is not null
  ) as p
  cross join lateral (select inboxdb.cursor_signature(list, p.payload) as signature offset 0) as s
$$;

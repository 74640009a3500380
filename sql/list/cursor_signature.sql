create or replace function inboxdb.cursor_signature(list text, payload bytea) returns bytea
language sql stable
set search_path = ''
as $$
  -- Purpose: sign a cursor, so that clients can neither make cursors nor use them for another list.
  -- Parameters: list, whatever the cursor belongs to: function, workspace, scope, filters, definitions; payload, where
  --   the next page begins.
  -- Returns: 16 bytes.
  -- Source: NMAC, Bellare, Canetti, Krawczyk 1996: a hash of a hash, each begun with the secret.
  -- Reads: list_key.
  -- INVOKER: called by make_cursor and read_cursor only.
  select pg_catalog.substr(
    pg_catalog.sha256(
      k.secret || pg_catalog.sha256(
        k.secret || pg_catalog.sha256(pg_catalog.convert_to(list, 'UTF8')) || payload
      )
    ), 1, 16
  )
  from inboxdb.list_key as k
$$;

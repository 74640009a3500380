create function inboxdb.id_key(id text) returns bytea
language sql immutable strict parallel safe
as $$
  -- Purpose: the shortest exact form of an id: 16 bytes where it is the text of a UUID as PostgreSQL writes it.
  -- Parameters: id.
  -- Returns: its key; two ids never have the same one. Others keep their bytes behind a zero byte, behind two where one
  --   would make 16 of them: no text holds a zero byte, so the second is never taken for the first of a longer one.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case
    when id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'
      then pg_catalog.uuid_send(id::pg_catalog.uuid)
    when pg_catalog.octet_length(id) = 15 then '\x0000'::pg_catalog.bytea || pg_catalog.convert_to(id, 'UTF8')
    else '\x00'::pg_catalog.bytea || pg_catalog.convert_to(id, 'UTF8')
  end
$$;

-- The shortest exact form of an id: a counted_lead row holds two. Both are inlined, hence no search_path of their own;
-- overload resolution picks one per column.
create function inboxdb.id_key(id text) returns bytea
-- STRICT would keep it from being inlined, IMMUTABLE too: convert_to is STABLE
language sql stable parallel safe
as $$
  -- Purpose: the key of a text id: 16 bytes where it is the text of a UUID as PostgreSQL writes it.
  -- Parameters: id.
  -- Returns: its key, null for null; two ids never have the same one. Others keep their bytes behind a zero byte,
  --   behind two where one would make 16 of them: no text holds a zero byte, so the second is never taken for the first
  --   of a longer one.
  -- Three cheap conditions for one regular expression that counts, which takes five times as long as all of them: the
  -- hyphens' places and the length, no other characters, no other hyphens.
  -- INVOKER: reads nothing.
  select case
    when id collate "C" like '________-____-____-____-____________'
      and id collate "C" !~ '[^0-9a-f-]'
      and id collate "C" not like '%-%-%-%-%-%'
      then pg_catalog.uuid_send(id::pg_catalog.uuid)
    when pg_catalog.octet_length(pg_catalog.convert_to(id, 'UTF8')) = 15
      then pg_catalog.decode('0000', 'hex') || pg_catalog.convert_to(id, 'UTF8')
    else pg_catalog.decode('00', 'hex') || pg_catalog.convert_to(id, 'UTF8')
  end
$$;

create function inboxdb.id_key(id uuid) returns bytea
language sql immutable strict parallel safe
as $$
  -- Purpose: the same for hosts whose ids are UUIDs.
  -- Parameters: id.
  -- Returns: its 16 bytes.
  -- INVOKER: reads nothing.
  select pg_catalog.uuid_send(id)
$$;

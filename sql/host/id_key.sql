-- The shortest exact form of an id: a row of counted_lead holds two. Both functions are inlined, hence no search_path
-- of their own (D22); overload resolution picks the right function per column.
create or replace function inboxdb.id_key(id text) returns bytea
-- neither STRICT nor IMMUTABLE, because convert_to is STABLE: either would prevent inlining (D22)
language sql stable parallel safe
as $$
  -- Purpose: the key of a text id: 16 bytes for the text of a UUID as written by PostgreSQL.
  -- Parameters: id.
  -- Returns: the key, null for null; different for different ids. Other ids keep their bytes after a zero byte, or
  --   after two zero bytes where a single zero byte would make 16 in all; no text holds a zero byte, so keys stay
  --   different.
  -- Three conditions (places of the hyphens and length; no other characters; no other hyphens), because a regular
  -- expression with repetition counts takes five times as long as the three.
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

create or replace function inboxdb.id_key(id uuid) returns bytea
language sql immutable strict parallel safe
as $$
  -- Purpose: the same for hosts whose ids are UUIDs.
  -- Parameters: id.
  -- Returns: its 16 bytes.
  -- INVOKER: reads nothing.
  select pg_catalog.uuid_send(id)
$$;

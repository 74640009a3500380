-- The hash of an id's bytes. Both functions are inlined, hence no search_path of their own; overload resolution picks
-- the right one per column.
create or replace function inboxdb.id_hash(id text, seed bigint) returns bigint
language sql immutable strict parallel safe
as $$
  -- Purpose: the 64-bit hash of a text id, under any collation, in any encoding: of its bytes as they are stored.
  -- Parameters: id; seed, another hash that this one is to depend on.
  -- Returns: the hash, null for null.
  -- INVOKER: reads nothing.
  select pg_catalog.hashtextextended(id collate "C", seed)
$$;

create or replace function inboxdb.id_hash(id uuid, seed bigint) returns bigint
language sql immutable strict parallel safe
as $$
  -- Purpose: the same for hosts whose ids are UUIDs.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select pg_catalog.uuid_hash_extended(id, seed)
$$;

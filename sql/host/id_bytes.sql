-- Overloaded for the two types of host ids. Both functions are inlined, also into conditions of indexes' queries, hence
-- neither STRICT nor with a search_path of their own.
create or replace function inboxdb.id_bytes(id text) returns integer
language sql immutable parallel safe
as $$
  -- Purpose: how much room an id takes in an index.
  -- Parameters: id.
  -- Returns: its bytes; null for null.
  -- INVOKER: reads nothing.
  select pg_catalog.octet_length(id)
$$;

create or replace function inboxdb.id_bytes(id uuid) returns integer
language sql immutable parallel safe
as $$
  -- Purpose: the same for hosts whose ids are UUIDs.
  -- Parameters: id.
  -- Returns: 16, for null, too.
  -- INVOKER: reads nothing.
  select 16
$$;

create or replace function inboxdb.key_id(key bytea) returns text
-- neither STRICT nor IMMUTABLE, because convert_from is STABLE: either would prevent inlining (D22)
language sql stable parallel safe
as $$
  -- Purpose: the id of a key: the inverse of id_key.
  -- Parameters: key.
  -- Returns: the id, as text; null for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case
    when pg_catalog.octet_length(key) = 16 then pg_catalog.encode(key, 'hex')::pg_catalog.uuid::pg_catalog.text
    when pg_catalog.substr(key, 2, 1) = pg_catalog.decode('00', 'hex')
      then pg_catalog.convert_from(pg_catalog.substr(key, 3), 'UTF8')
    else pg_catalog.convert_from(pg_catalog.substr(key, 2), 'UTF8')
  end
$$;

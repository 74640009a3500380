create or replace function inboxdb.like_pattern(term text) returns text
language sql immutable parallel safe
as $$
  -- Purpose: the LIKE pattern of a term itself, for indexes: the characters of LIKE's own are letters.
  -- Parameters: term.
  -- Returns: the pattern, which nothing but the term fits; null for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  -- the escape first: it would escape the escapes of the others
  select pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(term, e'\\', e'\\\\'), '%', e'\\%'), '_', e'\\_')
$$;

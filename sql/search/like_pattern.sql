create or replace function inboxdb.like_pattern(term text, is_digits boolean) returns text
language sql immutable parallel safe
as $$
  -- Purpose: the LIKE pattern of a term, for the index of trigrams: the characters of LIKE's own are letters.
  -- Parameters: term; is_digits, to look behind the tab in the text, where a phone's digits are.
  -- Returns: the pattern; null for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case when is_digits then e'%\t%' else '%' end
    -- the escape first: it would escape the escapes of the others
    || pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(term, e'\\', e'\\\\'), '%', e'\\%'), '_', e'\\_')
    || '%'
$$;

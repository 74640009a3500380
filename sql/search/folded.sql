create or replace function inboxdb.folded(value text) returns text
language sql immutable parallel safe
as $$
  -- Purpose: a text as searches compare it: in upper case, since lower case of a Greek sigma depends on the letter
  --   after it, and a part of a word has to fold as the word does; tabs and ends of lines as blanks.
  -- Parameters: value: its first 200 characters count. A host's column needs collate "default", because the column's
  --   own collation would hold where the domain's is the database's.
  -- Returns: the folded text, to be compared by bytes; null for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select pg_catalog.translate(
    -- no COLLATE in here: the domain has it
    pg_catalog.upper(pg_catalog.left(value, 200)::inboxdb.folding), e'\t\n\x0b\f\r', '     '
  ) collate "C"
$$;

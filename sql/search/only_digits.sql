create or replace function inboxdb.only_digits(value text) returns text
language sql immutable parallel safe
as $$
  -- Purpose: the digits of a phone number, however written.
  -- Parameters: value: its first 200 characters count.
  -- Returns: digits, perhaps none; null for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select pg_catalog.regexp_replace(pg_catalog.left(value, 200) collate "C", '[^0-9]', '', 'g')
$$;

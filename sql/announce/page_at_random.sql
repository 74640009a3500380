create or replace function inboxdb.page_at_random(of_table regclass, pages bigint) returns bigint
language sql volatile
set search_path = ''
as $$
  -- Purpose: a place in a table from which to read some pages.
  -- Parameters: of_table; pages, how many are to be read.
  -- Returns: a page's number, from 0; 0 for a table of no more pages.
  -- INVOKER: called by keys_at_random only.
  select pg_catalog.floor(
    pg_catalog.random() * greatest(
      pg_catalog.pg_relation_size(of_table) / pg_catalog.current_setting('block_size')::bigint - pages + 1, 1
    )
  )::bigint
$$;

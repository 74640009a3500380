-- Overloaded for the two types of host ids. Inlined into each writer's statement, so without a search_path of its own.
create or replace function inboxdb.is_too_long(id uuid) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: say whether a workspace's id is longer than our indexes can hold beside their other columns, so that a
  --   write of the host's would fail by them (D111).
  -- Parameters: id.
  -- Returns: never.
  -- INVOKER: reads nothing.
  select false
$$;

create or replace function inboxdb.is_too_long(id text) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: as above.
  -- Parameters: as above.
  -- Returns: whether it has more than 2,000 bytes; null for null.
  -- Source: an entry of a B-tree has 2,704 bytes at most.
  -- INVOKER: reads nothing.
  select pg_catalog.octet_length(id) operator(pg_catalog.>) 2000
$$;

create or replace function inboxdb.iso(instant timestamptz) returns text
language sql immutable
set search_path = ''
as $$
  -- Purpose: an instant as text for the cache's readers.
  -- Parameters: instant.
  -- Returns: as in 2026-01-31T12:00:00.000000Z, in UTC whatever the session's TimeZone is.
  -- Source: RFC 3339.
  -- INVOKER: reads nothing.
  select pg_catalog.to_char(instant at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

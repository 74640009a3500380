-- The inverse of utc, for comparing with a column as it is. Both functions are inlined, hence no search_path of their
-- own; overload resolution picks the right one per column.
create or replace function inboxdb.host_time(instant timestamptz, like_this timestamp) returns timestamp
language sql immutable parallel safe
as $$
  -- Purpose: an instant in the type of a host's column.
  -- Parameters: instant; like_this, the column.
  -- Returns: the instant in UTC, without time zone.
  -- INVOKER: reads nothing.
  select instant at time zone 'UTC'
$$;

create or replace function inboxdb.host_time(instant timestamptz, like_this timestamptz) returns timestamptz
language sql immutable parallel safe
as $$
  -- Purpose: the same for hosts with timestamp WITH time zone: nothing to do.
  -- Parameters: as above.
  -- Returns: the instant.
  -- INVOKER: reads nothing.
  select instant
$$;

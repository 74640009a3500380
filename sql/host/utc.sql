-- Time zones are known here alone (D68). Prisma keeps UTC in `timestamp` columns; a timestamptz is returned as it is.
-- Both functions are inlined, hence no search_path of their own; overload resolution picks the right one per column.
create or replace function inboxdb.utc(host_time timestamp) returns timestamptz
language sql immutable strict parallel safe
as $$
  -- Purpose: read a host's timestamp WITHOUT time zone, whatever the session's TimeZone.
  -- Parameters: host_time, in UTC by the host's convention.
  -- Returns: the instant; infinities stay infinite.
  -- INVOKER: reads nothing.
  select host_time at time zone 'UTC'
$$;

create or replace function inboxdb.utc(host_time timestamptz) returns timestamptz
language sql immutable strict parallel safe
as $$
  -- Purpose: the same for hosts with timestamp WITH time zone: nothing to do.
  -- Parameters: host_time.
  -- Returns: host_time.
  -- INVOKER: reads nothing.
  select host_time
$$;

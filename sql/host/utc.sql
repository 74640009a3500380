-- The only place that knows about time zones. Prisma keeps UTC in `timestamp` columns; hosts that use timestamptz
-- pass through. Both are inlined, hence no search_path of their own; overload resolution picks one per column.
create function inboxdb.utc(host_time timestamp) returns timestamptz
language sql immutable strict parallel safe
as $$
  -- Purpose: read a host's timestamp WITHOUT time zone, whatever the session's TimeZone.
  -- Parameters: host_time, in UTC by the host's convention.
  -- Returns: the instant it stands for; infinities stay infinite.
  -- INVOKER: reads nothing.
  select host_time at time zone 'UTC'
$$;

create function inboxdb.utc(host_time timestamptz) returns timestamptz
language sql immutable strict parallel safe
as $$
  -- Purpose: the same for hosts that use timestamp WITH time zone: nothing to do.
  -- Parameters: host_time.
  -- Returns: host_time.
  -- INVOKER: reads nothing.
  select host_time
$$;

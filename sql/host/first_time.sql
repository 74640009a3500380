-- Overloaded for the two kinds of a host's times, which "Lead" may mix. Inlined into queries that an index answers,
-- hence neither STRICT nor with a search_path of their own.
create or replace function inboxdb.first_time(a timestamp, b timestamp) returns timestamp
language sql immutable parallel safe
as $$
  -- Purpose: the first of two times of the host's that is there, in the columns' own type: an index on the bare columns
  --   costs writers half of one on instants.
  -- Parameters: a, b.
  -- Returns: a; b where a is null; -infinity where both are.
  -- INVOKER: reads nothing.
  select coalesce(a, b, '-infinity')
$$;

create or replace function inboxdb.first_time(a timestamptz, b timestamptz) returns timestamptz
language sql immutable parallel safe
as $$
  -- Purpose: the same for hosts with timestamp WITH time zone.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select coalesce(a, b, '-infinity')
$$;

create or replace function inboxdb.first_time(a timestamp, b timestamptz) returns timestamptz
language sql immutable parallel safe
as $$
  -- Purpose: the same for columns of different kinds: both as instants.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select coalesce(a at time zone 'UTC', b, '-infinity')
$$;

create or replace function inboxdb.first_time(a timestamptz, b timestamp) returns timestamptz
language sql immutable parallel safe
as $$
  -- Purpose: the same for columns of different kinds: both as instants.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select coalesce(a, b at time zone 'UTC', '-infinity')
$$;

-- Overloaded for the two kinds of a host's times, which "Lead" may mix. Inlined into queries that an index answers,
-- hence without a search_path of their own.
create or replace function inboxdb.is_after(a timestamp, b timestamp) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: compare two times of the host's in the columns' own type: see first_time.
  -- Parameters: a, b.
  -- Returns: whether a is after b; null where one is null.
  -- INVOKER: reads nothing.
  select a > b
$$;

create or replace function inboxdb.is_after(a timestamptz, b timestamptz) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: the same for hosts with timestamp WITH time zone.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select a > b
$$;

create or replace function inboxdb.is_after(a timestamp, b timestamptz) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: the same for columns of different kinds: both as instants.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select (a at time zone 'UTC') > b
$$;

create or replace function inboxdb.is_after(a timestamptz, b timestamp) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: the same for columns of different kinds: both as instants.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select a > (b at time zone 'UTC')
$$;

-- Overloaded for the two types of host ids; callers pass a value of the wanted type. Inlined into their queries, so
-- without a search_path of their own.
create or replace function inboxdb.can_be_id(candidate text, like_this uuid) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: say whether a text can be cast to the type of a host's ids.
  -- Parameters: candidate; like_this, any value of the ids' type.
  -- Returns: true or false; null for null.
  -- INVOKER: reads nothing.
  select candidate operator(pg_catalog.~) '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$'
$$;

create or replace function inboxdb.can_be_id(candidate text, like_this text) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: as above.
  -- Parameters: as above.
  -- Returns: true: any text is a text.
  -- INVOKER: reads nothing.
  select true
$$;

create function inboxdb.definitions() returns text
language sql immutable parallel safe
as $$
  -- Purpose: which definition of the counts this is.
  select '1'
$$;

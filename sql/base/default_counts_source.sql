create or replace function inboxdb.default_counts_source() returns text
language sql immutable
set search_path = ''
as $$
  -- Purpose: the default of the setting counts_source, for view setting_definition, and for readers of counts, who do
  --   not read the view, because its scan costs each of them 2 microseconds (D124).
  -- Returns: stored.
  -- INVOKER: reads nothing.
  select 'stored'
$$;

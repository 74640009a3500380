create or replace function inboxdb.positive_tags() returns text[]
language sql immutable parallel safe
as $$
  -- Purpose: the tags of leads that are positive, known here alone.
  -- Returns: the tags.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select array['Meeting Requested', 'Call Requested', 'Information Requested', 'Interested', 'Positive']
$$;

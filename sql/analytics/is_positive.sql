create or replace function inboxdb.is_positive(sentiment_tag text) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: say whether a lead's tag is positive.
  -- Parameters: sentiment_tag.
  -- Returns: true or false; false for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select coalesce(sentiment_tag = any (inboxdb.positive_tags()), false)
$$;

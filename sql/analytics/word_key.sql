create or replace function inboxdb.word_key(word text) returns bigint
language sql immutable parallel safe
as $$
  -- Purpose: the key that aggregates have for a word: a tag, a status, a campaign or a user.
  -- Parameters: word.
  -- Returns: its hash of 64 bits; 0 for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select coalesce(pg_catalog.hashtextextended(word collate "C", 0), 0)
$$;

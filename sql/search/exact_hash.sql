create or replace function inboxdb.exact_hash(kind text, value text) returns bigint
language sql immutable parallel safe
as $$
  -- Purpose: the short key of a text that is searched whole, in column exact of lead_text. What a collision finds is
  --   judged live, and left out.
  -- Parameters: kind: address, phone or campaign; value, folded, digits, or an id's text.
  -- Returns: the hash; null for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select pg_catalog.hashtextextended(
    value collate "C", case kind when 'address' then 1 when 'phone' then 2 when 'campaign' then 3 end
  )
$$;

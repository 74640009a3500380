create or replace function inboxdb.sender_number(source text, sent_by text, user_id text) returns integer
language sql immutable parallel safe
as $$
  -- Purpose: who sent an outbound message, known here alone.
  -- Parameters: source, sent_by and user_id, as of "Message".
  -- Returns: 0 the user, 1 an ai, 2 a campaign, 3 unknown.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case
    when source = 'inboxxia_campaign' then 2
    when sent_by = 'ai' then 1
    when nullif(user_id, inboxdb.sentinel()::pg_catalog.text) is not null then 0
    else 3
  end
$$;

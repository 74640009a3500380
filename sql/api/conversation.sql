-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.conversation(lead_id inboxdb.lead_id)
returns setof inboxdb.conversation_answer
language sql stable
rows 1
as $$
  -- Purpose: a conversation in detail, snoozed or not. For the application, and for PostgREST's
  --   GET /rpc/conversation?lead_id=... .
  -- Parameters: lead_id.
  -- Returns: one row. conversation, an object with the keys of conversations and more; viewer_role, the highest role of
  --   the current user in the lead's workspace; version, the inbox family's cache version.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such lead; IB015 switched off by a
  --   flag; IB020 without lists.
  -- INVOKER: read_conversation checks access, then reads.
  select * from inboxdb.read_conversation(lead_id)
$$;

-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.conversation_messages(
  lead_id inboxdb.lead_id, channel text default null, before text default null, page_size integer default 100
)
returns setof inboxdb.conversation_messages_answer
language sql stable
rows 1
as $$
  -- Purpose: a page of a conversation's messages, newest first. For the application, and for PostgREST's
  --   GET /rpc/conversation_messages?lead_id=... .
  -- Parameters: lead_id; channel, null for all; before, the cursor of the page before; page_size, 1 to 500.
  -- Returns: one row. messages, an array of objects, fewer than page_size where their bodies have more than 32 MiB
  --   together; cursor, where the next page begins, null at the end; has_more.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such lead; IB015 switched off by a
  --   flag; IB016 a cursor of another list; IB020 without lists; IB021 a refused argument.
  -- INVOKER: read_conversation_messages checks access, then reads.
  select * from inboxdb.read_conversation_messages(lead_id, channel, before, page_size)
$$;

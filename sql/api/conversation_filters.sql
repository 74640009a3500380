-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.conversation_filters(client_id inboxdb.client_id)
returns setof inboxdb.conversation_filters_answer
language sql stable
rows 1
as $$
  -- Purpose: the SMS campaigns by which the current user can filter a workspace's conversations. For the application,
  --   and for PostgREST's GET /rpc/conversation_filters?client_id=... . Read live, from all leads that the user sees.
  -- Parameters: client_id, the workspace.
  -- Returns: one row. sms_campaigns, an array of objects by name: sms_campaign_id, name, leads, the number of visible
  --   leads of the user's; campaigns without are left out; unattributed, the number of leads without a campaign;
  --   version, the inbox family's cache version.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 without lists.
  -- INVOKER: read_conversation_filters checks access, then reads.
  select * from inboxdb.read_conversation_filters(client_id)
$$;

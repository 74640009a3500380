-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.conversations(
  client_id inboxdb.client_id,
  filter text default 'all',
  channels text[] default null,
  sentiment_tags text[] default null,
  sms_campaign_id text default null,
  sms_campaign_unattributed boolean default false,
  score text default 'all',
  assigned_to text default null,
  search text default null,
  sort text default 'activity',
  after text default null,
  page_size integer default 50
)
returns setof inboxdb.conversations_answer
language sql stable
rows 1
as $$
  -- Purpose: a page of the current user's conversations in a workspace, newest first. For the application,
  --   and for PostgREST's GET /rpc/conversations?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; filter, one of view list_filter; channels: the lead has a message on one of
  --   these; sentiment_tags, exact, null for leads without a tag; sms_campaign_id, or sms_campaign_unattributed for
  --   leads without a campaign; score; assigned_to, whose leads, '' for nobody's; search, an e-mail address or
  --   terms; sort, activity or updated; after, the cursor of the page before; page_size, 1 to 200.
  -- Returns: one row. conversations, an array of objects; cursor, where the next page begins, null at the end;
  --   has_more, whether the end is not known: where each lead has to be looked at, a page may be short, or empty;
  --   version, the inbox family's cache version; scanned, how many leads were looked at.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB016 a cursor of another list; IB020 without lists; IB021 a refused argument.
  -- INVOKER: read_conversations checks access, then reads.
  select *
  from inboxdb.read_conversations(
    client_id, filter, channels, sentiment_tags, sms_campaign_id, sms_campaign_unattributed, score, assigned_to, search,
    sort, after, page_size
  )
$$;

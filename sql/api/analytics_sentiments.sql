-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_sentiments(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the responders of a window by their present tag, of the current user's leads in a workspace. For the
  --   application, and for PostgREST's GET /rpc/analytics_sentiments?client_id=... .
  --   From aggregates; live where there are none for the caller, or not yet.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: sentiment_tag, responses, share;
  --   the days and the time zone; computed_at; version, the analytics family's cache version; is_stale.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_sentiments checks access, then reads.
  select * from inboxdb.read_analytics_sentiments(client_id, from_day, to_day)
$$;

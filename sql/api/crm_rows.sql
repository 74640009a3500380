-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.crm_rows(
  client_id inboxdb.client_id,
  campaign text default null,
  category text default null,
  status text default null,
  mode text default null,
  from_day date default null,
  to_day date default null,
  after text default null,
  page_size integer default 50
)
returns setof inboxdb.crm_rows_answer
language sql stable
rows 1
as $$
  -- Purpose: a page of the CRM rows of the current user's leads in a workspace, the newest interest first, rows without
  --   an instant last. For the application, and for PostgREST's GET /rpc/crm_rows?client_id=... .
  -- Parameters: client_id, the workspace; campaign, the name as registered; category, the override, else the type of
  --   interest; status, of the pipeline; mode, AI, HUMAN or UNKNOWN; null for all; from_day, to_day, both or neither,
  --   1 to 400 days on which interest was registered; after, the cursor of the page before; page_size, 1 to 200.
  -- Returns: a single row. crm_rows, an array of objects; cursor, where the next page begins, null at the end;
  --   has_more; version, the analytics family's cache version. Under PostgREST also an ETag, and status 304, as for
  --   inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB016 a cursor of another list; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_crm_rows checks access, then reads.
  select *
  from inboxdb.read_crm_rows(client_id, campaign, category, status, mode, from_day, to_day, after, page_size)
$$;

-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.inbox_counts(client_id inboxdb.client_id)
returns setof inboxdb.counts_answer
language sql stable
rows 1
as $$
  -- Purpose: the current user's counts of a workspace. For the application, and for PostgREST's
  --   GET /rpc/inbox_counts?client_id=... . Never recomputes.
  -- Parameters: client_id, the workspace.
  -- Returns: one row. scope_user_id, whose counts they are: the sentinel for the whole workspace, which every member
  --   but a setter gets, else the user's; the counts, as view count lists them, zeros where the scope has no lead;
  --   computed_at, the instant they speak of, null where the workspace was never counted; version, the inbox family's
  --   cache version, null before the first; dirty_since, when the oldest change that a collector has found was noted,
  --   null where none waits; is_stale, true when that is over 15 seconds ago or nobody has collected for as long;
  --   source: stored, or live where the setting counts_source says so (then computed_at is now, and nothing is stale).
  --   Under PostgREST (where request.headers is set) it also sets response.headers to an ETag of workspace, scope,
  --   version and is_stale, and response.status to 304 for a client with the same ETag; neither in live mode.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag.
  -- INVOKER: read_inbox_counts checks access, then reads.
  select * from inboxdb.read_inbox_counts(client_id)
$$;

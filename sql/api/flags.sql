-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.flags(client_id inboxdb.client_id)
returns setof inboxdb.flags_answer
language sql stable
rows 1
as $$
  -- Purpose: which reads are on for a workspace, so that a client asks for no others. For the application, and for
  --   PostgREST's GET /rpc/flags?client_id=... . Behind no flag.
  -- Parameters: client_id, the workspace.
  -- Returns: one row. flags, an object: true or false for each flag of flag_definition.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace.
  -- INVOKER: read_flags checks access, then reads.
  select * from inboxdb.read_flags(client_id)
$$;

create or replace function inboxdb.is_for_analytics(
  client_id inboxdb.client_id, lead_id inboxdb.lead_id, changed smallint
)
returns boolean
language sql immutable
as $$
  -- Purpose: whether a change taken for the counts may be one of analytics, too.
  -- Parameters: as in the change log.
  -- Returns: true for what a writer of "Lead" did, and for a change of a whole workspace or of everything; false for a
  --   draft's.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: called by take_changes only.
  select changed <> 0 or lead_id is null
$$;

create or replace function inboxdb.is_for_texts(client_id inboxdb.client_id, lead_id inboxdb.lead_id, changed smallint)
returns boolean
language sql immutable
as $$
  -- Purpose: whether a change taken for the counts may be one of texts, too.
  -- Parameters: as in the change log.
  -- Returns: true for a lead made, gone or moved, and for a change of everything; never null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: called by take_changes only.
  select changed & 56 <> 0 or (client_id is null and lead_id is null)
$$;

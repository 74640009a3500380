create or replace function inboxdb.can_note_text() returns boolean
language sql volatile
as $$
  -- Purpose: whether the present role may append to text_change: as can_note_in for the change log (D116).
  -- Returns: true; else false, null or an error.
  -- Inlined into the triggers, hence no search_path of its own.
  -- Reads: the catalog.
  -- INVOKER: called by note_text_change and note_compared_text only.
  select
    pg_catalog.has_table_privilege('inboxdb.text_change'::pg_catalog.regclass, 'insert')
    and not pg_catalog.row_security_active('inboxdb.text_change'::pg_catalog.regclass)
    and inboxdb.clock() is not null
    and null::inboxdb.client_id is null
    and null::inboxdb.lead_id is null
$$;

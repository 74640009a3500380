create or replace function inboxdb.can_note_in(slice integer) returns boolean
language sql volatile
as $$
  -- Purpose: whether the present role may append to a slice of the log: for triggers, so that no write of the host's
  --   fails where the owner of inboxdb's functions has lost a right, or something of ours is gone (D116).
  -- Parameters: slice.
  -- Returns: true; else false, null or an error.
  -- Inlined into each trigger, hence no search_path of its own.
  -- By oid, because a name is looked up for each row. All four are named, so that a lost one is an error, and so are
  -- the types of the log's columns, which go with them; a default of the log calls clock.
  -- Reads: the catalog.
  -- INVOKER: called by note_lead_change and can_note only.
  select
    pg_catalog.has_table_privilege((array[
      'inboxdb.change_0'::pg_catalog.regclass, 'inboxdb.change_1'::pg_catalog.regclass,
      'inboxdb.change_2'::pg_catalog.regclass, 'inboxdb.change_3'::pg_catalog.regclass
    ])[slice + 1], 'insert')
    and not pg_catalog.row_security_active((array[
      'inboxdb.change_0'::pg_catalog.regclass, 'inboxdb.change_1'::pg_catalog.regclass,
      'inboxdb.change_2'::pg_catalog.regclass, 'inboxdb.change_3'::pg_catalog.regclass
    ])[slice + 1])
    and inboxdb.clock() is not null
    and null::inboxdb.client_id is null
    and null::inboxdb.lead_id is null
    and null::inboxdb.user_id is null
$$;

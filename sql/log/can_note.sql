create or replace function inboxdb.can_note() returns boolean
language sql volatile
as $$
  -- Purpose: whether the present role may append to the log: for triggers, so that no write of the host's fails where
  --   the owner of inboxdb's functions has lost a right, or something of ours is gone (D116).
  -- Returns: true; else false, null or an error.
  -- Inlined into each trigger, hence no search_path of its own. Tables by oid, because a name is looked up for each
  -- row; a function by a call, because a plan follows a function that is made anew, and no oid of one.
  -- Reads: the catalog.
  -- INVOKER: called by our trigger functions, and by check_host.
  select
    pg_catalog.has_table_privilege('inboxdb.change_0'::pg_catalog.regclass, 'insert')
    and pg_catalog.has_table_privilege('inboxdb.change_1'::pg_catalog.regclass, 'insert')
    and pg_catalog.has_table_privilege('inboxdb.change_2'::pg_catalog.regclass, 'insert')
    and pg_catalog.has_table_privilege('inboxdb.change_3'::pg_catalog.regclass, 'insert')
    and not pg_catalog.row_security_active('inboxdb.change_0'::pg_catalog.regclass)
    and not pg_catalog.row_security_active('inboxdb.change_1'::pg_catalog.regclass)
    and not pg_catalog.row_security_active('inboxdb.change_2'::pg_catalog.regclass)
    and not pg_catalog.row_security_active('inboxdb.change_3'::pg_catalog.regclass)
    and inboxdb.note_change(null, null, null, true)
$$;

create or replace function inboxdb.can_note() returns boolean
language sql volatile
as $$
  -- Purpose: whether the present role may append to every slice of the log, and call note_change (D116).
  -- A call of note_change that appends nothing, because a plan follows a function that is made anew, and no oid of one.
  -- Returns: true; else false, null or an error.
  -- Inlined into each trigger, hence no search_path of its own.
  -- Reads: the catalog.
  -- INVOKER: called by our trigger functions, and by check_host.
  select
    inboxdb.can_note_in(0) and inboxdb.can_note_in(1) and inboxdb.can_note_in(2) and inboxdb.can_note_in(3)
    and inboxdb.note_change(null, null, is_probe => true)
$$;

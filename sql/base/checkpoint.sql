create or replace function inboxdb.checkpoint(name text, about text default null) returns void
language sql volatile
as $$
  -- Purpose: a moment with a name, at which a test stops a session, or has it fail, by replacing this function. Does
  --   nothing.
  -- Parameters: name, of the moment; about, which workspace, where that is known.
  -- Inlined, hence no search_path of its own: a call takes a microsecond.
  -- INVOKER: reads nothing.
  select null::pg_catalog.void
$$;

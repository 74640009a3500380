create or replace function inboxdb.definitions() returns text
language sql immutable parallel safe
as $$
  -- Purpose: the hash of the definitions of the counts: workspaces counted by other definitions are recounted (D27).
  -- Returns: the first eight digits of the MD5 of counts/classified_lead.view.sql, counts/lead_now.view.sql and
  --   host/id_key.sql, one after the other; tests/test_sources.py holds it to that.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select 'f5a01fc1'
$$;

create or replace function inboxdb.suspended_since() returns timestamptz
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: since when inboxdb is suspended: by command, for the host's own migration, so that no change is noted; or
  --   by a collector, because the host has changed its schema (why_suspended).
  -- Returns: null while not suspended.
  -- Reads: installation.
  -- DEFINER: roles of drains and of monitoring may not read it.
  select i.suspended_since from inboxdb.installation as i
$$;

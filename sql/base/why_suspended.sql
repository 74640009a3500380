create or replace function inboxdb.why_suspended() returns text
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: why inboxdb suspended itself: what the host has changed of its schema.
  -- Returns: null while not suspended, and where suspended by command.
  -- Reads: installation.
  -- DEFINER: roles of drains and of monitoring may not read it.
  select i.suspended_because from inboxdb.installation as i
$$;

create or replace function inboxdb.flag_cohort(flag text, client_id text) returns integer
language sql immutable parallel safe
set search_path = ''
as $$
  -- Purpose: a workspace's place in the roll-out of a flag: the same for ever, and another one for each flag.
  -- Parameters: flag; client_id, as text.
  -- Returns: 0 to 99. A flag that is on for n percent is on for the places below n, so that a percentage that grows
  --   only adds workspaces.
  -- INVOKER: reads nothing.
  select ((inboxdb.id_hash(client_id, inboxdb.id_hash(flag, 0)) & 9223372036854775807) % 100)::integer
$$;

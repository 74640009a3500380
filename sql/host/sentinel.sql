create or replace function inboxdb.sentinel() returns inboxdb.user_id
language sql immutable parallel safe
set search_path = ''
as $$
  -- Purpose: the scope_user_id of global rows; no user has this id.
  -- Returns: the nil UUID, in the host's type for user ids.
  -- INVOKER: a constant.
  select '00000000-0000-0000-0000-000000000000'::inboxdb.user_id
$$;

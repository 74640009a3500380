-- Inlined into the queries that use it, so it has no search_path of its own.
create function inboxdb.sentinel() returns inboxdb.user_id
language sql immutable parallel safe
as $$
  -- Purpose: the scope_user_id of global rows, which belongs to no user.
  -- Returns: the nil UUID, in the host's type for user ids.
  -- INVOKER: a constant.
  select '00000000-0000-0000-0000-000000000000'::inboxdb.user_id
$$;

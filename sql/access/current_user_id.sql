create or replace function inboxdb.current_user_id() returns inboxdb.user_id
language plpgsql stable parallel safe security definer
set search_path = ''
as $$
-- Purpose: who is asking, for policies and the host.
-- Returns: as claimed_user_id.
-- Errors: those of claimed_user_id.
-- Reads: as claimed_user_id.
-- DEFINER: policies call this function for restricted roles, which so need no right on the functions called here.
begin
  return inboxdb.claimed_user_id();
end
$$;

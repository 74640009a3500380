create function inboxdb.setter_workspaces() returns setof inboxdb.client_id
language plpgsql stable parallel safe security definer
rows 10
set search_path = ''
-- as in member_workspaces
set row_security = off
as $$
-- Purpose: the workspaces where the current user's highest role is SETTER: there they see only what is theirs. For
--   policies, as member_workspaces.
-- Returns: their ids; none without an identity.
-- Errors: those of current_user_id.
-- Reads: member_access.
-- DEFINER: the caller may not read "Client" and "ClientMember".
declare
  me constant inboxdb.user_id := inboxdb.current_user_id();
begin
  return query
  select a.client_id::inboxdb.client_id from inboxdb.member_access as a where a.user_id = me and not a.sees_whole;
end
$$;

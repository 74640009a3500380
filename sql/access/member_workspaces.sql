create function inboxdb.member_workspaces() returns setof inboxdb.client_id
language plpgsql stable parallel safe security definer
rows 10
set search_path = ''
-- a policy that hid memberships would narrow what their holder sees: raise instead
set row_security = off
as $$
-- Purpose: the workspaces that the current user is a member of, whole or as a setter; for policies, which put it into
--   a sub-select of its own so that it runs once per query.
-- Returns: their ids; none without an identity.
-- Errors: those of current_user_id.
-- Reads: member_access.
-- DEFINER: the caller may not read "Client" and "ClientMember".
declare
  me constant inboxdb.user_id := inboxdb.current_user_id();
begin
  return query
  select a.client_id::inboxdb.client_id from inboxdb.member_access as a where a.user_id = me;
end
$$;

create or replace function inboxdb.has_client_access(client_id inboxdb.client_id) returns boolean
language plpgsql stable parallel safe security definer
set search_path = ''
-- a policy hiding memberships would narrow what the caller sees: raise instead (D37)
set row_security = off
as $$
-- Purpose: say whether the current user is a member of a workspace, in any role. Policies use member_workspaces and
--   setter_workspaces instead, because a call per row is slow (D51).
-- Parameters: client_id.
-- Returns: true or false; false without an identity, and for an unknown workspace.
-- Errors: those of current_user_id.
-- Reads: member_access, by key.
-- DEFINER: the caller may not read "Client" and "ClientMember".
declare
  me constant inboxdb.user_id := inboxdb.current_user_id();
begin
  return exists (
    select
    from inboxdb.member_access as a
    where a.user_id = me and a.client_id = has_client_access.client_id
  );
end
$$;

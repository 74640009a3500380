create or replace function inboxdb.setter_workspaces() returns setof inboxdb.client_id
language plpgsql stable parallel safe security definer
rows 10
set search_path = ''
-- a policy hiding memberships would narrow what the caller sees: raise instead (D37)
set row_security = off
as $$
-- Purpose: the workspaces where the current user's highest role is SETTER, so that only their own leads are seen there.
--   For policies: in an uncorrelated sub-select, so called once per query (D51).
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

create or replace function inboxdb.require_lead(
  target_lead_id inboxdb.lead_id, out client_id inboxdb.client_id, out scope inboxdb.user_id
)
language plpgsql stable
set search_path = ''
set row_security = off
as $$
-- Purpose: refuse callers who may not see a lead, in the words of require_access: leads of another workspace, leads of
--   another setter, and no lead at all are told alike.
-- Parameters: target_lead_id.
-- Returns: the lead's workspace, and the caller's scope there.
-- Errors: those of require_access.
-- Reads: classified_lead, member_access, by key.
-- INVOKER: called by our DEFINER functions only.
declare
  me constant inboxdb.user_id := inboxdb.current_user_id();
begin
  -- by views, because views follow a renamed column: require_lists names the column, to callers with access alone
  select l.client_id into client_id
  from inboxdb.classified_lead as l
  inner join inboxdb.member_access as a on l.client_id = a.client_id
  where l.lead_id = target_lead_id and a.user_id = me and (a.sees_whole or l.scope_user_id = me);
  scope := inboxdb.require_access(client_id, 'inbox_read');
end
$$;

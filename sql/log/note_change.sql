create or replace function inboxdb.note_change(
  changed_client_id inboxdb.client_id, changed_lead_id inboxdb.lead_id, former_user_id inboxdb.user_id default null
) returns void
-- No search_path of its own: its callers pin theirs, everything in it is qualified, and setting it once more made each
-- written lead's trigger a quarter dearer.
language plpgsql volatile
as $$
-- Purpose: append one change to the log. Never waits: it inserts a row of its own and locks nobody else's.
-- Parameters: changed_client_id, null where the caller does not know the workspace; changed_lead_id, null for the whole
--   workspace. Both null: every workspace. former_user_id, whose lead it was, where it no longer is.
-- Writes: the current slice.
-- INVOKER: called by our DEFINER functions only.
begin
  case inboxdb.current_slice()
    when 0 then
      insert into inboxdb.change_0 (client_id, lead_id, left_user_id)
      values (changed_client_id, changed_lead_id, former_user_id);
    when 1 then
      insert into inboxdb.change_1 (client_id, lead_id, left_user_id)
      values (changed_client_id, changed_lead_id, former_user_id);
    when 2 then
      insert into inboxdb.change_2 (client_id, lead_id, left_user_id)
      values (changed_client_id, changed_lead_id, former_user_id);
    when 3 then
      insert into inboxdb.change_3 (client_id, lead_id, left_user_id)
      values (changed_client_id, changed_lead_id, former_user_id);
  end case;
end
$$;

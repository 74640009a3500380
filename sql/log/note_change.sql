create or replace function inboxdb.note_change(
  changed_client_id inboxdb.client_id, changed_lead_id inboxdb.lead_id, former_user_id inboxdb.user_id default null,
  changed_bits smallint default 0, is_probe boolean default false
) returns boolean
-- No search_path of its own: its callers pin theirs, every name here is qualified, and another SET made the trigger a
-- quarter dearer (D13).
language plpgsql volatile
as $$
-- Purpose: append a change to the log, except of a workspace whose id is too long. Never waits: inserts a row of its
--   own and locks no other row (D1).
-- Parameters: changed_client_id, null where the caller does not know the workspace; changed_lead_id, null for the whole
--   workspace. Both null: every workspace. former_user_id, the user whom the lead left, if any (D61). changed_bits, as
--   in column changed. is_probe, to find out for can_note whether the function can be called, and append nothing.
-- Returns: true.
-- Writes: the current slice.
-- INVOKER: called by our DEFINER functions only.
begin
  -- not counted, because the host's write would fail by an index of ours (D111)
  if inboxdb.is_too_long(changed_client_id) then
    return true;
  end if;
  if is_probe then
    return inboxdb.current_slice() is not null;
  end if;
  case inboxdb.current_slice()
    when 0 then
      insert into inboxdb.change_0 (client_id, lead_id, left_user_id, changed)
      values (changed_client_id, changed_lead_id, former_user_id, changed_bits);
    when 1 then
      insert into inboxdb.change_1 (client_id, lead_id, left_user_id, changed)
      values (changed_client_id, changed_lead_id, former_user_id, changed_bits);
    when 2 then
      insert into inboxdb.change_2 (client_id, lead_id, left_user_id, changed)
      values (changed_client_id, changed_lead_id, former_user_id, changed_bits);
    when 3 then
      insert into inboxdb.change_3 (client_id, lead_id, left_user_id, changed)
      values (changed_client_id, changed_lead_id, former_user_id, changed_bits);
  end case;
  return true;
end
$$;

create or replace function inboxdb.note_lead_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Lead": note the lead, on both sides of a move between workspaces or users.
-- Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
declare
  -- text, because a type of ours cannot be looked up without USAGE on its schema, and outside of any handler (D116)
  old_client_id pg_catalog.text;
  old_id pg_catalog.text;
  old_user_id pg_catalog.text;
  new_client_id pg_catalog.text;
  new_id pg_catalog.text;
  new_user_id pg_catalog.text;
begin
  -- The handler encloses reading alone: a write in it would take a transaction id for each row (D101).
  begin
    if inboxdb.can_note() is not true then
      return null;
    end if;
    if tg_op <> 'INSERT' then
      old_client_id := old."clientId"::inboxdb.client_id;
      old_id := old.id::inboxdb.lead_id;
      old_user_id := old."assignedToUserId"::inboxdb.user_id;
    end if;
    if tg_op <> 'DELETE' then
      new_client_id := new."clientId"::inboxdb.client_id;
      new_id := new.id::inboxdb.lead_id;
      new_user_id := new."assignedToUserId"::inboxdb.user_id;
    end if;
  exception when others then
    begin
      perform inboxdb.note_unreadable();
    exception when others then
      null; -- what notes is lost, too
    end;
    return null;
  end;

  if tg_op = 'UPDATE'
    and (old_client_id, old_id, old_user_id) is not distinct from (new_client_id, new_id, new_user_id)
  then
    perform inboxdb.note_change(new_client_id::inboxdb.client_id, new_id::inboxdb.lead_id);
    return null;
  end if;
  if tg_op <> 'INSERT' then
    perform inboxdb.note_change(
      old_client_id::inboxdb.client_id, old_id::inboxdb.lead_id, old_user_id::inboxdb.user_id
    );
  end if;
  if tg_op = 'INSERT' or (tg_op = 'UPDATE' and (old_client_id, old_id) is distinct from (new_client_id, new_id)) then
    perform inboxdb.note_change(new_client_id::inboxdb.client_id, new_id::inboxdb.lead_id);
  end if;
  return null;
end
$$;

create or replace function inboxdb.note_draft_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "AIDraft": note the draft's lead, on both sides of a move between leads; before a delete also
--   the leads of the messages sent from the draft, because the host's foreign key is about to null "aiDraftId" (D5).
-- The change names no workspace: the collector fills in the lead's, because a move in flight may yet change it (D3).
-- Reads: "Message" (by the host's index on "aiDraftId", as the foreign key does). Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
declare
  -- text, because a type of ours cannot be looked up without USAGE on its schema, and outside of any handler (D116)
  old_lead_id pg_catalog.text;
  new_lead_id pg_catalog.text;
  message_lead_id pg_catalog.text;
begin
  -- The handler encloses reading alone: a lock in it would take a transaction id for each row (D101).
  begin
    if inboxdb.can_note() is not true then
      return case when tg_op = 'DELETE' then old end;
    end if;
    if tg_op <> 'INSERT' then
      old_lead_id := old."leadId"::inboxdb.lead_id;
    end if;
    if tg_op <> 'DELETE' then
      new_lead_id := new."leadId"::inboxdb.lead_id;
    else
      -- reads and locks no row; fails where the loop below would: names, types, privileges
      perform m."leadId" from public."Message" as m where m."aiDraftId" = old.id and false for no key update;
    end if;
  exception when others then
    begin
      perform inboxdb.note_unreadable();
    exception when others then
      null; -- what notes is lost, too
    end;
    return case when tg_op = 'DELETE' then old end;
  end;

  -- a draft or a message of no lead counts nowhere, and a change that names nothing would be one of every workspace
  if old_lead_id is not null then
    perform inboxdb.note_change(null, old_lead_id::inboxdb.lead_id);
  end if;
  if new_lead_id is not null and (tg_op = 'INSERT' or old_lead_id is distinct from new_lead_id) then
    perform inboxdb.note_change(null, new_lead_id::inboxdb.lead_id);
  end if;
  if tg_op = 'DELETE' then
    -- Locked, so that a message being moved by another transaction is found at its new lead. No further wait: the
    -- foreign key's action, next, updates the same rows.
    for message_lead_id in
      select m."leadId" from public."Message" as m where m."aiDraftId" = old.id for no key update
    loop
      if message_lead_id is not null and message_lead_id is distinct from old_lead_id then
        perform inboxdb.note_change(null, message_lead_id::inboxdb.lead_id);
      end if;
    end loop;
    return old;
  end if;
  return null;
end
$$;

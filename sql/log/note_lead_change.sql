create or replace function inboxdb.note_lead_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Lead": note the lead, on both sides of a move between workspaces or users.
-- Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
begin
  if tg_op = 'UPDATE'
    and (old."clientId", old.id, old."assignedToUserId")
    is not distinct from (new."clientId", new.id, new."assignedToUserId")
  then
    perform inboxdb.note_change(new."clientId", new.id);
    return null;
  end if;
  if tg_op <> 'INSERT' then
    perform inboxdb.note_change(old."clientId", old.id, old."assignedToUserId");
  end if;
  if tg_op = 'INSERT' or (tg_op = 'UPDATE' and (old."clientId", old.id) is distinct from (new."clientId", new.id)) then
    perform inboxdb.note_change(new."clientId", new.id);
  end if;
  return null;
end
$$;

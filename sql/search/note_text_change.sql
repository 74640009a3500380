create or replace function inboxdb.note_text_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Lead" for an UPDATE naming a searched column: note the lead in text_change. Reads no
--   searched column, so that a renamed column makes no write fail.
-- A lead made, gone or moved is handed on by the counts' refresh (take_changes).
-- Writes: text_change.
-- DEFINER: the writer has no rights in inboxdb.
declare
  may_note pg_catalog.bool := false;
begin
  -- The handler encloses reading alone: a write in it would take a transaction id for each row (D101).
  begin
    may_note := inboxdb.can_note_text()
      and pg_catalog.num_nulls(new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id) = 0;
  exception when others then
    null; -- the next walk finds the lead
  end;
  if may_note then
    insert into inboxdb.text_change (client_id, lead_id)
    values (new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id);
  end if;
  return null;
end
$$;

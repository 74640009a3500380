create or replace function inboxdb.note_text_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Lead": note a lead in text_change. Without an argument for an UPDATE naming a searched
--   column; no searched column is read, so that a renamed column fails no write. With an argument for an UPDATE
--   changing a searched column: for hosts with BEFORE triggers (D121), and hosts naming every column always (D125).
-- A lead made, gone or moved is handed on by the counts' refresh (take_changes).
-- Writes: text_change.
-- DEFINER: the writer has no rights in inboxdb.
declare
  may_note pg_catalog.bool := true;
begin
  -- The handler encloses reading alone: a write in it would take a transaction id for each row (D101).
  begin
    if tg_nargs > 0 then
      may_note := old."firstName" is distinct from new."firstName"
        or old."lastName" is distinct from new."lastName"
        or old.email is distinct from new.email
        or old.phone is distinct from new.phone
        or old."companyName" is distinct from new."companyName"
        or old."alternateEmails" is distinct from new."alternateEmails"
        or old."currentReplierEmail" is distinct from new."currentReplierEmail"
        or old."smsCampaignId" is distinct from new."smsCampaignId";
    end if;
    -- may the owner of this function append, as can_note_in asks for the change log (D116)
    may_note := may_note
      and pg_catalog.has_table_privilege('inboxdb.text_change'::pg_catalog.regclass, 'insert')
      and not pg_catalog.row_security_active('inboxdb.text_change'::pg_catalog.regclass)
      and inboxdb.clock() is not null
      and pg_catalog.num_nulls(new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id) = 0;
  exception when others then
    may_note := false; -- the next walk finds the lead
  end;
  if may_note then
    insert into inboxdb.text_change (client_id, lead_id)
    values (new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id);
  end if;
  return null;
end
$$;

create or replace function inboxdb.note_compared_text() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Lead": note a lead of which a searched column changed, whatever the UPDATE names. For hosts
--   with BEFORE triggers (D121), and for hosts naming every column in each UPDATE (D125).
-- Writes: text_change.
-- DEFINER: the writer has no rights in inboxdb.
declare
  may_note pg_catalog.bool := false;
begin
  -- The handler encloses reading alone: a write in it would take a transaction id for each row (D101).
  begin
    may_note := (
        old."firstName" is distinct from new."firstName"
        or old."lastName" is distinct from new."lastName"
        or old.email is distinct from new.email
        or old.phone is distinct from new.phone
        or old."companyName" is distinct from new."companyName"
        or old."alternateEmails" is distinct from new."alternateEmails"
        or old."currentReplierEmail" is distinct from new."currentReplierEmail"
        or old."smsCampaignId" is distinct from new."smsCampaignId"
      )
      and inboxdb.can_note_text()
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

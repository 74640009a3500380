create or replace function inboxdb.note_analytics_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Lead": note a lead in analytics_change. Without an argument for an UPDATE naming a column
--   that analytics read, and counts do not; none of them is read, so that a renamed column fails no write. With an
--   argument for an UPDATE changing such a column: for hosts with BEFORE triggers (D121), and hosts naming every column
--   always (D125).
-- What counts read, too, is handed on by their refresh (take_changes).
-- Writes: analytics_change.
-- DEFINER: the writer has no rights in inboxdb.
declare
  may_note pg_catalog.bool := true;
begin
  -- The handler encloses reading alone: a write in it would take a transaction id for each row (D101).
  begin
    if tg_nargs > 0 then
      may_note := old."createdAt" is distinct from new."createdAt"
        or old."smsCampaignId" is distinct from new."smsCampaignId"
        or old."appointmentBookedAt" is distinct from new."appointmentBookedAt"
        or old."appointmentStatus" is distinct from new."appointmentStatus"
        or old."appointmentCanceledAt" is distinct from new."appointmentCanceledAt";
    end if;
    -- may the owner of this function append, as can_note_in asks for the change log (D116)
    may_note := may_note
      and pg_catalog.has_table_privilege('inboxdb.analytics_change'::pg_catalog.regclass, 'insert')
      and not pg_catalog.row_security_active('inboxdb.analytics_change'::pg_catalog.regclass)
      and inboxdb.clock() is not null
      and pg_catalog.num_nulls(new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id) = 0
      and not inboxdb.is_too_long(new."clientId"::inboxdb.client_id);
  exception when others then
    may_note := false; -- the next walk finds the lead
  end;
  if may_note then
    insert into inboxdb.analytics_change (client_id, lead_id, changed)
    values (new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id, 64);
  end if;
  return null;
end
$$;

create or replace function inboxdb.note_compared_lead() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Lead": note a lead of which a counted column changed, whatever the UPDATE names, on both
--   sides of a move. For hosts with BEFORE triggers, which may change a column not named (D121), and for hosts naming
--   every column in each UPDATE (D125).
-- Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
declare
  bits pg_catalog.int2;
  -- text, because a type of ours cannot be looked up without USAGE on its schema, and outside of any handler (D116)
  former_client_id pg_catalog.text;
  former_id pg_catalog.text;
  former_user_id pg_catalog.text;
  new_client_id pg_catalog.text;
  new_id pg_catalog.text;
begin
  -- The handler encloses reading alone: a write in it would take a transaction id for each row (D101).
  begin
    bits := case
        when old."clientId" is distinct from new."clientId" or old.id is distinct from new.id then 33
        when old."assignedToUserId" is distinct from new."assignedToUserId" then 5
        when old.status is distinct from new.status or old."sentimentTag" is distinct from new."sentimentTag"
          or old."snoozedUntil" is distinct from new."snoozedUntil" then 1
        else 0
      end
      + case
        when old."lastInboundAt" is distinct from new."lastInboundAt"
          or old."lastOutboundAt" is distinct from new."lastOutboundAt"
          or old."lastZrgOutboundAt" is distinct from new."lastZrgOutboundAt" then 2
        else 0
      end;
    if bits = 0 or inboxdb.can_note() is not true then
      return null;
    end if;
    former_client_id := old."clientId"::inboxdb.client_id;
    former_id := old.id::inboxdb.lead_id;
    former_user_id := old."assignedToUserId"::inboxdb.user_id;
    new_client_id := new."clientId"::inboxdb.client_id;
    new_id := new.id::inboxdb.lead_id;
  exception when others then
    begin
      perform inboxdb.note_unreadable();
    exception when others then
      null; -- what notes is lost, too
    end;
    return null;
  end;

  if bits < 5 then
    perform inboxdb.note_change(new_client_id::inboxdb.client_id, new_id::inboxdb.lead_id, null, bits);
    return null;
  end if;
  perform inboxdb.note_change(
    former_client_id::inboxdb.client_id, former_id::inboxdb.lead_id, former_user_id::inboxdb.user_id, bits
  );
  if bits > 32 then
    perform inboxdb.note_change(new_client_id::inboxdb.client_id, new_id::inboxdb.lead_id, null, bits);
  end if;
  return null;
end
$$;

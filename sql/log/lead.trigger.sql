-- A trigger for each event, because a session then has a copy of the function for each: what a copy prepares outside of
-- its handler is of the types that its handler read (D101).
create or replace trigger inboxdb_note_insert
after insert on public."Lead"
for each row execute function inboxdb.note_lead_change();

create or replace trigger inboxdb_note_delete
after delete on public."Lead"
for each row execute function inboxdb.note_lead_change();

-- A list of columns and no WHEN, because the server parses a condition anew in each statement (D120). Two, so that a
-- change says whether the UPDATE names a rollup column, which announces a message, or another counted column.
create or replace trigger inboxdb_note_update
after update of id, "clientId", status, "sentimentTag", "snoozedUntil", "assignedToUserId" on public."Lead"
for each row execute function inboxdb.note_lead_change();

create or replace trigger inboxdb_note_rollup
after update of "lastInboundAt", "lastOutboundAt", "lastZrgOutboundAt" on public."Lead"
for each row execute function inboxdb.note_lead_change('rollup');

-- Enabled by arrange_triggers where the host has BEFORE triggers (D121), or in place of these two (D125).
create or replace trigger inboxdb_note_compared
after update on public."Lead"
for each row execute function inboxdb.note_compared_lead();
alter table public."Lead" disable trigger inboxdb_note_compared;

create or replace trigger inboxdb_note_truncate
after truncate on public."Lead"
for each statement execute function inboxdb.note_truncate();

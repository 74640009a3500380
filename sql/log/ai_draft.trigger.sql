create or replace trigger inboxdb_note_insert
after insert on public."AIDraft"
for each row execute function inboxdb.note_draft_change();

create or replace trigger inboxdb_note_update
after update on public."AIDraft"
for each row when (
  old."leadId" is distinct from new."leadId"
  or old.status is distinct from new.status
  or old."autoSendAction" is distinct from new."autoSendAction"
)
execute function inboxdb.note_draft_change();

-- BEFORE, while the messages sent from the draft still name the draft (D5)
create or replace trigger inboxdb_note_delete
before delete on public."AIDraft"
for each row execute function inboxdb.note_draft_change();

create or replace trigger inboxdb_note_truncate
after truncate on public."AIDraft"
for each statement execute function inboxdb.note_truncate();

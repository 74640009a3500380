create or replace trigger inboxdb_note_insert_or_delete
after insert or delete on public."Client"
for each row execute function inboxdb.note_workspace_change();

create or replace trigger inboxdb_note_update
after update on public."Client"
for each row when (old.id is distinct from new.id)
execute function inboxdb.note_workspace_change();

create or replace trigger inboxdb_note_truncate
after truncate on public."Client"
for each statement execute function inboxdb.note_truncate();

-- inboxdb 0004: triggers on "Client": a workspace made, deleted or renamed is noted.
-- Locks: SHARE ROW EXCLUSIVE on "Client" alone, which stops writers; while it queues, at most the 2 s of lock_timeout,
--   they queue behind it. One table per transaction, so that it cannot deadlock with a writer.
--   Duration: milliseconds once granted.
-- Undo: 0004-client-triggers.rollback.sql drops the triggers, under ACCESS EXCLUSIVE, as briefly.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0004-client-triggers.sql (one transaction).
-- depends: 0003-host-indexes

set local lock_timeout = '2s';
set local search_path = '';

-- >>> sql/log/client.trigger.sql
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
-- <<< sql/log/client.trigger.sql

-- inboxdb 0005: triggers on "AIDraft": drafts that come, go or change state are noted.
-- Locks: SHARE ROW EXCLUSIVE on "AIDraft" alone, which stops writers; while it queues, at most the 2 s of lock_timeout,
--   they queue behind it. One table per transaction, so that it cannot deadlock with a writer.
--   Duration: milliseconds once granted.
-- Undo: 0005-ai-draft-triggers.rollback.sql drops the triggers, under ACCESS EXCLUSIVE, as briefly.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0005-ai-draft-triggers.sql (one transaction).
-- depends: 0004-client-triggers

set local lock_timeout = '2s';
set local search_path = '';

-- >>> sql/log/ai_draft.trigger.sql
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
-- <<< sql/log/ai_draft.trigger.sql

-- inboxdb 0006: triggers on "Lead": changes of leads are noted; then every workspace is marked, since whatever happened
--   before this transaction was not noted.
-- Locks: SHARE ROW EXCLUSIVE on "Lead" alone, which stops writers; while it queues, at most the 2 s of lock_timeout,
--   they queue behind it. One table per transaction, so that it cannot deadlock with a writer.
--   Duration: milliseconds once granted.
-- Undo: 0006-lead-triggers.rollback.sql drops the triggers, under ACCESS EXCLUSIVE, as briefly.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0006-lead-triggers.sql (one transaction).
-- depends: 0005-ai-draft-triggers

set local lock_timeout = '2s';
set local search_path = '';

-- >>> sql/log/lead.trigger.sql
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
-- <<< sql/log/lead.trigger.sql

do $mark$
begin
  perform inboxdb.arrange_if_free();
  perform inboxdb.mark_all_inbox_counts_dirty();
end
$mark$;

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

-- >>> sql/triggers/lead.sql
create trigger inboxdb_note_insert_or_delete
after insert or delete on public."Lead"
for each row execute function inboxdb.note_lead_change();

-- No column list: a BEFORE trigger of the host's may change a column that the UPDATE does not name. The condition is
-- evaluated before the trigger is queued, so updates of other columns call no function.
create trigger inboxdb_note_update
after update on public."Lead"
for each row when (
  (
    old.id, old."clientId", old.status, old."sentimentTag", old."lastInboundAt", old."lastOutboundAt",
    old."lastZrgOutboundAt", old."snoozedUntil", old."assignedToUserId"
  ) is distinct from (
    new.id, new."clientId", new.status, new."sentimentTag", new."lastInboundAt", new."lastOutboundAt",
    new."lastZrgOutboundAt", new."snoozedUntil", new."assignedToUserId"
  )
)
execute function inboxdb.note_lead_change();

-- A stored message is announced by an UPDATE that names a rollup column, whether its value changes or not. The
-- condition leaves to the trigger above what it notes already.
create trigger inboxdb_note_rollup
after update of "lastInboundAt", "lastOutboundAt", "lastZrgOutboundAt" on public."Lead"
for each row when (
  (
    old.id, old."clientId", old.status, old."sentimentTag", old."lastInboundAt", old."lastOutboundAt",
    old."lastZrgOutboundAt", old."snoozedUntil", old."assignedToUserId"
  ) is not distinct from (
    new.id, new."clientId", new.status, new."sentimentTag", new."lastInboundAt", new."lastOutboundAt",
    new."lastZrgOutboundAt", new."snoozedUntil", new."assignedToUserId"
  )
)
execute function inboxdb.note_lead_change();

create trigger inboxdb_note_truncate
after truncate on public."Lead"
for each statement execute function inboxdb.note_truncate();
-- <<< sql/triggers/lead.sql

do $mark$
begin
  perform inboxdb.mark_all_inbox_counts_dirty();
end
$mark$;

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
create or replace trigger inboxdb_note_insert_or_delete
after insert or delete on public."Lead"
for each row execute function inboxdb.note_lead_change();

-- No column list, because a BEFORE trigger of the host's may change a column not named in the UPDATE. WHEN is evaluated
-- before the trigger is queued, so updates of other columns call no function. Column by column, because pg_dump gives a
-- row comparison back with other parentheses, like an altered trigger (D72).
create or replace trigger inboxdb_note_update
after update on public."Lead"
for each row when (
  old.id is distinct from new.id
  or old."clientId" is distinct from new."clientId"
  or old.status is distinct from new.status
  or old."sentimentTag" is distinct from new."sentimentTag"
  or old."lastInboundAt" is distinct from new."lastInboundAt"
  or old."lastOutboundAt" is distinct from new."lastOutboundAt"
  or old."lastZrgOutboundAt" is distinct from new."lastZrgOutboundAt"
  or old."snoozedUntil" is distinct from new."snoozedUntil"
  or old."assignedToUserId" is distinct from new."assignedToUserId"
)
execute function inboxdb.note_lead_change();

-- A stored message is announced by an UPDATE naming a rollup column, even with the same value. WHEN excludes updates
-- noted by the trigger above.
create or replace trigger inboxdb_note_rollup
after update of "lastInboundAt", "lastOutboundAt", "lastZrgOutboundAt" on public."Lead"
for each row when (
  not (
    old.id is distinct from new.id
    or old."clientId" is distinct from new."clientId"
    or old.status is distinct from new.status
    or old."sentimentTag" is distinct from new."sentimentTag"
    or old."lastInboundAt" is distinct from new."lastInboundAt"
    or old."lastOutboundAt" is distinct from new."lastOutboundAt"
    or old."lastZrgOutboundAt" is distinct from new."lastZrgOutboundAt"
    or old."snoozedUntil" is distinct from new."snoozedUntil"
    or old."assignedToUserId" is distinct from new."assignedToUserId"
  )
)
execute function inboxdb.note_lead_change();

create or replace trigger inboxdb_note_truncate
after truncate on public."Lead"
for each statement execute function inboxdb.note_truncate();
-- <<< sql/log/lead.trigger.sql

do $mark$
begin
  perform inboxdb.mark_all_inbox_counts_dirty();
end
$mark$;

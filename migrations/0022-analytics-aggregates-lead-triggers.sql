-- inboxdb 0022: two triggers on "Lead" that note changes of columns that analytics read, and counts do not, where the host
-- has the columns. One of the two is enabled, as setting noted_updates and the host's own triggers need.
-- Drains find what happened before by a walk through all leads.
-- Locks: SHARE ROW EXCLUSIVE on "Lead", which stops writers; while it queues, at most the 2 s of lock_timeout, they queue
--   behind it. Duration: milliseconds once granted.
-- Undo: 0022-analytics-aggregates-lead-triggers.rollback.sql puts back what was before.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0022-analytics-aggregates-lead-triggers.sql (one transaction).
-- depends: 0021-analytics-aggregates

set local lock_timeout = '2s';
set local search_path = '';

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> sql/analytics/lead.trigger.sql
-- Not made where the host lacks a column: then analytics are read live, where they can be read at all (see
-- missing_for_analytics). No column stands in a list of the counts' triggers, and no WHEN in either (D120). View
-- update_trigger says which of the two is enabled. A column of the texts' may be named by both.
do $trigger$
begin
  if inboxdb.missing_for_analytics('figures') is not null then
    return;
  end if;
  execute $note$
create or replace trigger inboxdb_note_analytics
after update of "createdAt", "smsCampaignId", "appointmentBookedAt", "appointmentStatus",
"appointmentCanceledAt" on public."Lead"
for each row execute function inboxdb.note_analytics_change();
$note$;
  execute $note$
create or replace trigger inboxdb_note_compared_analytics
after update on public."Lead"
for each row execute function inboxdb.note_analytics_change('compared');
$note$;
  alter table public."Lead" disable trigger inboxdb_note_compared_analytics;
  perform inboxdb.arrange_if_free();
  -- what happened before these triggers a walk finds
  insert into inboxdb.analytics_change (client_id, lead_id) values (null, null);
end
$trigger$;
-- <<< sql/analytics/lead.trigger.sql

-- >>> by hand, after the bodies
-- <<< by hand

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

-- inboxdb 0011: search: two triggers on "Lead" that note changes of searched texts, where the host has the columns. One of
--   the two is enabled, as setting noted_updates and the host's own triggers need. Drains fill the texts afterwards.
-- Locks: SHARE ROW EXCLUSIVE on "Lead", which stops writers; while it queues, at most the 2 s of lock_timeout, they queue
--   behind it. Duration: milliseconds once granted.
-- Undo: 0011-search-lead-triggers.rollback.sql drops the two.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0011-search-lead-triggers.sql (one transaction).
-- depends: 0010-search

set local lock_timeout = '2s';
set local search_path = '';

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> sql/search/lead.trigger.sql
-- Not made where the host lacks a column: then there is no search (see missing_for_search). No column stands in a list
-- of the counts' triggers, and no WHEN in either (D120). View update_trigger says which of the two is enabled.
do $trigger$
begin
  if inboxdb.missing_for_search() is not null then
    return;
  end if;
  execute $note$
create or replace trigger inboxdb_note_text
after update of "firstName", "lastName", email, phone, "companyName", "alternateEmails", "currentReplierEmail",
"smsCampaignId" on public."Lead"
for each row execute function inboxdb.note_text_change();
$note$;
  execute $note$
create or replace trigger inboxdb_note_compared_text
after update on public."Lead"
for each row execute function inboxdb.note_text_change('compared');
$note$;
  alter table public."Lead" disable trigger inboxdb_note_compared_text;
  perform inboxdb.arrange_if_free();
  -- a walk that began before these triggers begins again
  insert into inboxdb.text_change (client_id, lead_id) values (null, null);
end
$trigger$;
-- <<< sql/search/lead.trigger.sql

-- >>> by hand, after the bodies
-- <<< by hand

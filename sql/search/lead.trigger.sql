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

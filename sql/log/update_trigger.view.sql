create or replace view inboxdb.update_trigger as
select
  t.tgname as trigger_name,
  t.tgenabled in ('O', 'A') as is_enabled,
  case
    when k.is_comparing then s.noted_updates = 'changed' or inboxdb.must_compare()
    else s.noted_updates = 'named'
  end as is_to_be_enabled,
  k.is_comparing,
  k.is_of_texts
from (
  values
  ('inboxdb_note_update', false, false),
  ('inboxdb_note_rollup', false, false),
  ('inboxdb_note_compared', true, false),
  ('inboxdb_note_text', false, true),
  ('inboxdb_note_compared_text', true, true)
) as k (trigger_name, is_comparing, is_of_texts)
inner join pg_catalog.pg_trigger as t on k.trigger_name = t.tgname
cross join (select inboxdb.setting('noted_updates') as noted_updates) as s
where t.tgrelid = pg_catalog.to_regclass('public."Lead"');

comment on view inboxdb.update_trigger is
'The triggers noting UPDATEs of "Lead", for counts and for searched texts: whether each is enabled, and whether it is '
'to be, by the setting noted_updates and by the host''s own triggers (function must_compare).';

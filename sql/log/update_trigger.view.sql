create or replace view inboxdb.update_trigger as
select
  t.tgname as trigger_name,
  t.tgenabled in ('O', 'A') as is_enabled,
  case
    when k.is_comparing then s.noted_updates = 'changed' or inboxdb.must_compare()
    else s.noted_updates = 'named'
  end as is_to_be_enabled,
  k.is_comparing,
  k.of_what
from (
  values
  ('inboxdb_note_update', false, 'counts'),
  ('inboxdb_note_rollup', false, 'counts'),
  ('inboxdb_note_compared', true, 'counts'),
  ('inboxdb_note_text', false, 'texts'),
  ('inboxdb_note_compared_text', true, 'texts'),
  ('inboxdb_note_analytics', false, 'analytics'),
  ('inboxdb_note_compared_analytics', true, 'analytics')
) as k (trigger_name, is_comparing, of_what)
inner join pg_catalog.pg_trigger as t on k.trigger_name = t.tgname
cross join (select inboxdb.setting('noted_updates') as noted_updates) as s
where t.tgrelid = pg_catalog.to_regclass('public."Lead"');

comment on view inboxdb.update_trigger is
'The triggers noting UPDATEs of "Lead", for counts, searched texts and analytics: whether each is enabled, and whether '
'it is to be, by the setting noted_updates and by the host''s own triggers (function must_compare).';

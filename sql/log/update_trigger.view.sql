create or replace view inboxdb.update_trigger as
select
  t.tgname as trigger_name,
  t.tgenabled in ('O', 'A') as is_enabled,
  case t.tgname
    when 'inboxdb_note_compared' then s.noted_updates = 'changed' or inboxdb.must_compare()
    else s.noted_updates = 'named'
  end as is_to_be_enabled
from pg_catalog.pg_trigger as t
cross join (select inboxdb.setting('noted_updates') as noted_updates) as s
where t.tgrelid = pg_catalog.to_regclass('public."Lead"')
  and t.tgname in ('inboxdb_note_update', 'inboxdb_note_rollup', 'inboxdb_note_compared');

comment on view inboxdb.update_trigger is
'The triggers noting UPDATEs of "Lead": whether each is enabled, and whether it is to be, by the setting '
'noted_updates and by the host''s own triggers (function must_compare).';

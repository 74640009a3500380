create or replace function inboxdb.compare_updates() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: enable the comparing trigger on "Lead" where must_compare says so, and mark every workspace, for changes
--   missed before. Where that cannot be done at once, since somebody writes "Lead" or the caller does not own it,
--   nothing is done, and the doctor tells.
-- Locks: SHARE ROW EXCLUSIVE on "Lead", not waited for.
-- Writes: the change log.
-- INVOKER: called by check_host, and by the migration that makes the trigger.
begin
  if not inboxdb.must_compare() or not exists (
    select
    from pg_catalog.pg_trigger as t
    where t.tgrelid = pg_catalog.to_regclass('public."Lead"') and t.tgname = 'inboxdb_note_compared'
      and t.tgenabled = 'D'
  ) then
    return;
  end if;
  begin
    lock table public."Lead" in share row exclusive mode nowait;
    alter table public."Lead" enable trigger inboxdb_note_compared;
  exception when others then
    return;
  end;
  perform inboxdb.note_change(null, null);
end
$$;

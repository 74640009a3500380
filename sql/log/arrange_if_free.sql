create or replace function inboxdb.arrange_if_free() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: as arrange_triggers, where the triggers as they are may miss changes, or note UPDATEs not to be noted. While
--   somebody writes "Lead", and for a caller who does not own the table, nothing is done, and the doctor tells. A
--   comparing trigger no longer needed stays, since its price is time and no counts (D121).
-- Reads: update_trigger.
-- Locks: as arrange_triggers, not waited for.
-- INVOKER: called by check_host, and by the migration that makes the triggers.
begin
  if not exists (
    select
    from inboxdb.update_trigger as t
    where t.is_enabled <> t.is_to_be_enabled and (t.is_to_be_enabled or t.trigger_name <> 'inboxdb_note_compared')
  ) then
    return;
  end if;
  begin
    lock table public."Lead" in share row exclusive mode nowait;
    perform inboxdb.arrange_triggers();
  exception when others then
    return;
  end;
end
$$;

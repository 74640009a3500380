create or replace function inboxdb.arrange_if_free() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: as arrange_triggers, where the triggers are as another choice or other triggers of the host's want them;
--   with all of them disabled by hand nothing is done, and the doctor tells, because somebody may want that. While
--   somebody writes "Lead", and for a caller who does not own the table, nothing is done, and the doctor tells. A
--   comparing trigger no longer needed stays, since its price is time and no counts (D121).
-- Reads: update_trigger.
-- Locks: as arrange_triggers, not waited for.
-- INVOKER: called by check_host, and by the migration that makes the triggers.
begin
  if not exists (
    select
    from inboxdb.update_trigger as t
    cross join lateral (
      select pg_catalog.bool_or(k.is_enabled) as is_enabled
      from inboxdb.update_trigger as k
      where k.is_comparing and k.of_what = t.of_what
    ) as c
    where t.is_enabled <> t.is_to_be_enabled
      and case
        when t.is_comparing then t.is_to_be_enabled
        else not t.is_to_be_enabled or c.is_enabled
      end
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

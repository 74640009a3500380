create or replace function inboxdb.refresh_texts() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: bring lead_text up to date: first by changes, then by the walk where due; for half a second, so that no
--   other work of the caller is late.
-- Nothing is done beside another session doing the same, or while inboxdb is suspended; without search the changes are
--   thrown away.
-- Errors: IB004 above READ COMMITTED; those of fold_noted and walk_texts.
-- Reads, writes: as fold_noted, walk_texts and raise_floor_of_texts.
-- Locks: an advisory lock, see lock_class. No row of the host's, and no row of the counts.
-- INVOKER: called by maintain, by its name in view maintenance.
declare
  stop_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '0.5 s';
  most constant integer := 1000;
  today constant text := inboxdb.text_definitions();
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null then
    return;
  end if;
  -- in a statement before the taking of changes (D14)
  if not pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('texts'), 0) then
    return;
  end if;
  perform inboxdb.checkpoint('texts locked');
  if today is null then
    delete from inboxdb.text_change as c
    where c.ctid = any (array(select n.tid from inboxdb.noted_text as n limit 10000));
    perform inboxdb.raise_floor_of_texts();
    return;
  end if;

  update inboxdb.search_state as s
  set
    revision = s.revision + 1,
    walk_is_due = true,
    walked_to = null,
    cleared_to = null,
    walk_began_at = null,
    definitions = today,
    -- rows by other definitions are no candidates; rows a day old are, but for changes missed by triggers
    filled_at = case when s.definitions = today then s.filled_at end
  where s.revision = (select n.revision from inboxdb.search_state_now as n)
    and (
      s.definitions is distinct from today
      or (
        not s.walk_is_due
        and coalesce(s.filled_at not between inboxdb.clock() - interval '1 day' and inboxdb.clock(), true)
      )
    );

  loop
    exit when inboxdb.fold_noted(most) < most or pg_catalog.clock_timestamp() > stop_at;
  end loop;
  while pg_catalog.clock_timestamp() < stop_at and (select n.walk_is_due from inboxdb.search_state_now as n) loop
    exit when inboxdb.walk_texts(most);
  end loop;
  perform inboxdb.raise_floor_of_texts();
end
$$;

create or replace function inboxdb.take_changes(slices integer[], tids tid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: take changes out of the log. None is missed or taken twice: whoever read a workspace's changes holds its
--   lock, and those that name no workspace are the collector's, which has a lock of its own.
-- Parameters: slices and tids, the place of each change, as changes_of and view change say it.
-- Writes: the change log.
-- INVOKER: called by remember_leads, collapse_changes and assign_changes only.
begin
  if 0 = any (slices) then
    delete from inboxdb.change_0 as c
    where c.ctid = any (array(
      select p.tid
      from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
      where p.slice = 0
    ));
  end if;
  if 1 = any (slices) then
    delete from inboxdb.change_1 as c
    where c.ctid = any (array(
      select p.tid
      from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
      where p.slice = 1
    ));
  end if;
  if 2 = any (slices) then
    delete from inboxdb.change_2 as c
    where c.ctid = any (array(
      select p.tid
      from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
      where p.slice = 2
    ));
  end if;
  if 3 = any (slices) then
    delete from inboxdb.change_3 as c
    where c.ctid = any (array(
      select p.tid
      from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
      where p.slice = 3
    ));
  end if;
end
$$;

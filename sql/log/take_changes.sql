create or replace function inboxdb.take_changes(slices integer[], tids tid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: delete changes from the log. None is taken twice: readers of a workspace's changes hold its lock, and
--   changes without a workspace are taken under the collector's lock.
-- Parameters: slices and tids, the place of each change, from changes_of or view change.
-- Writes: the change log.
-- INVOKER: called by remember_leads, fill_leads, remember_changed, collapse_changes and assign_changes only.
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

create or replace function inboxdb.take_changes(slices integer[], tids tid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: delete changes from the log. None is taken twice: readers of a workspace's changes hold its lock, and
--   changes without a workspace are taken under the collector's lock.
-- Hands changes on to the logs of other readers, in the statements that delete: no other statement takes a change out
-- of the log, so none is lost for them (D132). To text_change leads made, gone or moved, and changes of everything; to
-- analytics_change, where there is such a reader, all that is_for_analytics says.
-- Parameters: slices and tids, the place of each change, from changes_of or view change.
-- Writes: the change log, text_change, analytics_change.
-- INVOKER: called by remember_leads, fill_leads, remember_changed, collapse_changes and assign_changes only.
declare
  has_analytics constant boolean := inboxdb.has_analytics();
begin
  if 0 = any (slices) then
    with
    taken as (
      delete from inboxdb.change_0 as c
      where c.ctid = any (array(
        select p.tid
        from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
        where p.slice = 0
      ))
      returning c.client_id, c.lead_id, c.changed, c.noted_at
    ),
    for_analytics as (
      insert into inboxdb.analytics_change (client_id, lead_id, changed, noted_at)
      select t.client_id, t.lead_id, t.changed, t.noted_at
      from taken as t
      where has_analytics and inboxdb.is_for_analytics(t.client_id, t.lead_id, t.changed)
    )
    insert into inboxdb.text_change (client_id, lead_id)
    select t.client_id, t.lead_id from taken as t where inboxdb.is_for_texts(t.client_id, t.lead_id, t.changed);
  end if;
  if 1 = any (slices) then
    with
    taken as (
      delete from inboxdb.change_1 as c
      where c.ctid = any (array(
        select p.tid
        from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
        where p.slice = 1
      ))
      returning c.client_id, c.lead_id, c.changed, c.noted_at
    ),
    for_analytics as (
      insert into inboxdb.analytics_change (client_id, lead_id, changed, noted_at)
      select t.client_id, t.lead_id, t.changed, t.noted_at
      from taken as t
      where has_analytics and inboxdb.is_for_analytics(t.client_id, t.lead_id, t.changed)
    )
    insert into inboxdb.text_change (client_id, lead_id)
    select t.client_id, t.lead_id from taken as t where inboxdb.is_for_texts(t.client_id, t.lead_id, t.changed);
  end if;
  if 2 = any (slices) then
    with
    taken as (
      delete from inboxdb.change_2 as c
      where c.ctid = any (array(
        select p.tid
        from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
        where p.slice = 2
      ))
      returning c.client_id, c.lead_id, c.changed, c.noted_at
    ),
    for_analytics as (
      insert into inboxdb.analytics_change (client_id, lead_id, changed, noted_at)
      select t.client_id, t.lead_id, t.changed, t.noted_at
      from taken as t
      where has_analytics and inboxdb.is_for_analytics(t.client_id, t.lead_id, t.changed)
    )
    insert into inboxdb.text_change (client_id, lead_id)
    select t.client_id, t.lead_id from taken as t where inboxdb.is_for_texts(t.client_id, t.lead_id, t.changed);
  end if;
  if 3 = any (slices) then
    with
    taken as (
      delete from inboxdb.change_3 as c
      where c.ctid = any (array(
        select p.tid
        from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
        where p.slice = 3
      ))
      returning c.client_id, c.lead_id, c.changed, c.noted_at
    ),
    for_analytics as (
      insert into inboxdb.analytics_change (client_id, lead_id, changed, noted_at)
      select t.client_id, t.lead_id, t.changed, t.noted_at
      from taken as t
      where has_analytics and inboxdb.is_for_analytics(t.client_id, t.lead_id, t.changed)
    )
    insert into inboxdb.text_change (client_id, lead_id)
    select t.client_id, t.lead_id from taken as t where inboxdb.is_for_texts(t.client_id, t.lead_id, t.changed);
  end if;
end
$$;

create or replace function inboxdb.remember_set(target_client_ids inboxdb.client_id[], as_of timestamptz)
returns inboxdb.changed_workspace[]
language plpgsql volatile
set search_path = ''
set row_security = off
as $$
-- Purpose: take the changes of single leads of several workspaces, evaluate these leads, and bring counted_lead up to
--   date: as remember_leads does for one.
-- Parameters: target_client_ids, with all their leads in counted_lead; as_of, the instant at which snoozes are judged.
--   The caller took the locks in an EARLIER statement and is READ COMMITTED (D14).
-- Returns: what was taken, of each workspace with a change.
-- Errors: those of changed_leads_of_set.
-- Reads: changed_leads_of_set. Writes: counted_lead, the change log.
-- INVOKER: called by refresh_set only, which forbids all but nested loops.
declare
  slices integer[];
  tids pg_catalog.tid[];
  taken inboxdb.changed_workspace[];
begin
  -- ONE statement, so one snapshot: a change not seen stays in the log, a change seen is evaluated.
  with
  changed as materialized (
    select c.* from inboxdb.changes_of_set(target_client_ids, null) as c where c.lead_id is not null
  ),
  compared as materialized (
    select c.*
    from (
      select pg_catalog.array_agg(d.client_id) as client_ids, pg_catalog.array_agg(d.lead_id) as lead_ids
      from (select distinct n.client_id, n.lead_id from changed as n) as d
    ) as d
    cross join lateral inboxdb.changed_leads_of_set(d.client_ids, d.lead_ids, as_of) as c
  ),
  gone as (
    delete from inboxdb.counted_lead as k using compared as c where k.ctid = c.tid and c.is_here is null
  ),
  rewritten as (
    update inboxdb.counted_lead as k
    set ids_hash = c.new_hash, counts = c.new_counts, user_key = c.new_user, snoozed_until = c.new_snooze
    from compared as c
    where k.ctid = c.tid and c.is_here
      and (c.old_hash, c.old_user, c.old_counts, c.old_snooze)
      is distinct from (c.new_hash, c.new_user, c.new_counts, c.new_snooze)
  ),
  added as (
    insert into inboxdb.counted_lead (ids_hash, workspace, counts, lead_key, user_key, snoozed_until)
    select c.new_hash, c.workspace, c.new_counts, c.lead_key, c.new_user, c.new_snooze
    from compared as c
    where c.tid is null
    order by c.workspace, c.lead_key
  ),
  told as (
    select n.client_id, n.noted_at, n.left_user_id as user_id, false as has_moved, null::inboxdb.lead_kind as kind
    from changed as n
    union all
    select c.client_id, null, inboxdb.key_id(c.new_user)::inboxdb.user_id, false, null
    from compared as c
    where c.new_user is not null
    union all
    select c.client_id, null, null, true, (m.user_key, m.counts, m.leads)::inboxdb.lead_kind
    from compared as c
    cross join lateral (
      values
      (c.tid is not null, c.old_user, inboxdb.kind_now(c.old_counts, c.old_snooze is not null), -1),
      (c.is_here, c.new_user, inboxdb.kind_now(c.new_counts, c.new_snooze is not null), 1)
    ) as m (is_one, user_key, counts, leads)
    where m.is_one
  )
  select
    pg_catalog.array_agg(n.slice), pg_catalog.array_agg(n.tid),
    array(
      select (
        t.client_id, pg_catalog.min(t.noted_at),
        pg_catalog.array_agg(t.user_id) filter (where t.user_id <> inboxdb.sentinel()),
        pg_catalog.array_agg(t.kind) filter (where t.has_moved)
      )::inboxdb.changed_workspace
      from told as t
      group by t.client_id
    )
  into slices, tids, taken
  from changed as n;
  perform inboxdb.take_changes(slices, tids);
  return taken;
end
$$;

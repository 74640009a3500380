create or replace function inboxdb.remember_changed(target_client_ids inboxdb.client_id[], as_of timestamptz)
returns inboxdb.changed_workspace[]
language plpgsql volatile
set search_path = ''
set row_security = off
set work_mem = '64MB'
as $$
-- Purpose: take the changes of single leads of workspaces, evaluate these leads, and bring counted_lead up to date:
--   rows that differ are written, others not. A change of a whole workspace stays in the log, for a recount.
-- Parameters: target_client_ids, with all their leads in counted_lead; as_of, the instant at which snoozes are judged.
--   The caller took the locks in an EARLIER statement and is READ COMMITTED (D14).
-- Returns: what was taken, of each workspace, without a version.
-- Errors: those of changed_leads.
-- Reads: changed_leads. Writes: counted_lead, the change log.
-- INVOKER: called by apply_changes only, which forbids all but nested loops.
declare
  slices integer[];
  tids pg_catalog.tid[];
  taken inboxdb.changed_workspace[];
begin
  -- ONE statement, so one snapshot: a change not seen stays in the log, a change seen is evaluated.
  with
  changed as materialized (
    select c.* from inboxdb.changes_of(target_client_ids, null) as c where c.lead_id is not null
  ),
  compared as materialized (
    select c.client_id, c.workspace, (c.lead).*
    from (
      select pg_catalog.array_agg(d.client_id) as client_ids, pg_catalog.array_agg(d.lead_id) as lead_ids
      from (select distinct n.client_id, n.lead_id from changed as n) as d
    ) as d
    cross join lateral inboxdb.changed_leads(d.client_ids, d.lead_ids, as_of) as c
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
  kind as (
    select c.client_id, (m.user_key, m.counts, pg_catalog.sum(m.leads))::inboxdb.lead_kind as kind
    from compared as c
    cross join lateral (
      values
      (c.tid is not null, c.old_user, inboxdb.kind_now(c.old_counts, c.old_snooze is not null), -1),
      (c.is_here, c.new_user, inboxdb.kind_now(c.new_counts, c.new_snooze is not null), 1)
    ) as m (is_one, user_key, counts, leads)
    where m.is_one
    group by c.client_id, m.user_key, m.counts
    having pg_catalog.sum(m.leads) <> 0
  ),
  told as (
    select
      w.client_id, null::pg_catalog.timestamptz as noted_at, null::inboxdb.user_id as user_id,
      null::inboxdb.lead_kind as kind
    from pg_catalog.unnest(target_client_ids) as w (client_id)
    union all
    select n.client_id, n.noted_at, n.left_user_id, null from changed as n
    union all
    select c.client_id, null, inboxdb.key_id(c.new_user)::inboxdb.user_id, null
    from compared as c
    where c.new_user is not null
    union all
    select k.client_id, null, null, k.kind from kind as k
  )
  select
    pg_catalog.array_agg(n.slice), pg_catalog.array_agg(n.tid),
    array(
      select (
        t.client_id, pg_catalog.min(t.noted_at),
        pg_catalog.array_agg(t.user_id) filter (where t.user_id <> inboxdb.sentinel()),
        pg_catalog.array_agg(t.kind) filter (where (t.kind).leads is not null),
        null
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

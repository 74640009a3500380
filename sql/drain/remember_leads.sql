create or replace function inboxdb.remember_leads(
  target_client_id inboxdb.client_id, as_of timestamptz, one_by_one boolean,
  out noted_since timestamptz, out touched_scopes inboxdb.user_id[], out moved inboxdb.lead_kind[], out drifted integer,
  out still_exists boolean
)
language plpgsql volatile
set search_path = ''
set row_security = off
-- lookups by key: a plan made while the log is small is kept for the session, and has to do for a bloated log
set enable_hashjoin = off
set enable_mergejoin = off
set work_mem = '64MB'
as $$
-- Purpose: take a workspace's changes, evaluate all its leads, and bring counted_lead up to date: rows that differ are
--   written, others not.
-- Parameters: target_client_id, with a row in workspace; as_of, the instant at which snoozes are judged; one_by_one, as
--   of differing_leads. The caller took the lock in an EARLIER statement and is READ COMMITTED (D14).
-- Returns: when the oldest change was noted, null for none; the users with changed leads, null for anybody; the kinds
--   of leads that came, and that went; how many leads differ from counted_lead without an explanation; whether the
--   host still has the workspace.
-- Errors: those of differing_leads.
-- Reads: differing_leads, "Client". Writes: counted_lead, the change log.
-- INVOKER: called by recount_workspace only, which forbids sequential scans.
declare
  slices integer[];
  tids pg_catalog.tid[];
  lead_ids inboxdb.lead_id[];
begin
  -- ONE statement, so one snapshot: a change not seen stays in the log, a change seen is evaluated.
  with
  changed as materialized (
    select c.slice, c.tid, c.lead_id, c.left_user_id, c.noted_at
    from inboxdb.changes_of(array[target_client_id], null) as c
  ),
  compared as materialized (
    select c.* from inboxdb.differing_leads(target_client_id, as_of, one_by_one) as c
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
    select c.new_hash, w.number, c.new_counts, c.lead_key, c.new_user, c.new_snooze
    from inboxdb.workspace as w
    cross join compared as c
    where w.client_id = target_client_id and c.tid is null
    order by c.lead_key
  ),
  kind as (
    select m.user_key, m.counts, pg_catalog.sum(m.leads) as leads
    from compared as c
    cross join lateral (
      values
      (c.tid is not null, c.old_user, inboxdb.kind_now(c.old_counts, c.old_snooze is not null), -1),
      (c.is_here, c.new_user, inboxdb.kind_now(c.new_counts, c.new_snooze is not null), 1)
    ) as m (is_one, user_key, counts, leads)
    where m.is_one
    group by m.user_key, m.counts
  )
  select
    pg_catalog.min(c.noted_at), pg_catalog.array_agg(c.slice), pg_catalog.array_agg(c.tid),
    pg_catalog.array_agg(c.lead_id),
    array(select distinct n.left_user_id from changed as n where n.left_user_id <> inboxdb.sentinel()),
    array(select (k.user_key, k.counts, k.leads)::inboxdb.lead_kind from kind as k where k.leads <> 0),
    (select pg_catalog.count(*) from compared as d where d.explained_by is null),
    exists (select from public."Client" as h where h.id = target_client_id)
  into noted_since, slices, tids, lead_ids, touched_scopes, moved, drifted, still_exists
  from changed as c;
  perform inboxdb.take_changes(slices, tids);

  touched_scopes := case
    -- of too many leads, not each is looked up: then all users count as changed
    when coalesce(pg_catalog.cardinality(lead_ids), 0) <= 1000 and pg_catalog.array_position(lead_ids, null) is null
      then touched_scopes || array(
        select inboxdb.key_id(k.user_key)::inboxdb.user_id
        from inboxdb.workspace as w
        cross join pg_catalog.unnest(lead_ids) as c (lead_id)
        inner join inboxdb.counted_lead as k on w.number = k.workspace and inboxdb.id_key(c.lead_id) = k.lead_key
        where w.client_id = target_client_id and k.user_key is not null
      )
  end;
end
$$;

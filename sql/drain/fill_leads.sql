create or replace function inboxdb.fill_leads(
  target_client_id inboxdb.client_id, as_of timestamptz, out noted_since timestamptz, out still_exists boolean
)
language plpgsql volatile
set search_path = ''
set row_security = off
set work_mem = '64MB'
as $$
-- Purpose: take a workspace's changes, and fill counted_lead with all its leads, of which there is none yet: nothing
--   is compared.
-- Parameters: target_client_id, with a row in workspace; as_of, the instant at which snoozes are judged. The caller
--   took the lock in an EARLIER statement and is READ COMMITTED (D14).
-- Returns: when the oldest change was noted, null for none; whether the host still has the workspace.
-- Errors: those of classify_leads.
-- Reads: classify_leads, "Client", workspace. Writes: counted_lead, the change log.
-- INVOKER: called by recount_workspace only, which forbids sequential scans.
declare
  slices integer[];
  tids pg_catalog.tid[];
begin
  -- ONE statement, so one snapshot: a change not seen stays in the log, a change seen is evaluated.
  with
  changed as materialized (
    select c.slice, c.tid, c.noted_at from inboxdb.changes_of(array[target_client_id], null) as c
  ),
  added as (
    insert into inboxdb.counted_lead (ids_hash, workspace, counts, lead_key, user_key, snoozed_until)
    select
      c.ids_hash, w.number, c.counts, c.lead_key, c.user_key,
      case when c.snoozed_until > as_of then c.snoozed_until end
    from inboxdb.workspace as w
    cross join inboxdb.classify_leads(target_client_id, null) as c
    where w.client_id = target_client_id
      and exists (select from public."Client" as h where h.id = target_client_id)
    -- in the order of the key, because the index then grows at a single place
    order by c.lead_key
  )
  select
    pg_catalog.min(c.noted_at), pg_catalog.array_agg(c.slice), pg_catalog.array_agg(c.tid),
    exists (select from public."Client" as h where h.id = target_client_id)
  into noted_since, slices, tids, still_exists
  from changed as c;
  perform inboxdb.take_changes(slices, tids);
end
$$;

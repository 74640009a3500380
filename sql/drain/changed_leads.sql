create or replace function inboxdb.changed_leads(
  target_client_id inboxdb.client_id, as_of timestamptz, lead_ids inboxdb.lead_id[]
)
returns setof inboxdb.compared_lead
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable rows 100
set search_path = ''
set row_security = off
as $$
-- Purpose: compare leads with their rows in counted_lead, by key.
-- Parameters: target_client_id; as_of, the instant at which snoozes are judged; lead_ids, of each lead once.
-- Returns: the leads that the workspace has, or counted_lead.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: counted_lead, lead_now, workspace.
-- INVOKER: called by remember_leads and differing_leads only, which forbid all but nested loops.
declare
  this_workspace integer;
begin
  select w.number into this_workspace from inboxdb.workspace as w where w.client_id = target_client_id;
  perform inboxdb.checkpoint('snapshot taken');
  return query
  select
    k.tid, c.lead_key, k.user_key, k.counts, k.snoozed_until, k.ids_hash,
    n.is_here, n.user_key, n.counts, n.snoozed_until, n.ids_hash, 'change'
  from (
    select c.lead_id, inboxdb.id_key(c.lead_id) as lead_key from pg_catalog.unnest(lead_ids) as c (lead_id)
  ) as c
  left join lateral (
    select k.ctid as tid, k.user_key, k.counts::integer as counts, k.snoozed_until, k.ids_hash
    from inboxdb.counted_lead as k
    where k.workspace = this_workspace and k.lead_key = c.lead_key
    offset 0
  ) as k on true
  left join lateral (
    select
      true as is_here, f.user_key, f.counts, f.ids_hash,
      case when f.snoozed_until > as_of then f.snoozed_until end as snoozed_until
    from inboxdb.lead_now as f
    where f.lead_id = c.lead_id and f.client_id = target_client_id
    offset 0
  ) as n on true
  where k.tid is not null or n.is_here;
  perform inboxdb.checkpoint('counted');
end
$$;

create or replace function inboxdb.changed_leads(
  client_ids inboxdb.client_id[], lead_ids inboxdb.lead_id[], as_of timestamptz
)
returns table (client_id inboxdb.client_id, workspace integer, lead inboxdb.compared_lead)
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable rows 100
set search_path = ''
set row_security = off
as $$
-- Purpose: compare leads with their rows in counted_lead, by key.
-- Parameters: client_ids and lead_ids of changes, each pair once; as_of, the instant at which snoozes are judged.
-- Returns: the leads that the workspaces have, or counted_lead, explained by their change; workspace is the number in
--   counted_lead.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: counted_lead, lead_now, workspace.
-- INVOKER: called by remember_changed and differing_leads only, which forbid all but nested loops.
begin
  perform inboxdb.checkpoint('snapshot taken');
  return query
  select
    c.client_id, w.number,
    (
      k.tid, c.lead_key, k.user_key, k.counts, k.snoozed_until, k.ids_hash,
      n.is_here, n.user_key, n.counts, n.snoozed_until, n.ids_hash, 'change'
    )::inboxdb.compared_lead
  from (
    select c.client_id, c.lead_id, inboxdb.id_key(c.lead_id) as lead_key
    from rows from (pg_catalog.unnest(client_ids), pg_catalog.unnest(lead_ids)) as c (client_id, lead_id)
  ) as c
  cross join lateral (
    select w.number from inboxdb.workspace as w where w.client_id = c.client_id offset 0
  ) as w
  left join lateral (
    select k.ctid as tid, k.user_key, k.counts::integer as counts, k.snoozed_until, k.ids_hash
    from inboxdb.counted_lead as k
    where k.workspace = w.number and k.lead_key = c.lead_key
    offset 0
  ) as k on true
  left join lateral (
    select
      true as is_here, f.user_key, f.counts, f.ids_hash,
      case when f.snoozed_until > as_of then f.snoozed_until end as snoozed_until
    from inboxdb.lead_now as f
    where f.lead_id = c.lead_id and f.client_id = c.client_id
    offset 0
  ) as n on true
  where k.tid is not null or n.is_here;
  perform inboxdb.checkpoint('counted');
end
$$;

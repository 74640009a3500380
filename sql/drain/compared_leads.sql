create or replace function inboxdb.compared_leads(
  target_client_id inboxdb.client_id, as_of timestamptz, one_by_one boolean
)
returns setof inboxdb.compared_lead
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable rows 100
set search_path = ''
set row_security = off
set enable_hashjoin = on
set enable_mergejoin = on
set work_mem = '64MB'
as $$
-- Purpose: the leads of a workspace that differ from counted_lead.
-- Parameters: target_client_id; as_of, the instant at which snoozes are judged; one_by_one, to compare all leads, and
--   not only those in buckets whose hashes differ.
-- Returns: the leads, and the explanation of each difference: change (noted, perhaps not yet assigned to a workspace),
--   whole (a change of the whole workspace), snooze (the lead's snooze ended), message (the AI's message is stored, and
--   the lead not yet written), gone (the host deleted the workspace); null without an explanation.
-- Errors: those of classify_leads.
-- Reads: counted_lead, differing_buckets, classify_leads, "Client", workspace, the change log, the work list.
-- INVOKER: called by differing_leads only.
declare
  buckets integer[];
begin
  perform inboxdb.checkpoint('snapshot taken');
  if not one_by_one and exists (select from public."Client" as c where c.id = target_client_id) then
    buckets := inboxdb.differing_buckets(target_client_id, as_of);
    if pg_catalog.cardinality(buckets) = 0 then
      perform inboxdb.checkpoint('counted');
      return;
    elsif pg_catalog.cardinality(buckets) > (
      select least(w.leads, 65536) / 8 from inboxdb.workspace as w where w.client_id = target_client_id
    ) then
      buckets := null;
    end if;
  end if;
  return query
  with
  noted as materialized (
    select c.lead_id from inboxdb.changes_of(array[target_client_id], null) as c
  ),
  host as materialized (
    select exists (select from public."Client" as c where c.id = target_client_id) as has_it
  ),
  compared as (
    select
      k.tid, coalesce(k.lead_key, l.lead_key) as lead_key,
      k.user_key as old_user, k.counts::integer as old_counts, k.snoozed_until as old_snooze, k.ids_hash as old_hash,
      l.is_here, l.user_key as new_user, l.counts as new_counts, l.snoozed_until as new_snooze, l.ids_hash as new_hash
    from (
      select k.ctid as tid, k.lead_key, k.user_key, k.counts, k.snoozed_until, k.ids_hash
      from inboxdb.workspace as w
      inner join inboxdb.counted_lead as k on w.number = k.workspace
      where w.client_id = target_client_id
        and (buckets is null or inboxdb.lead_bucket(k.ids_hash) = any (buckets))
    ) as k
    full join (
      select
        true as is_here, c.lead_key, c.user_key, c.counts, c.ids_hash,
        case when c.snoozed_until > as_of then c.snoozed_until end as snoozed_until
      from inboxdb.classify_leads(target_client_id, buckets) as c
      where (select h.has_it from host as h)
    ) as l on k.lead_key = l.lead_key
    where k.tid is null or l.is_here is null
      or (k.ids_hash, k.user_key, k.counts, k.snoozed_until)
      is distinct from (l.ids_hash, l.user_key, l.counts, l.snoozed_until)
  )
  select
    c.*,
    case
      when not (select h.has_it from host as h) then 'gone'
      when exists (select from noted as n where n.lead_id is null) then 'whole'
      when exists (
        select from inboxdb.work_list as d where d.client_id = target_client_id and d.collapsed
      ) then 'whole'
      when c.lead_key in (select inboxdb.id_key(n.lead_id) from noted as n) then 'change'
      when c.is_here
        and (c.new_hash, c.new_user, c.new_counts) is not distinct from (c.old_hash, c.old_user, c.old_counts)
        and c.old_snooze <= as_of then 'snooze'
      when c.is_here
        and (c.new_hash, c.new_user, c.new_snooze) is not distinct from (c.old_hash, c.old_user, c.old_snooze)
        and c.new_counts = c.old_counts | (1 << (select k.bit from inboxdb.count as k where k.name = 'ai_sent'))
        then 'message'
      -- last, because the whole log is read: changes of drafts and of TRUNCATE name no workspace before a collector
      -- assigns them (D30)
      when exists (
        select from inboxdb.change as o where o.client_id is null and o.lead_id is null
      ) then 'whole'
      when c.lead_key in (
        select inboxdb.id_key(o.lead_id) from inboxdb.change as o where o.client_id is null and o.lead_id is not null
      ) then 'change'
    end
  from compared as c;
  perform inboxdb.checkpoint('counted');
end
$$;

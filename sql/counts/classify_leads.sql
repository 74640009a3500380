create or replace function inboxdb.classify_leads(target_client_id inboxdb.client_id, buckets integer[])
returns table (lead_key bytea, user_key bytea, counts integer, snoozed_until timestamptz, ids_hash bigint)
-- STABLE matters: the scan runs in the caller's snapshot (D15).
language plpgsql stable rows 10000
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set enable_seqscan = on
set enable_hashjoin = on
set enable_mergejoin = on
set work_mem = '4MB'
set jit = off
set max_parallel_workers_per_gather = 0
as $$
-- Purpose: the leads of a workspace, in the form of counted_lead.
-- Parameters: target_client_id; buckets, whose leads are wanted, null for all.
-- Returns: lead_now's.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: lead_now, workspace, in one scan.
-- INVOKER: called by compared_leads and fill_leads only.
begin
  perform inboxdb.fit_plan(target_client_id);
  if buckets is null then
    return query
    select inboxdb.id_key(l.lead_id), l.user_key, l.counts, l.snoozed_until, l.ids_hash
    from inboxdb.lead_now as l
    where l.client_id = target_client_id;
  else
    return query
    select inboxdb.id_key(l.lead_id), l.user_key, l.counts, l.snoozed_until, l.ids_hash
    from inboxdb.lead_now as l
    where l.client_id = target_client_id and inboxdb.lead_bucket(l.ids_hash) = any (buckets);
  end if;
end
$$;

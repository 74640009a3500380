create or replace function inboxdb.classify_leads(target_client_id inboxdb.client_id)
returns table (lead_key bytea, user_key bytea, counts smallint, snoozed_until timestamptz)
-- STABLE matters: as count_scopes
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
-- Purpose: one workspace's leads, all of them, as counted_lead keeps them.
-- Parameters: target_client_id.
-- Returns: lead_now's.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: lead_now, workspace. One scan, planned as count_scopes' is.
-- INVOKER: called by compared_leads only.
declare
  lead_estimate bigint;
begin
  lead_estimate := coalesce(
    (select w.leads from inboxdb.workspace as w where w.client_id = target_client_id),
    (select pg_catalog.count(*) from public."Lead" as l where l."clientId" = target_client_id)
  );
  if lead_estimate > 5000 then
    perform pg_catalog.set_config('work_mem', least(lead_estimate / 10, 262144)::pg_catalog.text || 'kB', true);
  else
    perform pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true),
      pg_catalog.set_config('work_mem', '64kB', true),
      pg_catalog.set_config('enable_seqscan', 'off', true),
      pg_catalog.set_config('enable_hashjoin', 'off', true),
      pg_catalog.set_config('enable_mergejoin', 'off', true);
  end if;
  return query
  select inboxdb.id_key(l.lead_id), l.user_key, l.counts, l.snoozed_until
  from inboxdb.lead_now as l
  where l.client_id = target_client_id;
end
$$;

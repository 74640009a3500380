create or replace function inboxdb.difference_of_hashes(target_client_id inboxdb.client_id, as_of timestamptz)
returns numeric
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
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
-- Purpose: say by hashes whether a workspace's leads differ from counted_lead: the sum of lead_hash of the one, less
--   that of the other. Sums, because two equal differences would cancel each other in an exclusive or.
-- Parameters: target_client_id; as_of, the instant at which snoozes are judged.
-- Returns: the difference, 0 where nothing differs.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: lead_now and counted_lead, in one scan each; workspace.
-- INVOKER: called by differing_leads only.
declare
  this_workspace integer;
begin
  select w.number into this_workspace from inboxdb.workspace as w where w.client_id = target_client_id;
  perform inboxdb.fit_plan(target_client_id);
  return (
    select
      coalesce(
        pg_catalog.sum(
          inboxdb.lead_hash(l.ids_hash, l.counts, case when l.snoozed_until > as_of then l.snoozed_until end)
        ),
        0
      )
    from (
      select n.ids_hash, n.counts, n.snoozed_until
      from inboxdb.lead_now as n
      where n.client_id = target_client_id
      -- each column computed once per lead
      offset 0
    ) as l
  ) - (
    select coalesce(pg_catalog.sum(inboxdb.lead_hash(k.ids_hash, k.counts, k.snoozed_until)), 0)
    from inboxdb.counted_lead as k
    where k.workspace = this_workspace
  );
end
$$;

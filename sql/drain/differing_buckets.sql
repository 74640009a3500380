create or replace function inboxdb.differing_buckets(target_client_id inboxdb.client_id, as_of timestamptz)
returns integer[]
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
-- Purpose: find by hashes where a workspace's leads differ from counted_lead: sums of lead_hash per bucket. Sums,
--   because two equal differences would cancel each other in an exclusive or.
-- Parameters: target_client_id; as_of, the instant at which snoozes are judged.
-- Returns: the buckets that differ.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: lead_now and counted_lead, in one scan each; workspace.
-- INVOKER: called by compared_leads only.
declare
  this_workspace integer;
begin
  select w.number into this_workspace from inboxdb.workspace as w where w.client_id = target_client_id;
  perform inboxdb.fit_plan(target_client_id);
  return array(
    select bucket
    from (
      select l.bucket, pg_catalog.sum(l.hash) as total
      from (
        select
          inboxdb.lead_bucket(n.ids_hash) as bucket,
          inboxdb.lead_hash(
            n.ids_hash, n.counts, case when n.snoozed_until > as_of then n.snoozed_until end
          ) as hash
        from (
          select f.ids_hash, f.counts, f.snoozed_until
          from inboxdb.lead_now as f
          where f.client_id = target_client_id
          -- each column computed once per lead
          offset 0
        ) as n
      ) as l
      group by l.bucket
    ) as host
    full join (
      select l.bucket, pg_catalog.sum(l.hash) as total
      from (
        select
          inboxdb.lead_bucket(k.ids_hash) as bucket,
          inboxdb.lead_hash(k.ids_hash, k.counts, k.snoozed_until) as hash
        from inboxdb.counted_lead as k
        where k.workspace = this_workspace
        -- an estimate of few buckets, and not of as many as leads, which would be sorted
        offset 0
      ) as l
      group by l.bucket
    ) as kept using (bucket)
    where host.total is distinct from kept.total
  );
end
$$;

create or replace function inboxdb.live_inbox_counts(
  target_client_id inboxdb.client_id, as_of timestamptz default inboxdb.clock()
)
returns setof inboxdb.inbox_counts
-- STABLE matters: the scan runs in the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- a policy hiding leads would make the counts too low: raise instead (D37)
set row_security = off
set plan_cache_mode = force_custom_plan
set enable_seqscan = on
set enable_hashjoin = on
set enable_mergejoin = on
set work_mem = '4MB'
set jit = off
set max_parallel_workers_per_gather = 0
as $$
-- Purpose: the live counts, computed from the host's tables in a single scan: the truth, with which stored counts are
--   compared.
-- Parameters: target_client_id; as_of, the instant at which snoozes are judged.
-- Returns: the rows that inbox_counts should have: the global row, zeros included, and one row per user with a lead
--   assigned, visible or snoozed. No rows where the host has no such workspace.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: classified_lead, "Client", workspace. By the names of the counts, not by their bits: a bit in the wrong
--   place shows as drift.
-- DEFINER: also called on behalf of roles that may not read the host's tables.
begin
  if not exists (select from public."Client" as c where c.id = target_client_id) then
    return;
  end if;
  perform inboxdb.fit_plan(target_client_id);
  return query
  select
    target_client_id,
    grouping(l.scope_user_id) = 1,
    (case when grouping(l.scope_user_id) = 1 then inboxdb.sentinel() else l.scope_user_id end)
    ::inboxdb.user_id,
    pg_catalog.count(*)::integer,
    as_of,
    as_of,
    null::bigint,
    -- each count, with commas: pg_catalog.count(*) filter (where l.is_snoozed = {of_snoozed} and l.{name})::integer
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.all_responses)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.requires_attention)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.previously_required_attention)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.total_non_blacklisted)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.awaiting_reply)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.needs_repair)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.ai_sent)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.ai_review)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.total)::integer
    -- end
  from (
    select c.*, coalesce(c.snoozed_until > as_of, false) as is_snoozed
    from inboxdb.classified_lead as c
    where c.client_id = target_client_id
    -- each column computed once per lead, however many counts use it: a sixth of a small workspace's time
    offset 0
  ) as l
  group by grouping sets ((), (l.scope_user_id))
  -- unassigned leads are a group of their own, and in the global row only
  having grouping(l.scope_user_id) = 1 or l.scope_user_id is not null;
end
$$;

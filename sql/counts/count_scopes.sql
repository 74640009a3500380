create or replace function inboxdb.count_scopes(target_client_id inboxdb.client_id, as_of timestamptz)
returns table (
  is_global boolean,
  scope_user_id inboxdb.user_id,
  all_responses integer,
  requires_attention integer,
  previously_required_attention integer,
  total_non_blacklisted integer,
  awaiting_reply integer,
  needs_repair integer,
  ai_sent integer,
  ai_review integer,
  total integer,
  leads integer,
  next_snooze_at timestamptz
)
-- STABLE matters: it makes the count run in the caller's snapshot, the one in which the caller takes its changes.
language plpgsql stable security definer
set search_path = ''
-- a policy that hid leads would make this count too little: raise instead
set row_security = off
-- the statistics of this workspace, not of an average one, but for small ones: see below
set plan_cache_mode = force_custom_plan
-- refresh_workspace, which calls this, does without
set enable_seqscan = on
set enable_hashjoin = on
set enable_mergejoin = on
set work_mem = '4MB'
set jit = off
set max_parallel_workers_per_gather = 0
as $$
-- Purpose: count one workspace's leads in one scan, for the whole workspace and for each user.
-- Parameters: target_client_id; as_of, the instant at which snoozes are judged.
-- Returns: the global row, zeros included, and one row per user with a lead assigned, visible or not; `leads` counts
--   those, `next_snooze_at` is the first snooze to run out after as_of. No rows where the host has no such workspace.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: classified_lead, "Client", workspace.
-- DEFINER: also called on behalf of roles that may not read the host's tables.
declare
  lead_estimate bigint;
begin
  if not exists (select from public."Client" as c where c.id = target_client_id) then
    return;
  end if;

  lead_estimate := coalesce(
    (select w.leads from inboxdb.workspace as w where w.client_id = target_client_id),
    (select pg_catalog.count(*) from public."Lead" as l where l."clientId" = target_client_id)
  );
  -- AI-sent messages and drafts of every tenant may be hashed only where that hash is no larger than the workspace
  -- itself: looking 5,000 leads up in an index beats hashing the messages of everyone else, for a million it does not.
  if lead_estimate > 5000 then
    perform pg_catalog.set_config('work_mem', least(lead_estimate / 10, 262144)::pg_catalog.text || 'kB', true);
  else
    -- so there is one plan for all of these; it is kept, since making it takes as long as counting 1,000 leads
    perform pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true),
      pg_catalog.set_config('work_mem', '64kB', true),
      pg_catalog.set_config('enable_seqscan', 'off', true),
      pg_catalog.set_config('enable_hashjoin', 'off', true),
      pg_catalog.set_config('enable_mergejoin', 'off', true);
  end if;

  return query
  select
    grouping(l.scope_user_id) = 1,
    (case when grouping(l.scope_user_id) = 1 then inboxdb.sentinel() else l.scope_user_id end)::inboxdb.user_id,
    (pg_catalog.count(*) filter (where l.visible and l.all_responses))::integer,
    (pg_catalog.count(*) filter (where l.visible and l.requires_attention))::integer,
    (pg_catalog.count(*) filter (where l.visible and l.previously_required_attention))::integer,
    (pg_catalog.count(*) filter (where l.visible and l.total_non_blacklisted))::integer,
    greatest(
      pg_catalog.count(*) filter (where l.visible and l.total_non_blacklisted)
      - pg_catalog.count(*) filter (where l.visible and l.requires_attention),
      0
    )::integer,
    (pg_catalog.count(*) filter (where l.visible and l.needs_repair))::integer,
    (pg_catalog.count(*) filter (where l.visible and l.ai_sent))::integer,
    (pg_catalog.count(*) filter (where l.visible and l.ai_review))::integer,
    (pg_catalog.count(*) filter (where l.visible and l.total))::integer,
    pg_catalog.count(*)::integer,
    pg_catalog.min(l.snoozed_until) filter (where l.snoozed_until > as_of and l.snoozed_until < 'infinity')
  from (
    select c.*, c.snoozed_until is null or c.snoozed_until <= as_of as visible
    from inboxdb.classified_lead as c
    where c.client_id = target_client_id
    -- each column computed once per lead, however many counts use it: a sixth of a small workspace's time
    offset 0
  ) as l
  group by grouping sets ((), (l.scope_user_id))
  -- the leads that nobody has are a group of their own, and in the global row only
  having grouping(l.scope_user_id) = 1 or l.scope_user_id is not null;
end
$$;

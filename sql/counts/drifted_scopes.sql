create or replace function inboxdb.drifted_scopes(target_client_id inboxdb.client_id) returns integer
language sql stable
set search_path = ''
-- as refresh_workspace
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
  -- Purpose: how many of a workspace's rows of counts are not the sum of what is remembered of its leads, whatever
  --   waits: every refresh leaves them so.
  -- Parameters: target_client_id.
  -- Returns: rows that differ, are missing or should not be there.
  -- Reads: stored_counts, remembered_counts, workspace.
  -- INVOKER: called by recount_workspace and audit_workspace only.
  select pg_catalog.count(*)
  from (
    select s.is_global, s.scope_user_id, s.leads, array[
      s.all_responses, s.requires_attention, s.previously_required_attention, s.total_non_blacklisted,
      s.awaiting_reply, s.needs_repair, s.ai_sent, s.ai_review, s.total
    ] as counts
    from inboxdb.stored_counts(target_client_id) as s
  ) as s
  full join (
    select r.is_global, r.scope_user_id, r.leads, array[
      r.all_responses, r.requires_attention, r.previously_required_attention, r.total_non_blacklisted,
      r.awaiting_reply, r.needs_repair, r.ai_sent, r.ai_review, r.total
    ] as counts
    from inboxdb.workspace as w
    cross join lateral inboxdb.remembered_counts(w.number) as r
    where w.client_id = target_client_id
  ) as r using (is_global, scope_user_id)
  where (s.leads, s.counts) is distinct from (r.leads, r.counts)
$$;

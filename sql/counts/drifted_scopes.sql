create or replace function inboxdb.drifted_scopes(target_client_id inboxdb.client_id) returns integer
language sql stable
set search_path = ''
as $$
  -- Purpose: how many of a workspace's rows of counts are not the sum of counted_lead. No waiting change explains such
  --   a difference, because every refresh leaves the two equal.
  -- Parameters: target_client_id.
  -- Returns: how many rows differ, are missing or superfluous.
  -- Reads: stored_counts, remembered_kinds.
  -- INVOKER: called by audit_workspace only, which forbids sequential scans.
  select pg_catalog.count(*)
  from inboxdb.stored_counts(target_client_id) as s
  full join inboxdb.scope_counts(inboxdb.remembered_kinds(target_client_id)) as r using (is_global, scope_user_id)
  where (s.leads, s.counts) is distinct from (r.leads, r.counts)
$$;

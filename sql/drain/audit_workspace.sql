create or replace function inboxdb.audit_workspace(target_client_id inboxdb.client_id, one_by_one boolean)
returns boolean
-- STABLE matters: everything is read in a single snapshot (D29)
language plpgsql stable
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: compare all leads of a workspace with counted_lead, and its counts with their sum, while other drains may
--   refresh the workspace.
-- Parameters: target_client_id; one_by_one, as of differing_leads.
-- Returns: true if every difference is explained by a change that waits; false if the workspace is to be recounted,
--   because a difference has no explanation, or the next refresh would be a recount anyhow.
-- Errors: those of differing_leads.
-- Reads: drifted_scopes, differing_leads, reason_to_recount. Costs a scan of the workspace, and locks nothing.
-- INVOKER: called by audit_claimed only.
declare
  as_of pg_catalog.timestamptz := inboxdb.clock();
begin
  perform inboxdb.checkpoint('auditing', target_client_id::pg_catalog.text);
  return inboxdb.reason_to_recount(target_client_id, as_of, null) is null
    and inboxdb.drifted_scopes(target_client_id) = 0
    and not exists (
      select
      from inboxdb.differing_leads(target_client_id, as_of, one_by_one) as c
      where c.explained_by is null or c.explained_by = 'message'
    );
end
$$;

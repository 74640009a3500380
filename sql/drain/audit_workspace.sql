create or replace function inboxdb.audit_workspace(target_client_id inboxdb.client_id) returns boolean
-- STABLE matters: one snapshot for everything
language plpgsql stable
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: hold what is stored of a workspace to the truth, all of it, while others may refresh it.
-- Parameters: target_client_id.
-- Returns: whether it may stay as it is: true where all that differs was noted, and waits. False where it is to be
--   counted whole: nothing says why it differs, or a refresh would count it whole anyhow.
-- Errors: those of compared_leads.
-- Reads: drifted_scopes, compared_leads, reason_to_recount. Costs a scan of the workspace, and locks nothing.
-- INVOKER: called by drain_next only.
declare
  as_of pg_catalog.timestamptz := inboxdb.clock();
begin
  return inboxdb.reason_to_recount(target_client_id, as_of, null) is null
    and inboxdb.drifted_scopes(target_client_id) = 0
    and not exists (
      select
      from inboxdb.compared_leads(target_client_id, as_of) as c
      where c.explained_by is null or c.explained_by = 'message'
    );
end
$$;

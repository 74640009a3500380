create or replace function inboxdb.refresh_or_record(
  target_client_id inboxdb.client_id, recount_because text,
  out outcome text, out version bigint, out changed_scopes inboxdb.user_id[], out seconds_waited double precision
)
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: refresh a workspace, or record why that failed.
-- Parameters: target_client_id, locked in an EARLIER statement (D14); recount_because, as of refresh_workspace.
-- Returns: the outcome: refreshed, or failed (recorded; the changes stay); else as refresh_workspace.
-- Errors: 57014 when cancelled, not recorded here.
-- Reads, writes: as refresh_workspace, record_failure.
-- INVOKER: called by drain_next and audit_claimed only.
declare
  started_at pg_catalog.timestamptz := inboxdb.clock();
  error_code pg_catalog.text;
begin
  select r.version, r.changed_scopes, r.seconds_waited into version, changed_scopes, seconds_waited
  from inboxdb.refresh_workspace(target_client_id, recount_because) as r;
  outcome := 'refreshed';
exception when others then
  get stacked diagnostics error_code = returned_sqlstate;
  perform inboxdb.record_failure(target_client_id, started_at, error_code);
  outcome := 'failed';
end
$$;

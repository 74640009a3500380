create or replace function inboxdb.audit_claimed(
  claimed inboxdb.client_id, out outcome text, out version bigint, out changed_scopes inboxdb.user_id[]
)
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: audit a workspace chosen by next_audit, and recount in case of drift; a row of view maintenance names this
--   function.
-- Parameters: claimed, by next_audit in an earlier, committed transaction.
-- Returns: the outcome: audited (all was right), or as of drain_next; the version and the changed scopes after a
--   recount.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled.
-- Reads, writes: as audit_workspace, refresh_or_record. Writes: workspace; the change log after a failed audit.
-- INVOKER: called by maintain, by its name in view maintenance.
declare
  began_at pg_catalog.timestamptz := inboxdb.clock();
  one_by_one boolean := inboxdb.is_comparison_due(claimed, began_at);
  is_sound boolean;
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null then
    outcome := 'skipped';
    return;
  end if;
  -- before the lock, so that other drains go on refreshing the workspace during the audit (D29)
  begin
    is_sound := inboxdb.audit_workspace(claimed, one_by_one);
  exception when others then
    -- a refresh will fail likewise, with a record, further attempts and a quarantine at last
    perform inboxdb.note_change(claimed, null);
    outcome := 'failed';
    return;
  end;
  if not inboxdb.try_lock_workspace(claimed, 100) then
    outcome := 'skipped';
  elsif is_sound then
    update inboxdb.workspace as w
    set
      audited_at = began_at,
      audit_not_before = null,
      compared_at = case when one_by_one then began_at else w.compared_at end
    where w.client_id = claimed;
    outcome := 'audited';
  else
    select r.outcome, r.version, r.changed_scopes into outcome, version, changed_scopes
    from inboxdb.refresh_or_record(claimed, 'audit') as r;
  end if;
end
$$;

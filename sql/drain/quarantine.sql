create or replace function inboxdb.quarantine(target_client_id inboxdb.client_id) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: stop trying a workspace until requeue_inbox_counts. Its counts stay as they are; its changes are collapsed,
--   now and later (D40).
-- Parameters: target_client_id, on the work list; the caller took its lock in an EARLIER statement.
-- Writes: inbox_counts_dirty, the change log; job_status, where no attempt survived to record its failure.
-- INVOKER: called by claim_if_free only.
declare
  attempt_number integer;
  reason pg_catalog.text;
begin
  select d.attempts, d.last_error into attempt_number, reason
  from inboxdb.work_list as d
  where d.client_id = target_client_id;
  if reason is null then
    reason := (inboxdb.failure('recompute-inbox-counts', null)).sentence;
    perform inboxdb.record_job('recompute-inbox-counts', target_client_id, inboxdb.clock(), attempt_number, reason);
  end if;
  update inboxdb.work_list as d
  set quarantined_at = inboxdb.clock(), next_attempt_at = 'infinity', last_error = reason
  where d.client_id = target_client_id;
  perform inboxdb.collapse_changes(target_client_id);
end
$$;

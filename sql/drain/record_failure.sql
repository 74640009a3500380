create or replace function inboxdb.record_failure(
  target_client_id inboxdb.client_id, started_at timestamptz, error_code text
)
returns void
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: record why a refresh failed, outside of the rolled-back part. The workspace keeps its changes, and waits
--   from now on for its next attempt: longer each time.
-- Nothing is recorded where the workspace is not on the work list, was never claimed, is quarantined by now (with its
-- reason kept, and without waiting for a requeue), or is locked by another drain.
-- Parameters: target_client_id; started_at; error_code, the SQLSTATE, null where there is none.
-- Writes: inbox_counts_dirty, job_status.
-- DEFINER: the runner calls it for a refresh that was cancelled, or whose connection was lost.
declare
  said pg_catalog.text := (inboxdb.failure('recompute-inbox-counts', error_code)).sentence;
  attempt_number integer;
begin
  -- another drain refreshes the workspace by now, and its outcome counts
  if not inboxdb.try_lock_workspace(target_client_id) then
    return;
  end if;
  update inboxdb.inbox_counts_dirty as d
  set
    last_error = said,
    -- never sooner than before: below claim_from the row would not be found (D11)
    next_attempt_at = greatest(d.next_attempt_at, inboxdb.clock() + inboxdb.retry_delay(d.attempts))
  where inboxdb.is_work_row(
      d.client_id, d.next_attempt_at, target_client_id, (select f.claim_from from inboxdb.read_floor as f)
    )
    and d.attempts > 0 and d.quarantined_at is null
  returning d.attempts into attempt_number;
  if found then
    perform inboxdb.record_job('recompute-inbox-counts', target_client_id, started_at, attempt_number, said);
  end if;
end
$$;

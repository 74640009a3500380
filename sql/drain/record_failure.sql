create or replace function inboxdb.record_failure(
  target_client_id inboxdb.client_id, started_at timestamptz, error_code text
)
returns void
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: record why a refresh failed, outside whatever was rolled back. The workspace keeps its changes, and waits
--   from now on for its next attempt: longer each time.
-- Records nothing where the workspace is not on the work list, was never claimed, is quarantined by now (whose reason
-- stands, and whoever is putting it back is not waited for), or somebody else is at work on it.
-- Parameters: target_client_id; started_at; error_code, the SQLSTATE, null where there is none.
-- Writes: inbox_counts_dirty, job_status.
-- DEFINER: the runner calls it for a refresh that was cancelled, or whose connection was lost.
declare
  said pg_catalog.text := (inboxdb.failure(error_code)).sentence;
  attempt_number integer;
begin
  -- somebody else has it by now: how that goes is what counts
  if not inboxdb.try_lock_workspace(target_client_id) then
    return;
  end if;
  update inboxdb.inbox_counts_dirty as d
  set
    last_error = said,
    -- never sooner than it was: see raise_floor
    next_attempt_at = greatest(d.next_attempt_at, inboxdb.clock() + inboxdb.retry_delay(d.attempts))
  -- as claim_next does
  where (d.client_id, d.next_attempt_at) >= (target_client_id, (select f.claim_from from inboxdb.read_floor as f))
    and d.client_id <= target_client_id
    and d.attempts > 0 and d.quarantined_at is null
  returning d.attempts into attempt_number;
  if found then
    perform inboxdb.record_job(target_client_id, started_at, attempt_number, said);
  end if;
end
$$;

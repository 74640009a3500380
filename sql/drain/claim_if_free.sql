create or replace function inboxdb.claim_if_free(target_client_id inboxdb.client_id, may_quarantine boolean)
returns boolean
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: claim a workspace, if no other drain was first: lock it, and count the attempt. A workspace without attempts
--   left is quarantined instead (D39).
-- Parameters: target_client_id, seen due; may_quarantine, false to let it have one attempt more.
-- Returns: whether the workspace is claimed. If not, its lock is given back, except after a quarantine.
-- Reads, writes: inbox_counts_dirty, job_status; the change log.
-- INVOKER: called by claim_next only, which forbids sequential scans.
declare
  is_spent pg_catalog.bool;
  attempt_number integer;
begin
  -- A block of its own, whose rollback gives the lock back: another drain's claim is committed, and its refresh needs
  -- the lock (D19).
  begin
    -- A lock call for one workspace: as a condition of a query, the call would lock every row visited. Claims and
    -- refreshes change the workspace's row under this lock, so that none waits for another's row lock.
    if not inboxdb.try_lock_workspace(target_client_id) then
      raise no_data_found;
    end if;
    select
      d.attempts >= (
        inboxdb.failure('recompute-inbox-counts', pg_catalog.left(d.last_error, 5))
      ).attempts_allowed into strict is_spent
    from inboxdb.inbox_counts_dirty as d
    where inboxdb.is_due(
        d.client_id, d.next_attempt_at, target_client_id, (select f.claim_from from inboxdb.read_floor as f)
      );
  exception when no_data_found then
    return false;
  end;
  if is_spent and may_quarantine then
    perform inboxdb.quarantine(target_client_id);
    return false;
  end if;

  perform inboxdb.checkpoint('claiming');
  update inboxdb.inbox_counts_dirty as d
  set
    attempts = d.attempts + 1,
    -- never sooner than before: below claim_from the row would not be found (D11)
    next_attempt_at = greatest(d.next_attempt_at, inboxdb.clock() + inboxdb.retry_delay(d.attempts + 1))
  where inboxdb.is_work_row(
      d.client_id, d.next_attempt_at, target_client_id, (select f.claim_from from inboxdb.read_floor as f)
    )
  returning d.attempts into attempt_number;
  if attempt_number > 3 then
    perform inboxdb.collapse_changes(target_client_id);
  end if;
  return true;
end
$$;

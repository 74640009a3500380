create function inboxdb.claim_next() returns inboxdb.client_id
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: claim the workspace that is due longest; collect first when none is due. Commit before refreshing it: its
--   attempt and next attempt then stand, and a refresh that kills its backend goes to the back of the line.
-- Returns: the workspace, null when nothing is due.
-- Errors: IB004 above READ COMMITTED.
-- Reads, writes: inbox_counts_dirty, and what collect does.
-- DEFINER: its callers have no rights in inboxdb.
declare
  candidate inboxdb.client_id;
  busy inboxdb.client_id[] := '{}';
  collected boolean := false;
begin
  perform inboxdb.require_read_committed();
  loop
    select d.client_id into candidate
    from inboxdb.inbox_counts_dirty as d
    where d.next_attempt_at <= (select inboxdb.clock()) and d.client_id <> all (busy)
    order by d.next_attempt_at
    limit 1;

    if candidate is null then
      if collected then
        return null;
      end if;
      perform inboxdb.collect();
      collected := true;
      continue;
    end if;

    -- A lock call per chosen candidate: as a condition of the query above it would lock whatever the plan visits.
    -- Claims and refreshes hold it while they change the workspace's row, so that none waits for another's row lock.
    if inboxdb.try_lock_workspace(candidate) then
      update inboxdb.inbox_counts_dirty as d
      set attempts = d.attempts + 1, next_attempt_at = inboxdb.clock() + inboxdb.retry_delay(d.attempts + 1)
      -- another drain may have claimed it, or refreshed it, before the lock was ours
      where d.client_id = candidate and d.next_attempt_at <= inboxdb.clock();
      if found then
        return candidate;
      end if;
    end if;
    busy := busy || candidate;
  end loop;
end
$$;

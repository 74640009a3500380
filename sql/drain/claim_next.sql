create or replace function inboxdb.claim_next(may_collect boolean default true) returns inboxdb.client_id
language plpgsql volatile security definer
set search_path = ''
-- no sequential scan: it would read the work list's dead rows below the floor
set enable_seqscan = off
-- generic plan, because no parameter changes the best plan, and planning takes longer than all else (D9)
set plan_cache_mode = force_generic_plan
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
as $$
-- Purpose: claim the workspace that is due longest; collect first when none is due. To be committed before the refresh:
--   the attempt then counts even if the refresh kills its backend (D18). A workspace without attempts left is
--   quarantined instead (D39).
-- Parameters: may_collect; false at the end of a transaction that has refreshed another workspace, because a failing
--   collector would roll back the refresh.
-- Returns: the workspace, null when nothing is due, or inboxdb is suspended.
-- Errors: IB004 above READ COMMITTED.
-- Reads, writes: inbox_counts_dirty, job_status, and as collect.
-- DEFINER: its callers have no rights in inboxdb.
declare
  candidate inboxdb.client_id;
  attempt_number integer;
  spent pg_catalog.bool;
  is_ours boolean;
  busy inboxdb.client_id[] := '{}';
  collected boolean := not may_collect;
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null then
    return null;
  end if;
  loop
    select d.client_id into candidate
    from inboxdb.work_list as d
    where d.next_attempt_at <= (select inboxdb.clock())
      and d.client_id <> all (busy)
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

    perform inboxdb.checkpoint('candidate chosen');
    -- A block of its own, whose rollback gives the lock back if another drain was first: its claim is committed, and
    -- its refresh needs the lock (D19).
    begin
      -- A lock call for the chosen candidate: as a condition of the query above, the call would lock every row visited.
      -- Claims and refreshes change the workspace's row under this lock, so that none waits for another's row lock.
      if not inboxdb.try_lock_workspace(candidate) then
        raise no_data_found;
      end if;
      select
        d.attempts >= (
          inboxdb.failure('recompute-inbox-counts', pg_catalog.left(d.last_error, 5))
        ).attempts_allowed into strict spent
      from inboxdb.inbox_counts_dirty as d
      -- the live row alone, written so that only the primary key can answer (D8)
      where (d.client_id, d.next_attempt_at) >= (candidate, (select f.claim_from from inboxdb.read_floor as f))
        and d.client_id <= candidate
        and d.next_attempt_at <= inboxdb.clock();
      is_ours := true;
    exception when no_data_found then
      is_ours := false;
    end;
    -- At most 100, because each quarantine keeps a lock, and the lock table has room for some thousands; the next spent
    -- workspace is tried once more.
    if is_ours and spent and pg_catalog.cardinality(busy) < 100 then
      perform inboxdb.quarantine(candidate);
    elsif is_ours then
      perform inboxdb.checkpoint('claiming');
      update inboxdb.inbox_counts_dirty as d
      set
        attempts = d.attempts + 1,
        -- never sooner than before: below claim_from the row would not be found (D11)
        next_attempt_at = greatest(d.next_attempt_at, inboxdb.clock() + inboxdb.retry_delay(d.attempts + 1))
      where (d.client_id, d.next_attempt_at) >= (candidate, (select f.claim_from from inboxdb.read_floor as f))
        and d.client_id <= candidate
      returning d.attempts into attempt_number;
      if attempt_number > 3 then
        perform inboxdb.collapse_changes(candidate);
      end if;
      return candidate;
    end if;
    busy := busy || candidate;
  end loop;
end
$$;

create or replace function inboxdb.claim_next(may_collect boolean default true) returns inboxdb.client_id
language plpgsql volatile security definer
set search_path = ''
-- the work list's dead rows below the floor are not for a sequential scan either
set enable_seqscan = off
-- as collect
set plan_cache_mode = force_generic_plan
-- up to PostgreSQL 17 what that forbids looks dear enough to be compiled, which takes seconds
set jit = off
as $$
-- Purpose: claim the workspace that is due longest; collect first when none is due. Commit before refreshing it: its
--   attempt and next attempt then stand, and a refresh that kills its backend goes to the back of the line. One that
--   has used up its attempts is quarantined instead.
-- Parameters: may_collect; false where this is the end of a transaction that has refreshed another workspace, which a
--   collector that fails would undo.
-- Returns: the workspace, null when nothing is due, or inboxdb is suspended.
-- Errors: IB004 above READ COMMITTED.
-- Reads, writes: inbox_counts_dirty, job_status, and what collect does.
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

    -- In a block of its own, which gives the lock back where another drain overtook this one: that has claimed the
    -- workspace in a transaction that is over, and is about to refresh it, or it has done so.
    begin
      -- A lock call per chosen candidate: as a condition of the query above it would lock whatever the plan visits.
      -- Claims and refreshes hold it while they change the workspace's row, so that none waits for another's row lock.
      if not inboxdb.try_lock_workspace(candidate) then
        raise no_data_found;
      end if;
      select
        d.attempts >= (inboxdb.failure(pg_catalog.left(d.last_error, 5))).attempts_allowed into strict spent
      from inboxdb.inbox_counts_dirty as d
      -- as work_list does; for one workspace, only the primary key can answer it like this: see changes_of
      where (d.client_id, d.next_attempt_at) >= (candidate, (select f.claim_from from inboxdb.read_floor as f))
        and d.client_id <= candidate
        and d.next_attempt_at <= inboxdb.clock();
      is_ours := true;
    exception when no_data_found then
      is_ours := false;
    end;
    -- A lock each, of which a transaction has room for some thousands. Where that many are spent at once, the next of
    -- them is tried once more.
    if is_ours and spent and pg_catalog.cardinality(busy) < 100 then
      perform inboxdb.quarantine(candidate);
    elsif is_ours then
      update inboxdb.inbox_counts_dirty as d
      set
        attempts = d.attempts + 1,
        -- never sooner than it was: see raise_floor
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

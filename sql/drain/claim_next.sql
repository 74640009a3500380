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
-- Returns: the workspace, null when nothing is due, inboxdb is suspended, or another drain finds out where the database
--   is now.
-- Errors: IB004 above READ COMMITTED; IB018 of arrive.
-- Reads, writes: as claim_if_free, collect and, after a start of the server, arrive.
-- DEFINER: its callers have no rights in inboxdb.
declare
  candidate inboxdb.client_id;
  busy inboxdb.client_id[] := '{}';
  collected boolean := not may_collect;
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null then
    return null;
  end if;
  if not exists (
    select
    from inboxdb.drain_state_now as s
    where s.place is not null and s.server_started_at = pg_catalog.pg_postmaster_start_time()
  )
    and not (may_collect and inboxdb.arrive())
  then
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
    -- At most 100, because each quarantine keeps a lock, and the lock table has room for some thousands; the next spent
    -- workspace is tried once more.
    if inboxdb.claim_if_free(candidate, pg_catalog.cardinality(busy) < 100) then
      return candidate;
    end if;
    busy := busy || candidate;
  end loop;
end
$$;

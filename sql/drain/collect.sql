create or replace function inboxdb.collect() returns integer
language plpgsql volatile security definer
set search_path = ''
-- no sequential scan: the planner expects a third of the log to be undrained, but a bloated log is mostly dead rows
set enable_seqscan = off
-- generic plan, because no parameter changes the best plan; the server would choose custom plans, whose average cost it
-- remembers from when the log was small, and planning takes longer than all else (D9)
set plan_cache_mode = force_generic_plan
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
as $$
-- Purpose: find dirty workspaces not on the work list yet, and put them there. Meant to be a short transaction of its
--   own. Never waits: collectors are alone by a try-lock, and only keys without a visible row are inserted.
-- Returns: how many workspaces were added; 0 also while another collector is at work, or inboxdb is suspended.
-- Errors: IB004 above READ COMMITTED.
-- Reads: the change log, workspace, "Lead" and known_workspace for changes that name no workspace.
-- Writes: inbox_counts_dirty, drain_state; fills in the workspace of changes without one; collapses the
--   changes of quarantined workspaces.
-- DEFINER: its callers have no rights in inboxdb.
declare
  now pg_catalog.timestamptz := inboxdb.clock();
  floor_of_claims pg_catalog.timestamptz;
  quarantined inboxdb.client_id;
  late pg_catalog.record;
  added integer;
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null then
    return 0;
  end if;
  if not pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('collector'), 0) then
    return 0;
  end if;

  perform inboxdb.checkpoint('collector locked');
  if exists (select from inboxdb.change as c where c.client_id is null) then
    -- also noted by a trigger unable to read its row
    if not inboxdb.check_host() then
      return 0;
    end if;
    perform inboxdb.assign_changes();
  end if;

  for quarantined in
    select d.client_id
    from inboxdb.work_list as d
    where d.next_attempt_at >= 'infinity' and d.quarantined_at is not null
      and exists (select from inboxdb.changes_of(array[d.client_id], null) offset 0)
    -- at most 100, because each takes a lock, and the lock table has room for some thousands
    limit 100
  loop
    perform inboxdb.checkpoint('quarantined found');
    if inboxdb.try_lock_workspace(quarantined) then
      perform inboxdb.collapse_changes(quarantined);
    end if;
  end loop;

  select f.claim_from into floor_of_claims from inboxdb.read_floor as f;
  if floor_of_claims > now then
    -- The clock went back, so the floor has to as well; but a publisher with a lock on the row is not waited for.
    perform 1 from inboxdb.drain_state for update skip locked;
    if not found then
      return 0;
    end if;
    floor_of_claims := '-infinity';
  end if;

  -- Due later than any delay, because claimed by a clock that was ahead. Rows being deleted by a refresh are skipped.
  for late in
    select d.client_id, d.next_attempt_at
    from inboxdb.inbox_counts_dirty as d
    where d.next_attempt_at > now + interval '5 minutes' and d.quarantined_at is null
    order by d.next_attempt_at
    for update skip locked
  loop
    update inboxdb.inbox_counts_dirty as d
    set next_attempt_at = now
    where d.client_id = late.client_id and d.next_attempt_at = late.next_attempt_at;
  end loop;

  perform inboxdb.checkpoint('changes assigned');
  insert into inboxdb.inbox_counts_dirty (client_id, dirty_since, next_attempt_at)
  -- Due at once, even if the change was noted by a clock ahead of this one; in the order of the changes, but not below
  -- the floor of claims (D11).
  select found.client_id, found.since, greatest(least(found.since, now), floor_of_claims)
  from (
    select reason.client_id, pg_catalog.min(reason.since) as since
    from (
      select c.client_id, c.noted_at as since
      from inboxdb.change as c
      union all
      select w.client_id, w.next_snooze_at
      from inboxdb.workspace as w
      where w.next_snooze_at <= now
    ) as reason
    group by reason.client_id
    -- not null, written as HAVING count() > 0, because WHERE ... is not null would let a partial index be read whole
    having pg_catalog.count(reason.client_id) > 0
  ) as found
  where not exists (
    select
    from inboxdb.inbox_counts_dirty as d
    where inboxdb.is_work_row(d.client_id, d.next_attempt_at, found.client_id, floor_of_claims)
    -- OFFSET 0: a lookup for each workspace, because for an anti-join the planner would read the whole index
    offset 0
  );
  get diagnostics added = row_count;

  perform inboxdb.raise_floor(now, floor_of_claims);
  return added;
end
$$;

create or replace function inboxdb.collect() returns integer
language plpgsql volatile security definer
set search_path = ''
-- the planner takes a third of the log for undrained, when nearly all of a bloated one is dead rows below the floor
set enable_seqscan = off
-- No parameter changes the plan. Left to itself the server plans anew each time, which takes longer than all else: what
-- plans cost when the log was small it takes for what they cost now.
set plan_cache_mode = force_generic_plan
-- up to PostgreSQL 17 what that forbids looks dear enough to be compiled, which takes seconds
set jit = off
as $$
-- Purpose: find the workspaces that became dirty since, and put them on the work list. Meant to be a short transaction
--   of its own; it never waits: one collector at a time, and only keys without a visible row are inserted.
-- Returns: how many workspaces it added; 0 also while another collector is at work, or inboxdb is suspended.
-- Errors: IB004 above READ COMMITTED.
-- Reads: the change log, workspace, "Lead" and known_workspace for changes that name no workspace.
-- Writes: inbox_counts_dirty, drain_state; names the workspace in changes that name none; collapses the changes of
--   quarantined workspaces.
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

  if exists (select from inboxdb.change as c where c.client_id is null) then
    perform inboxdb.assign_changes();
  end if;

  for quarantined in
    select d.client_id
    from inboxdb.work_list as d
    where d.next_attempt_at >= 'infinity' and d.quarantined_at is not null
      and exists (select from inboxdb.changes_of(d.client_id) offset 0)
    -- a lock each, of which a transaction has room for some thousands
    limit 100
  loop
    if inboxdb.try_lock_workspace(quarantined) then
      perform inboxdb.collapse_changes(quarantined);
    end if;
  end loop;

  select f.claim_from into floor_of_claims from inboxdb.read_floor as f;
  if floor_of_claims > now then
    -- The clock went back, and so must the floor: not now, if a publisher has its row, who is not waited for.
    perform 1 from inboxdb.drain_state for update skip locked;
    if not found then
      return 0;
    end if;
    floor_of_claims := '-infinity';
  end if;

  -- Later than any delay: claimed by a clock that was ahead. Not waited for where a refresh is deleting it.
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

  insert into inboxdb.inbox_counts_dirty (client_id, dirty_since, next_attempt_at)
  -- Due at once, also where the clock that noted the change was ahead of this one; in the order of the changes, but
  -- not where claims no longer look.
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
    -- not null: said like this it is no condition for an index
    having pg_catalog.count(reason.client_id) > 0
  ) as found
  where not exists (
    select
    from inboxdb.inbox_counts_dirty as d
    -- those of work_list, as only the primary key can answer it: see changes_of
    where (d.client_id, d.next_attempt_at) >= (found.client_id, floor_of_claims) and d.client_id <= found.client_id
    -- looked up for each, never joined, for which the planner would read the whole index
    offset 0
  );
  get diagnostics added = row_count;

  perform inboxdb.raise_floor(now, floor_of_claims);
  return added;
end
$$;

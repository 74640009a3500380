create function inboxdb.collect() returns integer
language plpgsql volatile security definer
set search_path = ''
set plan_cache_mode = force_custom_plan
-- the planner takes a third of the log for undrained, when nearly all of a bloated one is dead rows before read_from
set enable_seqscan = off
-- up to PostgreSQL 17 what that forbids looks dear enough to be compiled, which takes seconds
set jit = off
as $$
-- Purpose: find the workspaces that became dirty since, and put them on the work list. Meant to be a short transaction
--   of its own; it never waits: one collector at a time, and only keys without a visible row are inserted.
-- Returns: how many workspaces it added; 0 also while another collector is at work.
-- Errors: IB004 above READ COMMITTED.
-- Reads: the change log, workspace, "Lead" and known_workspace for changes that name no workspace.
-- Writes: inbox_counts_dirty, drain_state; names the workspace in changes that name none.
-- DEFINER: its callers have no rights in inboxdb.
declare
  added integer;
begin
  perform inboxdb.require_read_committed();
  if not pg_catalog.pg_try_advisory_xact_lock(x'696e6278'::integer + 1, 0) then
    return 0;
  end if;

  perform inboxdb.assign_changes();

  -- Later than any delay: claimed by a clock that was ahead. Not waited for where a refresh is deleting it.
  update inboxdb.inbox_counts_dirty as d
  set next_attempt_at = inboxdb.clock()
  where d.client_id in (
    select late.client_id
    from inboxdb.inbox_counts_dirty as late
    where late.next_attempt_at > (select inboxdb.clock()) + inboxdb.retry_delay(2147483647)
    for update skip locked
  );

  insert into inboxdb.inbox_counts_dirty (client_id, dirty_since, next_attempt_at)
  -- due at once, also where the clock that noted the change was ahead of this one
  select found.client_id, pg_catalog.min(found.since), least(pg_catalog.min(found.since), inboxdb.clock())
  from (
    select c.client_id, c.noted_at as since
    from inboxdb.change as c
    where c.client_id is not null
    union all
    select w.client_id, w.next_snooze_at
    from inboxdb.workspace as w
    where w.next_snooze_at <= (select inboxdb.clock())
  ) as found
  where not exists (select from inboxdb.inbox_counts_dirty as d where d.client_id = found.client_id)
  group by found.client_id;
  get diagnostics added = row_count;

  -- Nothing visible is older than its oldest row, nothing in flight older than the snapshot's xmin. Written once a
  -- second at most: an older value holds too, and a held snapshot would keep each version of this row.
  update inboxdb.drain_state as s
  set
    read_from = least(
      pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()),
      (select pg_catalog.min(c.xid) from inboxdb.change as c)
    ),
    server_started_at = pg_catalog.pg_postmaster_start_time(),
    collected_at = pg_catalog.clock_timestamp()
  where s.collected_at is null or s.collected_at < pg_catalog.clock_timestamp() - interval '1 second'
    or s.collected_at > pg_catalog.clock_timestamp();
  return added;
end
$$;

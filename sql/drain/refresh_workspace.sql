create or replace function inboxdb.refresh_workspace(
  target_client_id inboxdb.client_id, recount_because text default null,
  out version bigint, out changed_scopes inboxdb.user_id[], out seconds_waited double precision
)
language plpgsql volatile
set search_path = ''
-- a plan made while the log is small is kept, and must do for a bloated one
set enable_seqscan = off
-- as collect
set plan_cache_mode = force_generic_plan
-- up to PostgreSQL 17 what that forbids looks dear enough to be compiled, which takes seconds
set jit = off
as $$
-- Purpose: bring one workspace's counts up to date: by what changed, or where that is not known, or dearer, by counting
--   all of it.
-- Parameters: target_client_id; recount_because, the reason for counting all of it whatever is known. The caller took
--   its lock in an EARLIER statement and is READ COMMITTED.
-- Returns: the inbox cache version: a new one if a change was taken or a snooze ran out, else the present one, null if
--   it has none; with a new one also the users whose counts or leads changed, and how long the oldest reason for it had
--   waited, from when it was noted.
-- Errors: those of recount_workspace; 40001 where somebody else wrote the workspace's counts meanwhile.
-- Reads, writes: what apply_changes and recount_workspace do; cache_version, job_status, inbox_counts_dirty. A
--   workspace that the host deleted loses its rows, its versions excepted.
-- INVOKER: called by our DEFINER functions only.
declare
  -- read after the lock, before the snapshot: never later than what the counts see
  as_of pg_catalog.timestamptz := inboxdb.clock();
  -- changes taken out of the log before; their row on the work list is ours as long as the lock is
  collapsed_since pg_catalog.timestamptz := (
    select d.dirty_since
    from inboxdb.inbox_counts_dirty as d
    -- here and below as claim_next does
    where (d.client_id, d.next_attempt_at) >= (target_client_id, (select f.claim_from from inboxdb.read_floor as f))
      and d.client_id <= target_client_id
      and d.collapsed
  );
  reason pg_catalog.text;
  oldest_reason pg_catalog.timestamptz;
  still_exists boolean := true;
  attempt_number integer;
begin
  reason := inboxdb.reason_to_recount(
    target_client_id, as_of, coalesce(recount_because, case when collapsed_since is not null then 'whole_workspace' end)
  );
  if reason is null then
    begin
      select a.noted_since, a.changed_scopes into oldest_reason, changed_scopes
      from inboxdb.apply_changes(target_client_id, as_of) as a;
    exception when sqlstate 'IB014' then
      reason := 'did_not_fit';
    end;
  end if;
  if reason is not null then
    select r.noted_since, r.changed_scopes, r.still_exists into oldest_reason, changed_scopes, still_exists
    from inboxdb.recount_workspace(target_client_id, as_of, reason, collapsed_since) as r;
  end if;

  if oldest_reason is not null then
    version := inboxdb.bump_versions(target_client_id);
  else
    changed_scopes := null;
    version := (
      select v.version from inboxdb.cache_version as v where v.client_id = target_client_id and v.family = 'inbox'
    );
  end if;

  delete from inboxdb.inbox_counts_dirty as d
  where (d.client_id, d.next_attempt_at) >= (target_client_id, (select f.claim_from from inboxdb.read_floor as f))
    and d.client_id <= target_client_id
  returning d.attempts into attempt_number;
  if still_exists then
    perform inboxdb.record_job(target_client_id, as_of, coalesce(attempt_number, 1), null, reason);
  else
    delete from inboxdb.job_status as j
    where j.client_id = target_client_id and j.job_name = 'recompute-inbox-counts';
  end if;
  seconds_waited := pg_catalog.date_part('epoch', inboxdb.clock() - oldest_reason);
end
$$;

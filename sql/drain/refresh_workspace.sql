create or replace function inboxdb.refresh_workspace(
  target_client_id inboxdb.client_id, recount_because text default null,
  out version bigint, out changed_scopes inboxdb.user_id[], out seconds_waited double precision
)
language plpgsql volatile
set search_path = ''
-- no sequential scan: a plan made while the log is small is kept for the session, and has to do for a bloated log
set enable_seqscan = off
-- generic plan, because no parameter changes the best plan, and planning takes longer than all else (D9)
set plan_cache_mode = force_generic_plan
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
as $$
-- Purpose: bring a workspace's counts up to date, by change, or by a recount where the changed leads are not known or a
--   recount is cheaper.
-- Parameters: target_client_id; recount_because, a reason for a recount in any case. The caller took the workspace's
--   lock in an EARLIER statement and is READ COMMITTED (D14).
-- Returns: the inbox cache version: a new version if a change was taken or a snooze ended, else the present version or
--   null; with a new version also the users with changed counts or leads, and how long the oldest reason for the
--   refresh had waited since noted.
-- Errors: those of recount_workspace; 40001 where somebody else wrote the workspace's counts meanwhile.
-- Reads, writes: as apply_changes and recount_workspace; cache_version, job_status, inbox_counts_dirty. A workspace
--   deleted by the host loses its rows, except its versions (D34).
-- INVOKER: called by our DEFINER functions only.
declare
  -- read after the lock and before the snapshot: never later than the leads evaluated
  as_of pg_catalog.timestamptz := inboxdb.clock();
  -- changes collapsed onto the work list's row, which nobody else changes under our lock
  collapsed_since pg_catalog.timestamptz := (
    select d.dirty_since
    from inboxdb.inbox_counts_dirty as d
    where inboxdb.is_work_row(
        d.client_id, d.next_attempt_at, target_client_id, (select f.claim_from from inboxdb.read_floor as f)
      )
      and d.collapsed
  );
  reason pg_catalog.text;
  oldest_reason pg_catalog.timestamptz;
  still_exists boolean := true;
  attempt_number integer;
begin
  perform inboxdb.checkpoint('workspace locked', target_client_id::pg_catalog.text);
  reason := inboxdb.reason_to_recount(
    target_client_id, as_of, coalesce(recount_because, case when collapsed_since is not null then 'whole_workspace' end)
  );
  if reason is null then
    begin
      select a.noted_since, a.touched_scopes, a.version into oldest_reason, changed_scopes, version
      from pg_catalog.unnest(inboxdb.apply_changes(array[target_client_id], as_of)) as a;
    exception when sqlstate 'IB014' then
      reason := 'did_not_fit';
    end;
  end if;
  if reason is not null then
    select r.noted_since, r.changed_scopes, r.version, r.still_exists
    into oldest_reason, changed_scopes, version, still_exists
    from inboxdb.recount_workspace(target_client_id, as_of, reason, collapsed_since) as r;
  end if;

  perform inboxdb.checkpoint('counts stored', target_client_id::pg_catalog.text);
  if oldest_reason is null then
    changed_scopes := null;
    version := coalesce(version, (select n.version from inboxdb.newest_version(target_client_id, 'inbox') as n));
  end if;

  perform inboxdb.checkpoint('versions bumped', target_client_id::pg_catalog.text);
  delete from inboxdb.inbox_counts_dirty as d
  where inboxdb.is_work_row(
      d.client_id, d.next_attempt_at, target_client_id, (select f.claim_from from inboxdb.read_floor as f)
    )
  returning d.attempts into attempt_number;
  if still_exists then
    perform inboxdb.record_job(
      'recompute-inbox-counts', target_client_id, as_of, coalesce(attempt_number, 1), null, reason
    );
  else
    delete from inboxdb.job_status as j where j.client_id = target_client_id;
  end if;
  seconds_waited := pg_catalog.date_part('epoch', inboxdb.clock() - oldest_reason);
end
$$;

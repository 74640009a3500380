create function inboxdb.refresh_workspace(
  target_client_id inboxdb.client_id,
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
-- Purpose: bring one workspace's counts up to date: take its changes, count it, store the counts.
-- Parameters: target_client_id. The caller took its lock in an EARLIER statement and is READ COMMITTED.
-- Returns: the inbox cache version: a new one if a change was taken or a snooze ran out, else the present one, null if
--   it has none; with a new one also the users whose counts or leads changed, and how long the oldest reason for it had
--   waited, from when it was noted.
-- Errors: those of count_scopes; 40001 where somebody else wrote the workspace's counts meanwhile.
-- Reads: "Lead", and what count_scopes does. Writes: the change log, inbox_counts, workspace, cache_version,
--   job_status, inbox_counts_dirty. A workspace that the host deleted loses its rows, its versions excepted.
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
  oldest_reason pg_catalog.timestamptz;
  still_exists boolean;
  is_complete boolean;
  attempt_number integer;
begin
  -- ONE statement, so one snapshot: a change that it does not see stays in the log, one that it deletes was counted.
  with
  changed as materialized (
    select c.slice, c.tid, c.lead_id, c.left_user_id, c.noted_at
    from inboxdb.changes_of(target_client_id) as c
  ),
  taken_0 as (delete from inboxdb.change_0 as t using changed as c where c.slice = 0 and t.ctid = c.tid),
  taken_1 as (delete from inboxdb.change_1 as t using changed as c where c.slice = 1 and t.ctid = c.tid),
  taken_2 as (delete from inboxdb.change_2 as t using changed as c where c.slice = 2 and t.ctid = c.tid),
  taken_3 as (delete from inboxdb.change_3 as t using changed as c where c.slice = 3 and t.ctid = c.tid),
  counted as materialized (
    select * from inboxdb.count_scopes(target_client_id, as_of)
  ),
  -- Its rows, one after the other from the last in the index, and of each the version that is: a held snapshot keeps
  -- all the others, one for each refresh, and those lie before it there. By key, each would be visited.
  present as materialized (
    with recursive
    newest as (
      (
        select s.ctid as tid, s.client_id, s.is_global, s.scope_user_id
        from inboxdb.inbox_counts as s
        where s.client_id >= target_client_id and s.client_id <= target_client_id
        order by s.client_id desc, s.is_global desc, s.scope_user_id desc
        limit 1
      )
      union all
      select before.tid, before.client_id, before.is_global, before.scope_user_id
      from newest as n
      cross join lateral (
        select s.ctid as tid, s.client_id, s.is_global, s.scope_user_id
        from inboxdb.inbox_counts as s
        where s.client_id >= target_client_id
          and (s.client_id, s.is_global, s.scope_user_id) < (n.client_id, n.is_global, n.scope_user_id)
        order by s.client_id desc, s.is_global desc, s.scope_user_id desc
        limit 1
      ) as before
    )
    select n.tid, n.is_global, n.scope_user_id from newest as n
  ),
  vanished as (
    delete from inboxdb.inbox_counts as s
    using present as p
    where s.ctid = p.tid
      and not exists (
        select from counted as c where c.is_global = p.is_global and c.scope_user_id = p.scope_user_id
      )
    returning s.is_global, s.scope_user_id
  ),
  updated as (
    update inboxdb.inbox_counts as s
    set
      all_responses = c.all_responses,
      requires_attention = c.requires_attention,
      previously_required_attention = c.previously_required_attention,
      total_non_blacklisted = c.total_non_blacklisted,
      awaiting_reply = c.awaiting_reply,
      needs_repair = c.needs_repair,
      ai_sent = c.ai_sent,
      ai_review = c.ai_review,
      total = c.total,
      computed_at = as_of,
      updated_at = case
        when (
          s.all_responses, s.requires_attention, s.previously_required_attention, s.total_non_blacklisted,
          s.awaiting_reply, s.needs_repair, s.ai_sent, s.ai_review, s.total
        ) = (
          c.all_responses, c.requires_attention, c.previously_required_attention, c.total_non_blacklisted,
          c.awaiting_reply, c.needs_repair, c.ai_sent, c.ai_review, c.total
        ) then s.updated_at
        else as_of
      end
    from present as p
    inner join counted as c on p.is_global = c.is_global and p.scope_user_id = c.scope_user_id
    where s.ctid = p.tid
    returning s.is_global, s.scope_user_id, s.updated_at = as_of as differs
  ),
  made as (
    insert into inboxdb.inbox_counts as s (
      client_id, is_global, scope_user_id, all_responses, requires_attention, previously_required_attention,
      total_non_blacklisted, awaiting_reply, needs_repair, ai_sent, ai_review, total, computed_at, updated_at
    )
    select
      target_client_id, c.is_global, c.scope_user_id, c.all_responses, c.requires_attention,
      c.previously_required_attention, c.total_non_blacklisted, c.awaiting_reply, c.needs_repair, c.ai_sent,
      c.ai_review, c.total, as_of, as_of
    from counted as c
    where not exists (
        select from present as p where p.is_global = c.is_global and p.scope_user_id = c.scope_user_id
      )
    returning s.is_global, s.scope_user_id, true as differs
  ),
  stored as (
    select u.is_global, u.scope_user_id, u.differs from updated as u
    union all
    select m.is_global, m.scope_user_id, m.differs from made as m
  ),
  remembered as (
    insert into inboxdb.workspace (client_id, leads, next_snooze_at)
    select target_client_id, c.leads, c.next_snooze_at
    from counted as c
    where c.is_global
      and not exists (
        select
        from inboxdb.workspace as w
        where w.client_id = target_client_id
          and pg_catalog.abs(w.leads - c.leads) <= w.leads / 10
          and w.next_snooze_at is not distinct from c.next_snooze_at
      )
    on conflict (client_id) do update set leads = excluded.leads, next_snooze_at = excluded.next_snooze_at
  ),
  forgotten as (
    delete from inboxdb.workspace as w
    where w.client_id = target_client_id and not exists (select from counted)
  ),
  -- more leads than are worth looking up one by one, or the whole workspace: then anybody's
  sweeping as (
    select
      pg_catalog.count(*) > 1000 or pg_catalog.bool_or(c.lead_id is null) or collapsed_since is not null as is_so
    from changed as c
  ),
  touched as (
    select s.scope_user_id from stored as s where s.differs and not s.is_global
    union
    select v.scope_user_id from vanished as v where not v.is_global
    union
    select c.left_user_id from changed as c where c.left_user_id is not null
    union
    select c.scope_user_id from counted as c where not c.is_global and (select s.is_so from sweeping as s)
    union
    select l.scope_user_id
    from changed as c
    -- by key, whatever the planner takes `changed` for
    cross join lateral (
      select l."assignedToUserId" as scope_user_id
      from public."Lead" as l
      where l.id = c.lead_id and l."clientId" = target_client_id
      offset 0
    ) as l
    where not (select s.is_so from sweeping as s) and l.scope_user_id is not null
  )
  select
    least(
      collapsed_since,
      (select pg_catalog.min(c.noted_at) from changed as c),
      -- as it stood before this statement
      (
        select w.next_snooze_at
        from inboxdb.workspace as w
        where w.client_id = target_client_id and w.next_snooze_at <= as_of
      )
    ),
    exists (select from counted),
    (select pg_catalog.count(*) from stored) = (select pg_catalog.count(*) from counted),
    array(select t.scope_user_id from touched as t where t.scope_user_id <> inboxdb.sentinel())
  into oldest_reason, still_exists, is_complete, changed_scopes;
  if not is_complete then
    raise exception using
      errcode = '40001',
      message = pg_catalog.format('the stored counts of workspace %L were changed by somebody else', target_client_id),
      detail = 'Only a refresh writes inboxdb.inbox_counts, and this one holds the workspace. Nothing was changed.',
      hint = 'The drain tries again.';
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
    perform inboxdb.record_job(target_client_id, as_of, coalesce(attempt_number, 1), null);
  else
    delete from inboxdb.job_status as j
    where j.client_id = target_client_id and j.job_name = 'recompute-inbox-counts';
  end if;
  seconds_waited := pg_catalog.date_part('epoch', inboxdb.clock() - oldest_reason);
end
$$;

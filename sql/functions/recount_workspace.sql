create function inboxdb.recount_workspace(
  target_client_id inboxdb.client_id, as_of timestamptz, collapsed_since timestamptz,
  out noted_since timestamptz, out changed_scopes inboxdb.user_id[], out still_exists boolean
)
language plpgsql volatile
set search_path = ''
set row_security = off
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set work_mem = '64MB'
set jit = off
as $$
-- Purpose: take a workspace's changes, count all its leads, store the counts and what each lead counted.
-- INVOKER: called by refresh_workspace only.
declare
  this_workspace integer;
  is_complete boolean;
begin
  if not exists (select from inboxdb.workspace as w where w.client_id = target_client_id) then
    insert into inboxdb.workspace (client_id, leads)
    select target_client_id, pg_catalog.count(*)
    from public."Lead" as l
    where l."clientId" = target_client_id;
  end if;
  this_workspace := (select w.number from inboxdb.workspace as w where w.client_id = target_client_id);

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
  host as materialized (
    select exists (select from public."Client" as c where c.id = target_client_id) as has_it
  ),
  lead as materialized (
    select
      l.lead_key, l.user_key, l.counts, case when l.snoozed_until > as_of then l.snoozed_until end as hidden_until
    from inboxdb.classify_leads(target_client_id) as l
    where (select h.has_it from host as h)
  ),
  compared as materialized (
    select
      k.ctid as tid, k.revision, l.lead_key, l.user_key, l.counts, l.hidden_until
    from (select k.ctid, k.* from inboxdb.counted_lead as k where k.workspace = this_workspace) as k
    full join lead as l on k.lead_key = l.lead_key
    where (k.user_key, k.counts, k.hidden_until) is distinct from (l.user_key, l.counts, l.hidden_until)
      or k.lead_key is null or l.lead_key is null
  ),
  gone as (
    delete from inboxdb.counted_lead as k using compared as c where k.ctid = c.tid and c.lead_key is null
  ),
  rewritten as (
    update inboxdb.counted_lead as k
    set
      counts = c.counts, user_key = c.user_key, hidden_until = c.hidden_until,
      revision = case when c.revision < 32767 then c.revision + 1 else 0 end
    from compared as c
    where k.ctid = c.tid and c.lead_key is not null
  ),
  added as (
    insert into inboxdb.counted_lead (workspace, counts, lead_key, user_key, hidden_until)
    select this_workspace, c.counts, c.lead_key, c.user_key, c.hidden_until
    from compared as c
    where c.tid is null
    order by c.lead_key
  ),
  counted as materialized (
    select
      s.is_global,
      (case when s.is_global then inboxdb.sentinel() else inboxdb.key_id(s.user_key)::inboxdb.user_id end)
      ::inboxdb.user_id as scope_user_id,
      s.all_responses, s.requires_attention, s.previously_required_attention, s.total_non_blacklisted,
      s.total_non_blacklisted - s.requires_attention as awaiting_reply,
      s.needs_repair, s.ai_sent, s.ai_review, s.total, s.leads, s.next_snooze_at
    from (
      select
        grouping(l.user_key) = 1 as is_global, l.user_key,
        (pg_catalog.count(*) filter (where l.hidden_until is null and l.counts & 1 > 0))::integer as all_responses,
        (pg_catalog.count(*) filter (where l.hidden_until is null and l.counts & 2 > 0))::integer as requires_attention,
        (pg_catalog.count(*) filter (where l.hidden_until is null and l.counts & 4 > 0))::integer
          as previously_required_attention,
        (pg_catalog.count(*) filter (where l.hidden_until is null and l.counts & 8 > 0))::integer
          as total_non_blacklisted,
        (pg_catalog.count(*) filter (where l.hidden_until is null and l.counts & 16 > 0))::integer as needs_repair,
        (pg_catalog.count(*) filter (where l.hidden_until is null and l.counts & 32 > 0))::integer as ai_sent,
        (pg_catalog.count(*) filter (where l.hidden_until is null and l.counts & 64 > 0))::integer as ai_review,
        (pg_catalog.count(*) filter (where l.hidden_until is null and l.counts & 128 > 0))::integer as total,
        pg_catalog.count(*)::integer as leads,
        pg_catalog.min(l.hidden_until) filter (where l.hidden_until < 'infinity') as next_snooze_at
      from lead as l
      group by grouping sets ((), (l.user_key))
      having (grouping(l.user_key) = 1 or l.user_key is not null) and (select h.has_it from host as h)
    ) as s
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
      leads = c.leads,
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
      total_non_blacklisted, awaiting_reply, needs_repair, ai_sent, ai_review, total, leads, computed_at, updated_at
    )
    select
      target_client_id, c.is_global, c.scope_user_id, c.all_responses, c.requires_attention,
      c.previously_required_attention, c.total_non_blacklisted, c.awaiting_reply, c.needs_repair, c.ai_sent,
      c.ai_review, c.total, c.leads, as_of, as_of
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
    update inboxdb.workspace as w
    set
      leads = c.leads, next_snooze_at = c.next_snooze_at, definitions = inboxdb.definitions(), computed_at = as_of
    from counted as c
    where c.is_global and w.client_id = target_client_id
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
    (select h.has_it from host as h),
    (select pg_catalog.count(*) from stored) = (select pg_catalog.count(*) from counted),
    array(select t.scope_user_id from touched as t where t.scope_user_id <> inboxdb.sentinel())
  into noted_since, still_exists, is_complete, changed_scopes;
  if not is_complete then
    raise exception using
      errcode = '40001',
      message = pg_catalog.format('the stored counts of workspace %L were changed by somebody else', target_client_id),
      detail = 'Only a refresh writes inboxdb.inbox_counts, and this one holds the workspace. Nothing was changed.',
      hint = 'The drain tries again.';
  end if;
end
$$;

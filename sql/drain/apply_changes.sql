create or replace function inboxdb.apply_changes(
  target_client_id inboxdb.client_id, as_of timestamptz,
  out noted_since timestamptz, out changed_scopes inboxdb.user_id[]
)
language plpgsql volatile
set search_path = ''
set row_security = off
-- by key, all of it: a plan made while the log is small is kept, and must do for a bloated one
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: take the changes of single leads and the snoozes that ended, and apply what they make of the counts.
-- Parameters: target_client_id, whose leads were all counted into counted_lead before; as_of, not earlier than the
--   last time. The caller took its lock in an EARLIER statement and is READ COMMITTED.
-- Returns: when the oldest change was noted, or the first snooze ended; the users whose counts or leads changed.
-- Errors: IB014 where a count would fall below zero or exceed its leads: something was missed before; 40001 where
--   somebody else wrote the workspace's counts meanwhile.
-- A change of the whole workspace stays in the log, for a refresh that counts all of it.
-- Reads: lead_now. Writes: the change log, counted_lead, inbox_counts, workspace.
-- INVOKER: called by refresh_workspace only.
declare
  this_workspace integer;
  first_snooze pg_catalog.timestamptz;
  next_snooze pg_catalog.timestamptz;
  leads_now integer;
  is_possible boolean;
  is_complete boolean;
begin
  select w.number, w.next_snooze_at into strict this_workspace, first_snooze
  from inboxdb.workspace as w
  where w.client_id = target_client_id;

  with
  changed as materialized (
    select c.slice, c.tid, c.lead_id, c.left_user_id, c.noted_at
    from inboxdb.changes_of(target_client_id) as c
    where c.lead_id is not null
  ),
  taken_0 as (delete from inboxdb.change_0 as t using changed as c where c.slice = 0 and t.ctid = c.tid),
  taken_1 as (delete from inboxdb.change_1 as t using changed as c where c.slice = 1 and t.ctid = c.tid),
  taken_2 as (delete from inboxdb.change_2 as t using changed as c where c.slice = 2 and t.ctid = c.tid),
  taken_3 as (delete from inboxdb.change_3 as t using changed as c where c.slice = 3 and t.ctid = c.tid),
  lead as materialized (
    select c.lead_id, inboxdb.id_key(c.lead_id) as lead_key
    from changed as c
    group by c.lead_id
  ),
  compared as materialized (
    select
      l.lead_key,
      b.tid, b.revision, b.user_key as old_user, b.counts as old_counts, b.hidden_until as old_hidden,
      n.counts is not null as is_here, n.user_key as new_user, n.counts as new_counts, n.hidden_until as new_hidden
    from lead as l
    left join lateral (
      select k.ctid as tid, k.revision, k.user_key, k.counts, k.hidden_until
      from inboxdb.counted_lead as k
      where k.workspace = this_workspace and k.lead_key = l.lead_key
      order by k.revision desc
      limit 1
    ) as b on true
    left join lateral (
      select f.user_key, f.counts, case when f.snoozed_until > as_of then f.snoozed_until end as hidden_until
      from inboxdb.lead_now as f
      where f.lead_id = l.lead_id and f.client_id = target_client_id
      offset 0
    ) as n on true
  ),
  -- what a lead counts does not change when its snooze ends, only that it does: nothing of the host's is read
  ended as materialized (
    select k.ctid as tid, k.lead_key, k.revision, k.user_key, k.counts
    from inboxdb.counted_lead as k
    where k.workspace = this_workspace
      and k.hidden_until >= first_snooze and k.hidden_until <= as_of
  ),
  gone as (
    delete from inboxdb.counted_lead as k
    using compared as c
    where k.ctid = c.tid and not c.is_here
  ),
  rewritten as (
    update inboxdb.counted_lead as k
    set
      counts = c.new_counts, user_key = c.new_user, hidden_until = c.new_hidden,
      revision = case when c.revision < 32767 then c.revision + 1 else 0 end
    from compared as c
    where k.ctid = c.tid and c.is_here
      and (c.old_user, c.old_counts, c.old_hidden) is distinct from (c.new_user, c.new_counts, c.new_hidden)
  ),
  added as (
    insert into inboxdb.counted_lead (workspace, counts, lead_key, user_key, hidden_until)
    select this_workspace, c.new_counts, c.lead_key, c.new_user, c.new_hidden
    from compared as c
    where c.tid is null and c.is_here
  ),
  woken as (
    update inboxdb.counted_lead as k
    set hidden_until = null, revision = case when e.revision < 32767 then e.revision + 1 else 0 end
    from ended as e
    where k.ctid = e.tid and e.tid not in (select c.tid from compared as c where c.tid is not null)
  ),
  moved as (
    select c.old_user as user_key, c.old_counts as counts, c.old_hidden is null as counts_now, -1 as direction, -1 as n
    from compared as c
    where c.tid is not null
    union all
    select c.new_user, c.new_counts, c.new_hidden is null, 1, 1
    from compared as c
    where c.is_here
    union all
    select e.user_key, e.counts, true, 1, 0
    from ended as e
    -- a hash, where `not exists` would be a join, and a nested one here
    where e.tid not in (select c.tid from compared as c where c.tid is not null)
  ),
  difference as materialized (
    select
      d.is_global,
      (case when d.is_global then inboxdb.sentinel() else inboxdb.key_id(d.user_key)::inboxdb.user_id end)
      ::inboxdb.user_id as scope_user_id,
      d.n, d.c0, d.c1, d.c2, d.c3, d.c4, d.c5, d.c6, d.c7,
      p.tid,
      coalesce(p.leads, 0) + d.n as leads,
      coalesce(p.all_responses, 0) + d.c0 as all_responses,
      coalesce(p.requires_attention, 0) + d.c1 as requires_attention,
      coalesce(p.previously_required_attention, 0) + d.c2 as previously_required_attention,
      coalesce(p.total_non_blacklisted, 0) + d.c3 as total_non_blacklisted,
      coalesce(p.needs_repair, 0) + d.c4 as needs_repair,
      coalesce(p.ai_sent, 0) + d.c5 as ai_sent,
      coalesce(p.ai_review, 0) + d.c6 as ai_review,
      coalesce(p.total, 0) + d.c7 as total
    from (
      select
        grouping(m.user_key) = 1 as is_global, m.user_key,
        coalesce(pg_catalog.sum(m.n), 0)::integer as n,
        coalesce(pg_catalog.sum(m.direction * (m.counts & 1)) filter (where m.counts_now), 0)::integer as c0,
        coalesce(pg_catalog.sum(m.direction * (m.counts >> 1 & 1)) filter (where m.counts_now), 0)::integer as c1,
        coalesce(pg_catalog.sum(m.direction * (m.counts >> 2 & 1)) filter (where m.counts_now), 0)::integer as c2,
        coalesce(pg_catalog.sum(m.direction * (m.counts >> 3 & 1)) filter (where m.counts_now), 0)::integer as c3,
        coalesce(pg_catalog.sum(m.direction * (m.counts >> 4 & 1)) filter (where m.counts_now), 0)::integer as c4,
        coalesce(pg_catalog.sum(m.direction * (m.counts >> 5 & 1)) filter (where m.counts_now), 0)::integer as c5,
        coalesce(pg_catalog.sum(m.direction * (m.counts >> 6 & 1)) filter (where m.counts_now), 0)::integer as c6,
        coalesce(pg_catalog.sum(m.direction * (m.counts >> 7 & 1)) filter (where m.counts_now), 0)::integer as c7
      from moved as m
      group by grouping sets ((), (m.user_key))
      having grouping(m.user_key) = 1 or m.user_key is not null
    ) as d
    left join lateral (
      select s.ctid as tid, s.*
      from inboxdb.inbox_counts as s
      where s.client_id = target_client_id and s.is_global = d.is_global
        and s.scope_user_id = case
          when d.is_global then inboxdb.sentinel() else inboxdb.key_id(d.user_key)::inboxdb.user_id
        end
      order by s.client_id desc, s.is_global desc, s.scope_user_id desc
      limit 1
    ) as p on true
  ),
  judged as materialized (
    select
      d.*,
      -- the least and the greatest of them: a subset of the leads each
      least(
        d.leads, d.all_responses, d.requires_attention, d.previously_required_attention, d.total_non_blacklisted,
        d.needs_repair, d.ai_sent, d.ai_review, d.total
      ) >= 0
      and greatest(
        d.all_responses, d.previously_required_attention, d.total_non_blacklisted,
        d.needs_repair, d.ai_sent, d.ai_review, d.total
      ) <= d.leads
      and d.requires_attention <= d.total_non_blacklisted
      and (d.tid is not null or not d.is_global) as is_possible,
      (d.n, d.c0, d.c1, d.c2, d.c3, d.c4, d.c5, d.c6, d.c7) <> (0, 0, 0, 0, 0, 0, 0, 0, 0) as differs
    from difference as d
  ),
  vanished as (
    delete from inboxdb.inbox_counts as s
    using judged as j
    where s.ctid = j.tid and not j.is_global and j.leads = 0 and j.is_possible
    returning s.scope_user_id
  ),
  updated as (
    update inboxdb.inbox_counts as s
    set
      leads = j.leads,
      all_responses = j.all_responses,
      requires_attention = j.requires_attention,
      previously_required_attention = j.previously_required_attention,
      total_non_blacklisted = j.total_non_blacklisted,
      awaiting_reply = j.total_non_blacklisted - j.requires_attention,
      needs_repair = j.needs_repair,
      ai_sent = j.ai_sent,
      ai_review = j.ai_review,
      total = j.total,
      computed_at = as_of,
      updated_at = case
        when (j.c0, j.c1, j.c2, j.c3, j.c4, j.c5, j.c6, j.c7) = (0, 0, 0, 0, 0, 0, 0, 0) then s.updated_at
        else as_of
      end
    from judged as j
    where s.ctid = j.tid and j.is_possible and (j.is_global or (j.leads > 0 and j.differs))
    returning s.scope_user_id
  ),
  made as (
    insert into inboxdb.inbox_counts as s (
      client_id, is_global, scope_user_id, all_responses, requires_attention, previously_required_attention,
      total_non_blacklisted, awaiting_reply, needs_repair, ai_sent, ai_review, total, leads, computed_at, updated_at
    )
    select
      target_client_id, false, j.scope_user_id, j.all_responses, j.requires_attention, j.previously_required_attention,
      j.total_non_blacklisted, j.total_non_blacklisted - j.requires_attention, j.needs_repair, j.ai_sent, j.ai_review,
      j.total, j.leads, as_of, as_of
    from judged as j
    where j.tid is null and j.is_possible and j.leads > 0
    returning s.scope_user_id
  ),
  touched as (
    select j.scope_user_id from judged as j where j.differs and not j.is_global
    union
    select c.left_user_id from changed as c where c.left_user_id is not null
    union
    select inboxdb.key_id(c.new_user)::inboxdb.user_id from compared as c where c.new_user is not null
  )
  select
    least(
      (select pg_catalog.min(c.noted_at) from changed as c),
      case when first_snooze <= as_of then first_snooze end
    ),
    array(select t.scope_user_id from touched as t where t.scope_user_id <> inboxdb.sentinel()),
    (select j.leads from judged as j where j.is_global),
    (select pg_catalog.bool_and(j.is_possible) from judged as j),
    (select pg_catalog.count(*) from vanished)
    + (select pg_catalog.count(*) from updated)
    + (select pg_catalog.count(*) from made)
    = (
      select pg_catalog.count(*)
      from judged as j
      where case when j.tid is null then j.leads > 0 else j.is_global or j.differs or j.leads = 0 end
    )
  into noted_since, changed_scopes, leads_now, is_possible, is_complete;
  if not is_possible then
    raise exception using
      errcode = 'IB014',
      message = pg_catalog.format('the changes of workspace %L do not fit its stored counts', target_client_id),
      detail = 'A count would fall below zero, or exceed the leads. Nothing was changed.',
      hint = 'The refresh that found it counts the workspace anew; `inboxdb status` shows that it healed.';
  end if;

  perform inboxdb.require_own_counts(target_client_id, is_complete);

  -- only now: the statement above did not see what it wrote
  next_snooze := inboxdb.next_snooze(this_workspace, as_of);
  update inboxdb.workspace as w
  set next_snooze_at = next_snooze, leads = leads_now
  where w.client_id = target_client_id
    and (w.next_snooze_at is distinct from next_snooze or pg_catalog.abs(w.leads - leads_now) > w.leads / 10);
end
$$;

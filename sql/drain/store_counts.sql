create or replace function inboxdb.store_counts(
  target_client_id inboxdb.client_id, as_of timestamptz, still_exists boolean
)
returns inboxdb.user_id[]
language plpgsql volatile
set search_path = ''
-- as refresh_workspace
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: make a workspace's counts the sum of what is remembered of its leads, and note that it was counted whole.
--   Rows that differ are written, and the global one, whose computed_at is the whole workspace's.
-- Parameters: target_client_id; as_of, the instant the counts speak of; still_exists, whether the host has it: where
--   not, it loses its rows.
-- Returns: the users whose counts changed.
-- Errors: 40001 where somebody else wrote the workspace's counts meanwhile.
-- Reads: counted_lead. Writes: inbox_counts, workspace.
-- INVOKER: called by recount_workspace only.
declare
  changed_scopes inboxdb.user_id[];
  is_complete boolean;
  leads_now integer;
begin
  with
  counted as materialized (
    select r.*
    from inboxdb.workspace as w
    cross join lateral inboxdb.remembered_counts(w.number) as r
    where w.client_id = target_client_id and still_exists
  ),
  present as materialized (
    select p.* from inboxdb.stored_counts(target_client_id) as p
  ),
  compared as materialized (
    select
      c.*, p.tid,
      p.tid is null or (
        p.all_responses, p.requires_attention, p.previously_required_attention, p.total_non_blacklisted,
        p.awaiting_reply, p.needs_repair, p.ai_sent, p.ai_review, p.total
      ) <> (
        c.all_responses, c.requires_attention, c.previously_required_attention, c.total_non_blacklisted,
        c.awaiting_reply, c.needs_repair, c.ai_sent, c.ai_review, c.total
      ) as differs,
      c.is_global or p.leads is distinct from c.leads as is_due
    from counted as c
    left join present as p on c.is_global = p.is_global and c.scope_user_id = p.scope_user_id
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
      updated_at = case when c.differs then as_of else s.updated_at end
    from compared as c
    where s.ctid = c.tid and (c.differs or c.is_due)
    returning s.is_global, s.scope_user_id, c.differs
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
    from compared as c
    where c.tid is null
    returning s.is_global, s.scope_user_id
  ),
  written as (
    select u.is_global, u.scope_user_id, u.differs from updated as u
    union all
    select m.is_global, m.scope_user_id, true from made as m
  )
  select
    array(
      select w.scope_user_id from written as w where w.differs and not w.is_global
      union
      select v.scope_user_id from vanished as v where not v.is_global
    ),
    (select pg_catalog.count(*) from written)
    = (select pg_catalog.count(*) from compared as c where c.differs or c.is_due),
    (select c.leads from counted as c where c.is_global)
  into changed_scopes, is_complete, leads_now;
  perform inboxdb.require_own_counts(target_client_id, is_complete);

  if still_exists then
    -- not each time: a held snapshot keeps all its versions, and each lookup visits them
    update inboxdb.workspace as w
    set
      leads = leads_now,
      next_snooze_at = s.next_snooze_at,
      definitions = inboxdb.definitions(),
      audited_at = as_of
    from (
      select inboxdb.next_snooze(k.number, as_of) as next_snooze_at
      from inboxdb.workspace as k
      where k.client_id = target_client_id
    ) as s
    where w.client_id = target_client_id
      and (
        w.next_snooze_at is distinct from s.next_snooze_at
        or pg_catalog.abs(w.leads - leads_now) > w.leads / 10
        or w.definitions is distinct from inboxdb.definitions()
        or w.audited_at not between as_of - interval '1 minute' and as_of
      );
  else
    delete from inboxdb.workspace as w where w.client_id = target_client_id;
  end if;
  return changed_scopes;
end
$$;

create or replace function inboxdb.stored_counts(target_client_id inboxdb.client_id)
returns table (
  tid tid,
  is_global boolean,
  scope_user_id inboxdb.user_id,
  all_responses integer,
  requires_attention integer,
  previously_required_attention integer,
  total_non_blacklisted integer,
  awaiting_reply integer,
  needs_repair integer,
  ai_sent integer,
  ai_review integer,
  total integer,
  leads integer
)
language sql stable rows 100
set search_path = ''
-- as refresh_workspace
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
  -- Purpose: a workspace's rows of inbox_counts, one after the other from the last in the index, and of each the
  --   version that is: a held snapshot keeps all the others, one for each refresh, and those lie before it there. By
  --   key, each would be visited.
  -- Parameters: target_client_id.
  -- Returns: the rows, and the place of each.
  -- Reads: inbox_counts.
  -- INVOKER: called by recount_workspace, drifted_scopes and store_counts only.
  with recursive
  newest as (
    (
      select s.ctid as tid, s as kept
      from inboxdb.inbox_counts as s
      where s.client_id >= target_client_id and s.client_id <= target_client_id
      order by s.client_id desc, s.is_global desc, s.scope_user_id desc
      limit 1
    )
    union all
    select before.tid, before.kept
    from newest as n
    cross join lateral (
      select s.ctid as tid, s as kept
      from inboxdb.inbox_counts as s
      where s.client_id >= target_client_id
        and (s.client_id, s.is_global, s.scope_user_id)
        < ((n.kept).client_id, (n.kept).is_global, (n.kept).scope_user_id)
      order by s.client_id desc, s.is_global desc, s.scope_user_id desc
      limit 1
    ) as before
  )
  select
    n.tid, (n.kept).is_global, (n.kept).scope_user_id, (n.kept).all_responses, (n.kept).requires_attention,
    (n.kept).previously_required_attention, (n.kept).total_non_blacklisted, (n.kept).awaiting_reply,
    (n.kept).needs_repair, (n.kept).ai_sent, (n.kept).ai_review, (n.kept).total, (n.kept).leads
  from newest as n
$$;

create or replace function inboxdb.read_inbox_counts(target_client_id inboxdb.client_id) returns inboxdb.counts_answer
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the current user's counts of a workspace, and how fresh they are.
-- Parameters: target_client_id.
-- Returns: see inbox_api.inbox_counts.
-- Errors: those of require_access, before anything else is read; in live mode those of live_inbox_counts.
-- Reads: inbox_counts, cache_version, inbox_counts_dirty, drain_state, setting (by key, in a single statement); in live
--   mode as live_inbox_counts, at the cost of a scan of the workspace.
-- DEFINER: members may read neither the work list nor the settings.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id);
  answer inboxdb.counts_answer;
begin
  select
    scope, w.computed_at, v.version, d.dirty_since,
    coalesce(d.dirty_since < inboxdb.clock() - inboxdb.promised_freshness(), false)
    or coalesce(state.collected_at < pg_catalog.clock_timestamp() - inboxdb.promised_freshness(), true),
    inboxdb.setting('counts_source'),
    -- each count, with commas: s.{name}
    s.all_responses,
    s.requires_attention,
    s.previously_required_attention,
    s.total_non_blacklisted,
    s.awaiting_reply,
    s.needs_repair,
    s.ai_sent,
    s.ai_review,
    s.total
    -- end
  into answer
  from (select) as always
  left join inboxdb.drain_state_now as state on true
  left join inboxdb.inbox_counts as s
    on s.client_id = target_client_id
    and s.is_global = (scope = inboxdb.sentinel())
    and s.scope_user_id = scope
  -- computed_at is the global row's: a refresh covers every scope, and rewrites only rows that changed (D26)
  left join inboxdb.inbox_counts as w
    on w.client_id = target_client_id and w.is_global and w.scope_user_id = inboxdb.sentinel()
  left join inboxdb.newest_version(target_client_id, 'inbox') as v on true
  left join inboxdb.inbox_counts_dirty as d
    on d.client_id = target_client_id and d.next_attempt_at >= state.claim_from;

  if answer.source = 'live' then
    answer.computed_at := inboxdb.clock();
    answer.dirty_since := null;
    answer.is_stale := false;
    select
      answer.scope_user_id, answer.computed_at, answer.version, answer.dirty_since, answer.is_stale, answer.source,
      -- each count, with commas: l.{name}
      l.all_responses,
      l.requires_attention,
      l.previously_required_attention,
      l.total_non_blacklisted,
      l.awaiting_reply,
      l.needs_repair,
      l.ai_sent,
      l.ai_review,
      l.total
      -- end
    into answer
    from (select) as always
    left join inboxdb.live_inbox_counts(target_client_id, answer.computed_at) as l on l.scope_user_id = scope;
  end if;
  -- each count: answer.{name} := coalesce(answer.{name}, 0);
  answer.all_responses := coalesce(answer.all_responses, 0);
  answer.requires_attention := coalesce(answer.requires_attention, 0);
  answer.previously_required_attention := coalesce(answer.previously_required_attention, 0);
  answer.total_non_blacklisted := coalesce(answer.total_non_blacklisted, 0);
  answer.awaiting_reply := coalesce(answer.awaiting_reply, 0);
  answer.needs_repair := coalesce(answer.needs_repair, 0);
  answer.ai_sent := coalesce(answer.ai_sent, 0);
  answer.ai_review := coalesce(answer.ai_review, 0);
  answer.total := coalesce(answer.total, 0);
  -- end

  if answer.source = 'stored' and pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(
      pg_catalog.jsonb_build_array(target_client_id, scope, answer.version, answer.is_stale)
    );
  end if;
  return answer;
end
$$;

create or replace function inboxdb.read_inbox_counts(target_client_id inboxdb.client_id) returns inboxdb.counts_answer
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
-- no sequential scan: a plan made while the work list is empty is kept for the session, and has to do for dead rows
set enable_seqscan = off
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
-- generic plan, because no parameter changes the best plan, and planning takes longer than all else (D9)
set plan_cache_mode = force_generic_plan
as $$
-- Purpose: the current user's counts of a workspace, and how fresh they are.
-- Parameters: target_client_id.
-- Returns: see inbox_api.inbox_counts.
-- Errors: those of require_access, before anything else is read; in live mode those of live_inbox_counts.
-- Reads: inbox_counts, drain_state, inbox_counts_dirty, setting, by key and without a join, which costs a reader more
--   (D124); cache_version where inbox_counts has no version. In live mode as live_inbox_counts, by a scan of the
--   workspace.
-- DEFINER: members may read neither the work list nor the settings.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id, 'counts_read');
  collected_at pg_catalog.timestamptz;
  dirty_since pg_catalog.timestamptz;
  source pg_catalog.text;
  answer inboxdb.counts_answer;
begin
  -- Few expressions besides the statements, because each is set up anew in every transaction (D124).
  -- Sub-selects, and the newest revision first, as drain_state_now: no join to set up.
  select
    s.collected_at,
    (
      select d.dirty_since
      from inboxdb.inbox_counts_dirty as d
      where d.client_id = target_client_id and d.next_attempt_at >= s.claim_from
    ),
    coalesce(
      (select k.setting_value from inboxdb.setting as k where k.setting_name = 'counts_source'),
      inboxdb.default_counts_source()
    )
  into collected_at, dirty_since, source
  from inboxdb.drain_state as s
  order by s.revision desc
  limit 1;
  select
    scope, s.computed_at, s.version, dirty_since, inboxdb.is_stale(dirty_since, collected_at), source,
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
  from inboxdb.inbox_counts as s
  where s.client_id = target_client_id and s.is_global = (scope = inboxdb.sentinel()) and s.scope_user_id = scope;
  if answer.version is not null and source = 'stored'
    and coalesce(pg_catalog.current_setting('request.headers', true), '') = ''
  then
    return answer;
  end if;

  -- drain_state may be lost
  source := coalesce(source, inboxdb.setting('counts_source'));
  if answer.scope_user_id is null then
    select
      scope, null, null, dirty_since, inboxdb.is_stale(dirty_since, collected_at), null,
      -- each count, with commas: 0
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0
      -- end
    into answer;
  end if;
  answer.source := source;
  if scope <> inboxdb.sentinel() then
    -- the global row's: a refresh covers every scope, and rewrites only rows that changed (D26)
    select s.computed_at, s.version into answer.computed_at, answer.version
    from inboxdb.inbox_counts as s
    where s.client_id = target_client_id and s.is_global and s.scope_user_id = inboxdb.sentinel();
  end if;
  -- of a workspace made anew, before its first fill
  if answer.version is null then
    select v.version into answer.version from inboxdb.newest_version(target_client_id, 'inbox') as v;
  end if;

  if source = 'live' then
    select
      scope, always.now, answer.version, null, false, source,
      -- each count, with commas: coalesce(l.{name}, 0)
      coalesce(l.all_responses, 0),
      coalesce(l.requires_attention, 0),
      coalesce(l.previously_required_attention, 0),
      coalesce(l.total_non_blacklisted, 0),
      coalesce(l.awaiting_reply, 0),
      coalesce(l.needs_repair, 0),
      coalesce(l.ai_sent, 0),
      coalesce(l.ai_review, 0),
      coalesce(l.total, 0)
      -- end
    into answer
    from (select inboxdb.clock() as now) as always
    left join inboxdb.live_inbox_counts(target_client_id, always.now) as l on l.scope_user_id = scope;
  elsif pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(
      pg_catalog.jsonb_build_array(target_client_id, scope, answer.version, answer.is_stale)
    );
  end if;
  return answer;
end
$$;

create or replace function inboxdb.live_inbox_counts(
  target_client_id inboxdb.client_id, as_of timestamptz default inboxdb.clock()
)
returns table (
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
  total integer
)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: the truth that the stored counts are held to, computed from the host's tables on the spot.
  -- Parameters: target_client_id; as_of, the instant at which snoozes are judged.
  -- Returns: one row per scope that should be stored; none where the host has no such workspace.
  -- Errors: 42501 where row-level security would filter what the owner of this function sees.
  -- Reads: through count_scopes. Costs a scan of the workspace.
  -- DEFINER: as count_scopes.
  select
    c.is_global, c.scope_user_id, c.all_responses, c.requires_attention, c.previously_required_attention,
    c.total_non_blacklisted, c.awaiting_reply, c.needs_repair, c.ai_sent, c.ai_review, c.total
  from inboxdb.count_scopes(target_client_id, as_of) as c
$$;

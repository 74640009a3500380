-- The answer's columns, named here alone. Grows in place by `alter type ... add attribute`; every grant stays (D91).
create type inboxdb.counts_answer as (
  scope_user_id inboxdb.user_id,
  computed_at timestamptz,
  version bigint,
  dirty_since timestamptz,
  is_stale boolean,
  source text,
  -- each count, with commas: {name} integer
  all_responses integer,
  requires_attention integer,
  previously_required_attention integer,
  total_non_blacklisted integer,
  awaiting_reply integer,
  needs_repair integer,
  ai_sent integer,
  ai_review integer,
  total integer
  -- end
);

comment on type inboxdb.counts_answer is 'The answer of inbox_api.inbox_counts: see there.';

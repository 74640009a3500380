create or replace view inboxdb.counts_vector as
-- inbox_counts as refreshes read it: the counts as a vector in the order of view count, and the place of each row.
select
  s.ctid as tid,
  s.client_id,
  s.is_global,
  s.scope_user_id,
  s.leads,
  array[
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
  ] as counts
from inboxdb.inbox_counts as s;

comment on view inboxdb.counts_vector is 'The rows of inbox_counts, each with its place and its counts as a vector.';

create or replace view inboxdb.list_filter as
-- The filters of the conversation list: walk_leads has the condition of each, from listed_lead; list_indexes the index.
-- `bit`: of the count by which list_candidates finds the filter's leads, where the filter has no index.
select
  f.name,
  f.bit
from (
  values
  ('all', null),
  ('responses', null),
  ('attention', null),
  ('previous_attention', null),
  ('needs_repair', null),
  ('ai_sent', 6),
  ('ai_review', 7)
) as f (name, bit);

comment on view inboxdb.list_filter is
'The filters of the conversation list, and the counts by whose bits leads are found.';

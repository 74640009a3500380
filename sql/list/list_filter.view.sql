create or replace view inboxdb.list_filter as
-- The filters of the conversation list: walk_leads has the condition of each, from listed_lead; list_indexes the index.
-- `bit`: of the count by which list_candidates finds the filter's leads, where the filter has no index of "Lead".
-- `index_name`: that along which the filter's leads are walked.
select
  f.name,
  f.bit,
  f.index_name
from (
  values
  ('all', null, 'public.inboxdb_list_all'),
  ('responses', null, 'public.inboxdb_list_responses'),
  ('attention', null, 'public.inboxdb_list_tagged'),
  ('previous_attention', null, 'public.inboxdb_list_tagged'),
  ('needs_repair', null, 'public.inboxdb_list_needs_repair'),
  ('ai_sent', 6, 'public.inboxdb_list_all'),
  ('ai_review', 7, 'public.inboxdb_list_all')
) as f (name, bit, index_name);

comment on view inboxdb.list_filter is
'The filters of the conversation list, and the counts by whose bits leads are found.';

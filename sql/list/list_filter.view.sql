create or replace view inboxdb.list_filter as
-- The filters of the conversation list: walk_leads has the condition of each, from listed_lead. `index_condition`
-- repeats the condition in built-in functions, for the partial index of the filter ({column}: the column as instant);
-- null where the filter has no index, and its leads are found by list_candidates, by the bit of the count.
select
  f.name,
  f.index_condition,
  f.bit
from (
  values
  ('all', 'true', null),
  (
    'responses',
    '"lastInboundAt" is not null'
    ' and {lastInboundAt} > coalesce({lastZrgOutboundAt}, {lastOutboundAt}, ''-infinity'')', null
  ),
  (
    'attention',
    '"lastInboundAt" is not null'
    ' and {lastInboundAt} > coalesce({lastZrgOutboundAt}, {lastOutboundAt}, ''-infinity'')'
    ' and coalesce("sentimentTag" in (''Meeting Booked'', ''Meeting Requested'', ''Call Requested'','
    ' ''Information Requested'', ''Positive'', ''Interested'', ''Follow Up''), false)'
    ' and status not in (''blacklisted'', ''unqualified'')', null
  ),
  (
    'previous_attention',
    '"lastInboundAt" is not null'
    ' and not ("lastInboundAt" is not null'
    ' and {lastInboundAt} > coalesce({lastZrgOutboundAt}, {lastOutboundAt}, ''-infinity''))'
    ' and coalesce("sentimentTag" in (''Meeting Booked'', ''Meeting Requested'', ''Call Requested'','
    ' ''Information Requested'', ''Positive'', ''Interested'', ''Follow Up''), false)'
    ' and status not in (''blacklisted'', ''unqualified'')', null
  ),
  ('needs_repair', 'status = ''needs_repair''', null),
  ('ai_sent', null, 6),
  ('ai_review', null, 7)
) as f (name, index_condition, bit);

comment on view inboxdb.list_filter is
'The filters of the conversation list, and the condition of the index of each.';

create or replace view inboxdb.list_filter as
-- THE filters of the conversation list. `term` is a condition on listed_lead as l. `index_condition` repeats the term
-- in built-in functions, as the partial index of the filter has it ({column}: the column as an instant); null where the
-- filter has no index: its leads are found by list_candidates.
select
  f.name,
  f.term,
  f.index_condition,
  f.bit
from (
  values
  ('all', 'true', 'true', null),
  (
    'responses', 'l.all_responses',
    '"lastInboundAt" is not null'
    ' and {lastInboundAt} > coalesce({lastZrgOutboundAt}, {lastOutboundAt}, ''-infinity'')', null
  ),
  (
    'attention', 'l.requires_attention',
    '"lastInboundAt" is not null'
    ' and {lastInboundAt} > coalesce({lastZrgOutboundAt}, {lastOutboundAt}, ''-infinity'')'
    ' and coalesce("sentimentTag" in (''Meeting Booked'', ''Meeting Requested'', ''Call Requested'','
    ' ''Information Requested'', ''Positive'', ''Interested'', ''Follow Up''), false)'
    ' and status not in (''blacklisted'', ''unqualified'')', null
  ),
  (
    'previous_attention', 'l.previously_required_attention',
    '"lastInboundAt" is not null'
    ' and not ("lastInboundAt" is not null'
    ' and {lastInboundAt} > coalesce({lastZrgOutboundAt}, {lastOutboundAt}, ''-infinity''))'
    ' and coalesce("sentimentTag" in (''Meeting Booked'', ''Meeting Requested'', ''Call Requested'','
    ' ''Information Requested'', ''Positive'', ''Interested'', ''Follow Up''), false)'
    ' and status not in (''blacklisted'', ''unqualified'')', null
  ),
  ('needs_repair', 'l.needs_repair', 'status = ''needs_repair''', null),
  ('ai_sent', 'l.ai_sent', null, 6),
  ('ai_review', 'l.ai_review', null, 7)
) as f (name, term, index_condition, bit);

comment on view inboxdb.list_filter is
'The filters of the conversation list, each the condition of a count, and the condition of its index.';

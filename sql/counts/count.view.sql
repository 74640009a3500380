create or replace view inboxdb.count as
-- THE list of counts. `make migration` writes every other list of counts in sql/ from this view, between the lines
-- "each count" and "end"; classified_lead has a condition of each name. of_snoozed: true where snoozed leads are
-- counted, false where visible leads are.
select
  c.bit,
  c.name,
  c.of_snoozed,
  c.meaning
from (
  values
  (0, 'all_responses', false, 'the lead wrote last'),
  (1, 'requires_attention', false, 'the lead wrote last, is workable, and has a tag that asks for attention'),
  (
    2, 'previously_required_attention', false,
    'the lead was answered, is workable, and has a tag that asks for attention'
  ),
  (3, 'total_non_blacklisted', false, 'the lead is workable: neither blacklisted nor unqualified'),
  (4, 'awaiting_reply', false, 'the lead is workable, and does not require attention'),
  (5, 'needs_repair', false, 'the lead has the status needs_repair'),
  (6, 'ai_sent', false, 'the AI has sent an email to the lead'),
  (7, 'ai_review', false, 'a draft to the lead waits for a review'),
  (8, 'total', false, 'the lead is not unqualified')
) as c (bit, name, of_snoozed, meaning);

comment on view inboxdb.count is
'What is counted: the bit of each count, its name, whether of snoozed or of visible leads, and the condition in words.';

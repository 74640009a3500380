create or replace view inboxdb.count as
-- THE list of counts. `make migration` writes every other list of counts in sql/ from this view, between the lines
-- "each count" and "end"; classified_lead has a condition of each name.
select
  c.bit,
  c.name,
  c.meaning
from (
  values
  (0, 'all_responses', 'the lead wrote last'),
  (1, 'requires_attention', 'the lead wrote last, is workable, and has a tag that asks for attention'),
  (2, 'previously_required_attention', 'the lead was answered, is workable, and has a tag that asks for attention'),
  (3, 'total_non_blacklisted', 'the lead is workable: neither blacklisted nor unqualified'),
  (4, 'awaiting_reply', 'the lead is workable, and does not require attention'),
  (5, 'needs_repair', 'the lead has the status needs_repair'),
  (6, 'ai_sent', 'the AI has sent an email to the lead'),
  (7, 'ai_review', 'a draft to the lead waits for a review'),
  (8, 'total', 'the lead is not unqualified')
) as c (bit, name, meaning);

comment on view inboxdb.count is 'What is counted: the bit of each count, its name, and the leads that belong to it.';

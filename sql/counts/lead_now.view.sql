create or replace view inboxdb.lead_now as
-- classified_lead in the form of counted_lead: a bit per count.
select
  c.client_id,
  c.lead_id,
  inboxdb.id_hash(c.lead_id, coalesce(inboxdb.id_hash(c.scope_user_id, 0), 0)) as ids_hash,
  inboxdb.id_key(c.scope_user_id) as user_key,
  (
    0
    -- each count: | (c.{name}::integer << {bit})
    | (c.all_responses::integer << 0)
    | (c.requires_attention::integer << 1)
    | (c.previously_required_attention::integer << 2)
    | (c.total_non_blacklisted::integer << 3)
    | (c.awaiting_reply::integer << 4)
    | (c.needs_repair::integer << 5)
    | (c.ai_sent::integer << 6)
    | (c.ai_review::integer << 7)
    | (c.total::integer << 8)
    -- end
  ) as counts,
  c.snoozed_until
from inboxdb.classified_lead as c;

comment on view inboxdb.lead_now is 'The counts of each lead now, in the form of counted_lead.';

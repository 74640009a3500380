create or replace view inboxdb.lead_now as
-- classified_lead as counted_lead keeps it.
select
  c.client_id,
  c.lead_id,
  inboxdb.id_key(c.scope_user_id) as user_key,
  (
    c.all_responses::integer
    + c.requires_attention::integer * 2
    + c.previously_required_attention::integer * 4
    + c.total_non_blacklisted::integer * 8
    + c.needs_repair::integer * 16
    + c.ai_sent::integer * 32
    + c.ai_review::integer * 64
    + c.total::integer * 128
  )::smallint as counts,
  c.snoozed_until
from inboxdb.classified_lead as c;

comment on view inboxdb.lead_now is 'What each lead counts now, as counted_lead keeps it.';

create view inboxdb.lead_now as
-- classified_lead as counted_lead keeps it.
select
  c.client_id,
  c.lead_id,
  inboxdb.id_key(c.scope_user_id::pg_catalog.text) as user_key,
  (
    c.all_responses::integer
    | c.requires_attention::integer << 1
    | c.previously_required_attention::integer << 2
    | c.total_non_blacklisted::integer << 3
    | c.needs_repair::integer << 4
    | c.ai_sent::integer << 5
    | c.ai_review::integer << 6
    | c.total::integer << 7
  )::smallint as counts,
  c.snoozed_until
from inboxdb.classified_lead as c;

comment on view inboxdb.lead_now is 'What each lead counts now, as counted_lead keeps it.';

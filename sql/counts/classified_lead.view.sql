create or replace view inboxdb.classified_lead as
-- The conditions of all counts, defined here alone: live counts, refreshes and checks read this view, so that a badge
-- and the list behind cannot disagree. A lead is snoozed while snoozed_until is later than the reader's as_of, else
-- visible; of which of the two a count is, view count says.
select
  l.id as lead_id,
  l."clientId" as client_id,
  nullif(l."assignedToUserId", inboxdb.sentinel()) as scope_user_id,
  inboxdb.utc(l."snoozedUntil") as snoozed_until,
  term.open_reply as all_responses,
  term.open_reply and term.attention_tag and term.workable as requires_attention,
  l."lastInboundAt" is not null and not term.open_reply and term.attention_tag and term.workable
    as previously_required_attention,
  term.workable as total_non_blacklisted,
  term.workable and not (term.open_reply and term.attention_tag) as awaiting_reply,
  l.status = 'needs_repair' as needs_repair,
  -- this and the next condition repeat the WHERE of our partial indexes, so that the planner can use them
  exists (
    select
    from public."Message" as m
    where m."leadId" = l.id
      and m.channel = 'email'
      and m.direction = 'outbound'
      and m.source = 'zrg'
      and m."sentBy" = 'ai'
      and m."aiDraftId" is not null
  ) as ai_sent,
  exists (
    select
    from public."AIDraft" as d
    where d."leadId" = l.id
      and d.status = 'pending'
      and d."autoSendAction" = 'needs_review'
  ) as ai_review,
  term.workable or l.status = 'blacklisted' as total
from public."Lead" as l
cross join lateral (
  select
    l."lastInboundAt" is not null
    and inboxdb.utc(l."lastInboundAt") > coalesce(
      inboxdb.utc(l."lastZrgOutboundAt"), inboxdb.utc(l."lastOutboundAt"), '-infinity'
    ) as open_reply,
    l.status not in ('blacklisted', 'unqualified') as workable,
    coalesce(l."sentimentTag" in (
      'Meeting Booked',
      'Meeting Requested',
      'Call Requested',
      'Information Requested',
      'Positive',
      'Interested',
      'Follow Up'
    ), false) as attention_tag
) as term;

comment on view inboxdb.classified_lead is
'For each lead its user, the conditions of the counts, and until when the lead is snoozed.';

-- Not made where the host lacks a column: then there are no lists (see missing_for_lists).
do $view$
begin
  if inboxdb.missing_for_lists() is not null then
    -- the host may have dropped a column between suspend and resume
    drop view if exists inboxdb.listed_lead;
    return;
  end if;
  execute $listed$
create or replace view inboxdb.listed_lead as
-- classified_lead, word for word, with the columns by which lists sort and filter. A copy, because a join back to
-- "Lead" is removed by the planner on 18 only, and because counts go by classified_lead's text (function definitions).
select
  -- in the types of the host's columns, as the indexes have them (D131)
  inboxdb.first_time(l."lastMessageAt", l."createdAt") as activity,
  l."updatedAt" as updated,
  coalesce(l."snoozedUntil", '-infinity') as snoozed,
  inboxdb.is_after(l."lastInboundAt", inboxdb.first_time(l."lastZrgOutboundAt", l."lastOutboundAt")) as is_open,
  -- no index of ours has room for longer ids, and a host's write must not fail by an index (D111)
  inboxdb.id_bytes(l.id) + inboxdb.id_bytes(l."clientId") + coalesce(inboxdb.id_bytes(l."assignedToUserId"), 0) <= 2500
    as is_listed,
  l."assignedToUserId" as assigned_to,
  l."sentimentTag" as sentiment_tag,
  l."overallScore" as overall_score,
  l."smsCampaignId" as sms_campaign_id,
  -- query of counts/classified_lead.view.sql
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
) as term
  -- end
$listed$;
end
$view$;

do $comment$
begin
  if pg_catalog.to_regclass('inboxdb.listed_lead') is not null then
    execute $$comment on view inboxdb.listed_lead is
      'For each lead what classified_lead says, and the columns by which lists sort and filter.'$$;
  end if;
end
$comment$;

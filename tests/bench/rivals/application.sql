-- No table, no trigger: the application counts on every refresh of its sidebar.
--
-- What every application begins with, and what any ORM makes of "count the leads where …": the sidebar's counts of a
-- workspace, once for the whole of it and once per setter, with an EXISTS per lead on messages and drafts. Measured before
-- inboxdb's indexes exist, with those that the application's own schema has.
with counted as (
  select
    l."assignedToUserId" as setter,
    l.status,
    l."lastInboundAt" as inbound,
    l."lastInboundAt" is not null
      and l."lastInboundAt" > coalesce(l."lastZrgOutboundAt", l."lastOutboundAt", '-infinity') as open_reply,
    l."sentimentTag" in (
      'Meeting Booked', 'Meeting Requested', 'Call Requested', 'Information Requested', 'Positive', 'Interested',
      'Follow Up'
    ) as attention,
    l.status not in ('blacklisted', 'unqualified') as workable,
    exists (
      select from "Message" as m
      where m."leadId" = l.id and m.channel = 'email' and m.direction = 'outbound' and m.source = 'zrg'
        and m."sentBy" = 'ai' and m."aiDraftId" is not null
    ) as ai_sent,
    exists (
      select from "AIDraft" as d
      where d."leadId" = l.id and d.status = 'pending' and d."autoSendAction" = 'needs_review'
    ) as ai_review
  from "Lead" as l
  where l."clientId" = :workspace
    and (l."snoozedUntil" is null or l."snoozedUntil" <= now() at time zone 'UTC')
)
select
  null as setter,
  count(*) filter (where open_reply),
  count(*) filter (where open_reply and attention and workable),
  count(*) filter (where inbound is not null and not open_reply and attention and workable),
  count(*) filter (where workable),
  count(*) filter (where status = 'needs_repair'),
  count(*) filter (where ai_sent),
  count(*) filter (where ai_review),
  count(*) filter (where workable or status = 'blacklisted')
from counted;

with counted as (
  select
    l."assignedToUserId" as setter,
    l.status,
    l."lastInboundAt" as inbound,
    l."lastInboundAt" is not null
      and l."lastInboundAt" > coalesce(l."lastZrgOutboundAt", l."lastOutboundAt", '-infinity') as open_reply,
    l."sentimentTag" in (
      'Meeting Booked', 'Meeting Requested', 'Call Requested', 'Information Requested', 'Positive', 'Interested',
      'Follow Up'
    ) as attention,
    l.status not in ('blacklisted', 'unqualified') as workable,
    exists (
      select from "Message" as m
      where m."leadId" = l.id and m.channel = 'email' and m.direction = 'outbound' and m.source = 'zrg'
        and m."sentBy" = 'ai' and m."aiDraftId" is not null
    ) as ai_sent,
    exists (
      select from "AIDraft" as d
      where d."leadId" = l.id and d.status = 'pending' and d."autoSendAction" = 'needs_review'
    ) as ai_review
  from "Lead" as l
  where l."clientId" = :workspace
    and l."assignedToUserId" is not null
    and (l."snoozedUntil" is null or l."snoozedUntil" <= now() at time zone 'UTC')
)
select
  setter,
  count(*) filter (where open_reply),
  count(*) filter (where open_reply and attention and workable),
  count(*) filter (where inbound is not null and not open_reply and attention and workable),
  count(*) filter (where workable),
  count(*) filter (where status = 'needs_repair'),
  count(*) filter (where ai_sent),
  count(*) filter (where ai_review),
  count(*) filter (where workable or status = 'blacklisted')
from counted
group by setter;

-- A page of the application's own list, newest first: what an ORM makes of "find many, skip and take", each lead with its
-- latest message and whether a draft waits. Whether a reply is open compares columns with a fallback, which its ORM cannot
-- say: the program decides that afterwards, over batches (tests/bench/lists.py), as it decides which leads are shown.
--
-- In its favour: one statement for leads and messages where the ORM sends three; no count of all leads beside; and it
-- sorts by the columns themselves where the application's order by a bare id breaks ties by chance.
select
  l.id,
  l."lastInboundAt",
  coalesce(l."lastZrgOutboundAt", l."lastOutboundAt"),
  l."firstName",
  l."lastName",
  l.email,
  l."sentimentTag",
  l.status,
  m.body,
  exists (select from "AIDraft" as d where d."leadId" = l.id and d.status = 'pending') as has_draft
from (
  select *
  from "Lead" as l
  where l."clientId" = :workspace
    and (l."snoozedUntil" is null or l."snoozedUntil" <= now() at time zone 'UTC')
    and :condition
  order by l."lastMessageAt" desc nulls last, l.id desc
  limit :take offset :skip
) as l
left join lateral (
  select m.body from "Message" as m where m."leadId" = l.id order by m."sentAt" desc limit 1
) as m on true
order by l."lastMessageAt" desc nulls last, l.id desc

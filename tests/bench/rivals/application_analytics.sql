-- No table, no trigger: the application adds an overview up from leads and messages, whenever a dashboard is opened.
--
-- What every application begins with: a count for each figure, distinct leads by a join with messages, and mean waits by
-- a window over the messages of each lead and channel. In its favour: the host's own indexes, and nothing to keep.
select count(*)
from "Lead"
where "clientId" = :workspace and "createdAt" >= :since and "createdAt" < :until;

select
  count(distinct m."leadId") filter (where m.direction = 'outbound'),
  count(distinct m."leadId") filter (where m.direction = 'inbound')
from "Message" as m
inner join "Lead" as l on m."leadId" = l.id
where l."clientId" = :workspace and m."sentAt" >= :since and m."sentAt" < :until;

select count(*), count(*) filter (where "appointmentStatus" is distinct from 'canceled' and "appointmentCanceledAt" is null)
from "Lead"
where "clientId" = :workspace and "appointmentBookedAt" >= :since and "appointmentBookedAt" < :until;

select o.direction, count(*), avg(o."sentAt" - o.sent_before)
from (
  select
    m.direction,
    m."sentAt",
    lag(m.direction) over lead_channel as direction_before,
    lag(m."sentAt") over lead_channel as sent_before
  from "Message" as m
  inner join "Lead" as l on m."leadId" = l.id
  where l."clientId" = :workspace and m."sentAt" >= :since - interval '7 days' and m."sentAt" < :until
  window lead_channel as (partition by m."leadId", m.channel order by m."sentAt", m.id)
) as o
where o.direction <> o.direction_before and o."sentAt" >= :since and o."sentAt" - o.sent_before <= interval '7 days'
group by o.direction;

-- Messages of each day in a materialized view that is refreshed over and over, without locking out its readers.
--
-- The same advice as for counts (materialized_view.sql), for dashboards. In its favour: a read is of some rows by key, and
-- writers pay nothing. Against it: a refresh reads every workspace's messages, and leads that wrote on two days of a
-- window cannot be told apart, so that an overview cannot be answered from it.
create schema rival_by_day;

create materialized view rival_by_day.day as
select
  l."clientId" as client_id,
  m."sentAt"::date as on_day,
  count(*) filter (where m.direction = 'inbound') as inbound,
  count(*) filter (where m.direction = 'outbound') as outbound
from "Message" as m
inner join "Lead" as l on m."leadId" = l.id
group by 1, 2;

create unique index on rival_by_day.day (client_id, on_day);

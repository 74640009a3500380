create or replace view inboxdb.waiting as
-- Why a workspace's counts may be behind, straight from the log, the snoozes and the work list: never only from what a
-- collector has seen. A workspace stands here once per reason.
select c.client_id, c.noted_at as since
from inboxdb.change as c
-- not as the index on it says it
where (c.client_id is null) is false
union all
select l."clientId"::inboxdb.client_id, c.noted_at
from inboxdb.change as c
inner join public."Lead" as l on c.lead_id = l.id
where c.client_id is null
union all
-- nothing of known_workspace is read where no such change waits
select
  k.client_id,
  (
    select pg_catalog.min(c.noted_at)
    from inboxdb.change as c
    where c.client_id is null and c.lead_id is null
  ) as since
from inboxdb.known_workspace as k
where exists (
    select
    from inboxdb.change as c
    where c.client_id is null and c.lead_id is null
  )
union all
select w.client_id, w.next_snooze_at
from inboxdb.workspace as w
where w.next_snooze_at <= (select inboxdb.clock())
union all
select d.client_id, d.dirty_since
from inboxdb.work_list as d;

comment on view inboxdb.waiting is 'Workspaces whose counts may be behind, and since when.';

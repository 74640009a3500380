create or replace view inboxdb.waiting as
-- Dirty workspaces, straight from the log, the snoozes and the work list, so also before a collector has seen their
-- changes. A workspace is listed once per reason.
select c.client_id, c.noted_at as since
from inboxdb.change as c
-- not `is not null`, so that the partial index change_*_client_id_xid_idx cannot answer: it would be read whole (D8)
where (c.client_id is null) is false
union all
select l."clientId"::inboxdb.client_id, c.noted_at
from inboxdb.change as c
inner join public."Lead" as l on c.lead_id = l.id
where c.client_id is null
union all
-- known_workspace is read only if such a change waits
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

comment on view inboxdb.waiting is 'Dirty workspaces, and since when.';

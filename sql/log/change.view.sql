create or replace view inboxdb.change as
-- The undrained changes of every slice. Below the floor there are only dead rows, kept from vacuum by a held snapshot
-- and never read here (D10). The two conditions stand in queries of their own, so that an index answers each of them.
-- `tid` (ctid) is for deleting the rows in the statement reading them.
with floor as (select f.read_from, f.also_read from inboxdb.read_floor as f)

select 0 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_0 as c
where c.xid >= (select f.read_from from floor as f)
union all
select 0 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_0 as c
where c.xid = any ((select f.also_read from floor as f)::xid8[])
union all
select 1 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_1 as c
where c.xid >= (select f.read_from from floor as f)
union all
select 1 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_1 as c
where c.xid = any ((select f.also_read from floor as f)::xid8[])
union all
select 2 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_2 as c
where c.xid >= (select f.read_from from floor as f)
union all
select 2 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_2 as c
where c.xid = any ((select f.also_read from floor as f)::xid8[])
union all
select 3 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_3 as c
where c.xid >= (select f.read_from from floor as f)
union all
select 3 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_3 as c
where c.xid = any ((select f.also_read from floor as f)::xid8[]);

comment on view inboxdb.change is 'The changes not yet drained.';

create or replace view inboxdb.change as
-- What is left to drain, from every slice. Elsewhere, below the floor, there are only dead rows: a held snapshot keeps
-- them from vacuum, and reading them would cost more the longer it is held. The two conditions stand in queries of
-- their own, so that each is one of an index. `tid` is for deleting what was read, in the same statement.
select 0 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_0 as c
where c.xid >= (select f.read_from from inboxdb.read_floor as f)
union all
select 0 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_0 as c
where c.xid = any ((select f.also_read from inboxdb.read_floor as f)::xid8[])
union all
select 1 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_1 as c
where c.xid >= (select f.read_from from inboxdb.read_floor as f)
union all
select 1 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_1 as c
where c.xid = any ((select f.also_read from inboxdb.read_floor as f)::xid8[])
union all
select 2 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_2 as c
where c.xid >= (select f.read_from from inboxdb.read_floor as f)
union all
select 2 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_2 as c
where c.xid = any ((select f.also_read from inboxdb.read_floor as f)::xid8[])
union all
select 3 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_3 as c
where c.xid >= (select f.read_from from inboxdb.read_floor as f)
union all
select 3 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_3 as c
where c.xid = any ((select f.also_read from inboxdb.read_floor as f)::xid8[]);

comment on view inboxdb.change is 'The changes not yet drained.';

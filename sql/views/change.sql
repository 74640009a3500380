create view inboxdb.change as
-- What is left to drain, from every slice. Rows before read_from() are drained already: only dead ones remain there.
select c.xid, c.client_id, c.lead_id, c.noted_at
from inboxdb.change_0 as c
where c.xid >= (select inboxdb.read_from())
union all
select c.xid, c.client_id, c.lead_id, c.noted_at
from inboxdb.change_1 as c
where c.xid >= (select inboxdb.read_from())
union all
select c.xid, c.client_id, c.lead_id, c.noted_at
from inboxdb.change_2 as c
where c.xid >= (select inboxdb.read_from())
union all
select c.xid, c.client_id, c.lead_id, c.noted_at
from inboxdb.change_3 as c
where c.xid >= (select inboxdb.read_from());

comment on view inboxdb.change is 'The changes not yet drained.';

create or replace view inboxdb.noted_text as
-- The changes of text that wait, from the floor on; the floor is trusted as that of the change log is (D12). Two
-- queries, so that the key answers each, and no CTE, so that the key's order is the view's: the oldest and the newest are
-- found without reading the rest.
select c.ctid as tid, c.xid, c.client_id, c.lead_id, c.noted_at
from inboxdb.text_change as c
where c.xid >= (select s.trusted_from from inboxdb.search_state_now as s)
union all
select c.ctid as tid, c.xid, c.client_id, c.lead_id, c.noted_at
from inboxdb.text_change as c
where c.xid = any ((select s.also_trusted from inboxdb.search_state_now as s)::xid8[]);

comment on view inboxdb.noted_text is 'The changes of text not yet taken.';

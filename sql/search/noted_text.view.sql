create or replace view inboxdb.noted_text as
-- The changes of text that wait, from the floor on; the floor is trusted as that of the change log is (D12). The two
-- conditions stand in queries of their own, so that the key answers each of them.
with floor as (
  select
    case when verdict.is_so then s.read_from else '0' end as read_from,
    case when verdict.is_so then s.also_read else '{}' end as also_read
  from inboxdb.search_state_now as s
  cross join lateral (
    select
      s.server_started_at = pg_catalog.pg_postmaster_start_time()
      and s.read_from <= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) as is_so
  ) as verdict
)

select c.ctid as tid, c.xid, c.client_id, c.lead_id, c.noted_at
from inboxdb.text_change as c
where c.xid >= (select f.read_from from floor as f)
union all
select c.ctid as tid, c.xid, c.client_id, c.lead_id, c.noted_at
from inboxdb.text_change as c
where c.xid = any ((select f.also_read from floor as f)::xid8[]);

comment on view inboxdb.noted_text is 'The changes of text not yet taken.';

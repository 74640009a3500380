create or replace view inboxdb.analytics_state_now as
-- the newest revision first, past dead rows that a held snapshot keeps (D35)
select
  s.revision, s.server_started_at,
  -- another server may count transactions anew (D12)
  case when verdict.is_so then s.read_from else '0' end as trusted_from,
  case when verdict.is_so then s.also_read else '{}' end as trusted_also
from inboxdb.analytics_state as s
cross join
  lateral (
    select
      s.server_started_at = pg_catalog.pg_postmaster_start_time()
      and s.read_from <= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) as is_so
  ) as verdict
order by s.revision desc
limit 1;

comment on view inboxdb.analytics_state_now is
'The row of analytics_state, found first among its dead rows, and from where on analytics_change is to be read.';

create or replace view inboxdb.read_floor as
-- Where to start reading the change log and the work list: below the floors nothing is left to drain. Floors hold for
-- good, but not on another server, which may count transactions anew (restart, restore, failover): then everything is
-- read (D12).
select
  case when verdict.is_so then s.read_from else '0' end as read_from,
  case when verdict.is_so then s.also_read else '{}' end as also_read,
  case when verdict.is_so then s.claim_from else '-infinity' end as claim_from
from inboxdb.drain_state_now as s
cross join lateral (
  select
    s.server_started_at = pg_catalog.pg_postmaster_start_time()
    and s.read_from <= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) as is_so
) as verdict;

comment on view inboxdb.read_floor is 'Where to start reading the change log and the work list.';

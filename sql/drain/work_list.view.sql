create or replace view inboxdb.work_list as
-- All rows of inbox_counts_dirty. Below claim_from there are only dead rows, two for each refresh, kept from vacuum by
-- a held snapshot (D11). ORDER BY makes the planner use the index on next_attempt_at; the primary key would be read
-- whole.
select
  d.client_id, d.dirty_since, d.collected_at, d.attempts, d.next_attempt_at, d.last_error, d.collapsed, d.quarantined_at
from inboxdb.inbox_counts_dirty as d
where d.next_attempt_at >= (select f.claim_from from inboxdb.read_floor as f)
order by d.next_attempt_at;

comment on view inboxdb.work_list is 'The rows of inbox_counts_dirty, read from the floor on.';

create or replace view inboxdb.work_list as
-- The rows of inbox_counts_dirty, all of them. Below the floor there are only dead ones, two for each refresh: a held
-- snapshot keeps them from vacuum. The order has the planner use the index on it, however tiny it takes the table for;
-- by the primary key it would read all of it.
select
  d.client_id, d.dirty_since, d.collected_at, d.attempts, d.next_attempt_at, d.last_error, d.collapsed, d.quarantined_at
from inboxdb.inbox_counts_dirty as d
where d.next_attempt_at >= (select f.claim_from from inboxdb.read_floor as f)
order by d.next_attempt_at;

comment on view inboxdb.work_list is 'The rows of inbox_counts_dirty, looked for where there can be some.';

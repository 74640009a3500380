create or replace view inboxdb.drain_state_now as
-- The one row of drain_state. The newest revision first, because each revision leaves a dead row, which a held snapshot
-- keeps (D35).
select
  d.revision, d.server_started_at, d.place, d.arrived_at, d.read_from, d.also_read, d.claim_from, d.changes_left,
  d.collected_at, d.publisher_seen_at
from inboxdb.drain_state as d
order by d.revision desc
limit 1;

comment on view inboxdb.drain_state_now is 'The row of drain_state, found first among its dead rows.';

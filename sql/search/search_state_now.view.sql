create or replace view inboxdb.search_state_now as
-- the newest revision first, past dead rows that a held snapshot keeps (D35)
select
  s.revision, s.server_started_at, s.read_from, s.also_read, s.walk_is_due, s.walked_to, s.cleared_to, s.walk_began_at,
  s.filled_at, s.definitions
from inboxdb.search_state as s
order by s.revision desc
limit 1;

comment on view inboxdb.search_state_now is 'The row of search_state, found first among its dead rows.';

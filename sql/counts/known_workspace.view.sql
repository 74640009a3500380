create or replace view inboxdb.known_workspace as
-- Every workspace that has counts or should have: those of the host, and those it deleted whose rows still stand.
select c.id::inboxdb.client_id as client_id
from public."Client" as c
union
select w.client_id
from inboxdb.workspace as w
union
select s.client_id
from inboxdb.inbox_counts as s;

comment on view inboxdb.known_workspace is 'Every workspace that has counts or should have.';

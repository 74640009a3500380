create or replace view inboxdb.known_workspace as
-- Every workspace with counts, or due to have some: the host's, and workspaces deleted there whose rows still stand.
select c.id::inboxdb.client_id as client_id
from public."Client" as c
union
select w.client_id
from inboxdb.workspace as w
union
select s.client_id
from inboxdb.inbox_counts as s;

comment on view inboxdb.known_workspace is 'Every workspace that has counts or should have.';

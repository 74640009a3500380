create or replace view inboxdb.known_workspace as
-- Every workspace with counts, or due to have some: the host's, and workspaces deleted there whose rows still stand. A
-- workspace whose id is too long has none (D111).
select c.id::inboxdb.client_id as client_id
from public."Client" as c
where not inboxdb.is_too_long(c.id::inboxdb.client_id)
union
select w.client_id
from inboxdb.workspace as w
union
select s.client_id
from inboxdb.inbox_counts as s;

comment on view inboxdb.known_workspace is 'Every workspace that has counts or should have.';

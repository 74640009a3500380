-- Looks for: workspaces whose ids are longer than inboxdb's indexes can hold.
-- Why: they are not counted, because a write of the host's would fail by such an index.
-- Evidence: "Client", for the role that installed inboxdb. Reads all of it.
-- Source of the rule: sql/host/is_too_long.sql (D111). A lead's or a user's id that is too long quarantines its
-- workspace instead.
select
  'problem' as severity,
  pg_catalog.format(
    'workspace %s... is not counted: its id has %s bytes, and inboxdb counts workspaces with up to 2,000',
    pg_catalog.left(c.id::text, 40), pg_catalog.octet_length(c.id::text)
  ) as evidence,
  'give it a shorter `"Client"."id"`: it is counted from then on' as remedy
from public."Client" as c
where inboxdb.is_too_long(c.id::inboxdb.client_id)
order by c.id
limit 20;

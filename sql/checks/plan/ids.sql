-- Looks for: ids longer than inboxdb's indexes can hold: more than 2,000 bytes of a workspace, 2,600 of a lead or a
-- user.
-- Evidence: "Client" and "Lead", for a role that may read them. Reads all of both.
-- Reads nothing of inboxdb.plan.
-- Source of the rule: sql/host/is_too_long.sql (D111).
select
  'warning' as severity,
  null as migration,
  pg_catalog.format(
    '%s has an id of %s bytes, starting with %L: at most %s are counted',
    found.what, found.bytes, pg_catalog.left(found.id, 40), found.allowed
  ) as evidence,
  'give it a shorter id; else its workspace is left without counts' as remedy
from (
  (
    select 'a workspace' as what, c.id::text as id, pg_catalog.octet_length(c.id::text) as bytes, 2000 as allowed
    from public."Client" as c
    where pg_catalog.octet_length(c.id::text) > 2000
    order by c.id
    limit 5
  )
  union all
  (
    select 'a lead' as what, l.id::text as id, pg_catalog.octet_length(l.id::text) as bytes, 2600 as allowed
    from public."Lead" as l
    where pg_catalog.octet_length(l.id::text) > 2600
    order by l.id
    limit 5
  )
  union all
  (
    select
      'a user' as what, l."assignedToUserId"::text as id, pg_catalog.octet_length(l."assignedToUserId"::text) as bytes,
      2600 as allowed
    from public."Lead" as l
    where pg_catalog.octet_length(l."assignedToUserId"::text) > 2600
    order by l."assignedToUserId"
    limit 5
  )
) as found
order by found.what, found.id;

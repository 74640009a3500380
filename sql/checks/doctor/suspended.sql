-- Looks for: an installation suspended for the host's own migration, or by itself, because the host has changed.
-- Why: changes are not noted and counts not refreshed meanwhile, and `migrate resume` may have been forgotten.
-- Evidence: drain_status(), for inboxdb_monitor too.
-- Source of the rule: docs/operations.md, The host's own migrations.
select
  'problem' as severity,
  pg_catalog.format(
    'inboxdb is suspended since %s%s: counts stay as they are',
    pg_catalog.to_char(s.suspended_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'),
    coalesce(' by itself, because ' || s.suspended_because, ', changes are not noted, restricted roles see no lead')
  ) as evidence,
  case when s.suspended_because is null then '`inboxdb migrate resume`, once the host''s own migration is through'
    else 'bring that back as it was, or put another of that name and type in its place, then `inboxdb migrate resume`'
  end as remedy
from inboxdb.drain_status() as s
where s.suspended_since is not null;

-- Looks for: an installation suspended for the host's own migration.
-- Why: changes are not noted and counts not refreshed meanwhile, and `migrate resume` may have been forgotten.
-- Evidence: drain_status(), for inboxdb_monitor too.
-- Source of the rule: docs/operations.md, The host's own migrations.
select
  'problem' as severity,
  pg_catalog.format(
    'inboxdb is suspended since %s: changes are not noted, counts stay as they are, and restricted roles see no lead',
    pg_catalog.to_char(s.suspended_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
  ) as evidence,
  '`inboxdb migrate resume`, once the host''s own migration is through' as remedy
from inboxdb.drain_status() as s
where s.suspended_since is not null;

-- Looks for: maintenance that failed in the last hour.
-- Why: an item that goes on failing leaves its work undone: the change log grows, old rows stay, audits are late.
-- Evidence: failing_maintenance(), for inboxdb_monitor too.
-- Source of the rule: sql/jobs/maintenance.view.sql. The reason is a SQLSTATE.
select
  'warning' as severity,
  pg_catalog.format('%s failed at %s: %s', f.item, f.failed_at, f.last_error) as evidence,
  'see that its reason goes away; every drain goes on trying' as remedy
from inboxdb.failing_maintenance() as f
order by f.item;

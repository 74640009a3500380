-- Looks for: upkeep of the host's tables that is switched on, and not offered.
-- Why: the host lacks a table, a column, an index, a foreign key or a right, so the rows stay.
-- Evidence: list_upkeep(), for inboxdb_monitor too.
-- Source of the rule: sql/upkeep/missing_for_upkeep.sql.
select
  'warning' as severity,
  pg_catalog.format('%s is on, and not done; missing: %s', u.item, u.missing) as evidence,
  pg_catalog.format(
    'give the host''s tables what is missing, or: select inboxdb.set_setting(%L, null);', u.setting_name
  ) as remedy
from inboxdb.list_upkeep() as u
where u.is_on and u.missing is not null
order by u.item;

-- Looks for: workspaces whose readers of counts are told another version than cache_version has.
-- Why: a restore or a hand wrote one of the two tables alone. Readers may keep an old answer (304) until the next
-- refresh, which writes both.
-- Evidence: inbox_counts and cache_version, for the role that installed inboxdb. A lookup by key per workspace.
-- Source of the rule: inbox_counts.version is a copy (sql/counts/inbox_counts.table.sql, D124). Without a copy
-- cache_version itself is read.
select
  'problem' as severity,
  pg_catalog.format(
    '%s workspaces have another version beside their counts than in inboxdb.cache_version', pg_catalog.count(*)
  ) as evidence,
  '`inboxdb mark --all`, then `inboxdb drain-dirty`, which gives each workspace a new version' as remedy
from inboxdb.inbox_counts as s
left join lateral inboxdb.newest_version(s.client_id, 'inbox') as v on true
where s.is_global and s.version is not null and s.version is distinct from v.version
having pg_catalog.count(*) > 0;

-- Looks for: rows that installing inboxdb makes, and that are gone: what is decided, and where the drain has come to.
-- Why: without the drain's own nothing is drained, and nobody is told. A restore of the schema alone lacks them.
-- Evidence: drain_status(), which inboxdb_monitor may call.
-- Source of the rule: sql/log/drain_state.table.sql and sql/base/installation.table.sql.
select
  'problem' as severity,
  pg_catalog.format(
    'rows of %s are missing, as after a restore of the schema alone',
    'inboxdb.drain_state'
  ) as evidence,
  '`inboxdb migrate verify --repair`, then `inboxdb drain-dirty`' as remedy
from inboxdb.drain_status() as s
where s.workers_seen is null;

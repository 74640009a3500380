-- Looks for: the row that installing inboxdb makes for the drain, and that is gone: how far the log is read.
-- Why: without the row nothing is drained, and nobody is told. A restore of the schema alone lacks the row.
-- Evidence: drain_status(), which inboxdb_monitor may call.
-- Source of the rule: sql/log/drain_state.table.sql. `migrate verify` misses the row of installation, too.
select
  'problem' as severity,
  'the row of inboxdb.drain_state is missing, as after a restore of the schema alone' as evidence,
  '`inboxdb migrate verify --repair`, then `inboxdb drain-dirty`' as remedy
from inboxdb.drain_status() as s
where s.workers_seen is null;

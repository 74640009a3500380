-- Looks for: rows that installing inboxdb makes, and that are gone: what is decided, and where the drain has come to.
-- Why: without the drain's own nothing is drained, and nobody is told. A restore of the schema alone lacks them.
-- Evidence: drain_status() and lead_rls_state(), which inboxdb_monitor may call.
-- Source of the rule: sql/log/drain_state.table.sql and sql/base/setting.table.sql.
select
  'problem' as severity,
  pg_catalog.format(
    'rows of %s are missing, as after a restore of the schema alone',
    case when s.workers_seen is null then 'inboxdb.drain_state' else 'inboxdb.setting' end
  ) as evidence,
  '`inboxdb migrate verify --repair`, then `inboxdb drain-dirty`' as remedy
from inboxdb.drain_status() as s
cross join inboxdb.lead_rls_state() as l (state)
where s.counts_source is null or l.state is null;

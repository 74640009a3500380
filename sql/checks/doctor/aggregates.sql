-- Looks for: aggregates of analytics whose refresh fails or is late.
-- Why: reads of analytics show figures of before; of a workspace in quarantine they are answered live, which costs
-- seconds.
-- Evidence: analytics_status(), for inboxdb_monitor too.
-- Source of the rule: figures are promised within a minute (docs/contracts.md); sql/analytics/next_analytics.sql for
-- quarantine.
select
  'problem' as severity,
  pg_catalog.format(
    'aggregates of analytics of %s workspaces are in quarantine, and of %s fail: %s', s.quarantined, s.failing,
    s.last_error
  ) as evidence,
  'mend what the error says, then recompute the workspace''s analytics: docs/operations.md' as remedy
from inboxdb.analytics_status() as s
where s.quarantined + s.failing > 0
union all
select
  'warning' as severity,
  pg_catalog.format(
    'aggregates of analytics of %s workspaces are late, the oldest change by %s s', s.late,
    pg_catalog.floor(s.oldest_seconds)
  ) as evidence,
  'help with `inboxdb drain-dirty --workers 2`' as remedy
from inboxdb.analytics_status() as s
where s.late > 0;

-- Looks for: quarantined workspaces, and failing ones, whose last attempt failed.
-- Why: their counts stay as they were.
-- Evidence: failing_workspaces(), for inboxdb_monitor too.
-- Source of the rule: docs/operations.md, Failures. The reasons are SQLSTATEs and sentences of ours.
select
  case when f.quarantined_at is null then 'warning' else 'problem' end as severity,
  pg_catalog.format(
    'workspace %s %s after %s attempts: %s', f.client_id,
    case when f.quarantined_at is null then 'failed' else 'is quarantined' end, f.attempts, f.last_error
  ) as evidence,
  case
    when f.quarantined_at is null then 'it is tried again by itself; see that its reason goes away'
    else pg_catalog.format('mend the reason, then `inboxdb requeue %s` and `inboxdb drain-dirty`', f.client_id)
  end as remedy
from inboxdb.failing_workspaces() as f
order by f.quarantined_at nulls last, f.client_id
limit 20;

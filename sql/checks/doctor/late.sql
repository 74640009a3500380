-- Looks for: changes waiting longer than the promised 15 seconds, quarantined workspaces aside.
-- Why: badge counts are wrong for as long.
-- Evidence: drain_status(), for inboxdb_monitor too. Its cost grows with the log.
-- Source of the rule: the promise in docs/operations.md; counted from when a collector could first see the change
-- (D46).
select
  'problem' as severity,
  pg_catalog.format(
    '%s of %s waiting workspaces are late; the oldest change was noted %s s ago, %s changes are in the log, '
    '%s drain connections are at work',
    s.late_workspaces, s.dirty_workspaces, pg_catalog.floor(s.oldest_dirty_seconds), s.pending_changes, s.workers_seen
  ) as evidence,
  case s.workers_seen
    when 0 then 'run `inboxdb drain-dirty`, and schedule one that runs all the time: docs/operations.md, Schedule'
    else 'help with `inboxdb drain-dirty --workers 2`; where it goes on, see `inboxdb status` for what fails'
  end as remedy
from inboxdb.drain_status() as s
where s.late_workspaces > 0;

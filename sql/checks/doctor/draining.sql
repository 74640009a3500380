-- Looks for: no drain at work.
-- Why: without a drain nothing is counted, and readers are told that their counts are stale.
-- Evidence: drain_status(), for inboxdb_monitor too.
-- Source of the rule: every run has a heartbeat each 5 seconds (inboxdb.run); a minute, as in
-- docs/deploy/prometheus-alerts.yaml, leaves a scheduler time to start the next run.
select
  'problem' as severity,
  case
    when s.last_drain_at is null then 'no drain has ever run'
    else pg_catalog.format(
        'the last drain gave its last sign of life %s s ago',
        pg_catalog.floor(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - s.last_drain_at))
      )
  end as evidence,
  'run `inboxdb drain-dirty` now, and schedule one that runs all the time: docs/operations.md, Schedule' as remedy
from inboxdb.drain_status() as s
where coalesce(s.last_drain_at < pg_catalog.clock_timestamp() - interval '1 minute', true);

-- Looks for: cache versions and job statuses unpublished for more than a minute.
-- Why: the application goes on answering from lists cached under an older version.
-- Evidence: drain_status(), for inboxdb_monitor too. Silent where nothing was ever published.
-- Source of the rule: docs/operations.md, Redis: more than a minute is a broken promise.
select
  'problem' as severity,
  pg_catalog.format(
    '%s keys are not in Redis yet, the oldest for %s s', s.unpublished_keys, pg_catalog.floor(s.unpublished_seconds)
  ) as evidence,
  'see that Redis answers and that drains have INBOXDB_REDIS_URL; `inboxdb publish` copies what is left' as remedy
from inboxdb.drain_status() as s
where s.unpublished_seconds > 60;

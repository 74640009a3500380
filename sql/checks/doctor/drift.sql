-- Looks for: counts that were found to differ from the truth in the last day, and were mended.
-- Why: a write was not noted, by whatever way past our triggers; one that did not fit may be a fault of inboxdb's.
-- Sees it with: table drift, which the role that installed inboxdb may read.
-- Source of the rule: nothing differs that is not noted (sql/drain/recount_workspace.sql).
select
  'warning' as severity,
  pg_catalog.format(
    'workspace %s: %s leads and %s scopes differed, found by %s at %s, and mended', d.client_id, d.leads, d.scopes,
    d.found_by, pg_catalog.to_char(d.found_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
  ) as evidence,
  'the counts are right again; find out who writes past the triggers' as remedy
from inboxdb.drift as d
where d.found_at > inboxdb.clock() - interval '1 day'
order by d.id desc
limit 20;

-- Looks for: drift found in the last day, and mended.
-- Why: a write went past our triggers and was not noted; drift found by did_not_fit may be a fault of inboxdb's.
-- Evidence: table drift, readable by the role that installed inboxdb.
-- Source of the rule: a difference without a noted change is drift (sql/drain/recount_workspace.sql, D25).
select
  'warning' as severity,
  pg_catalog.format(
    'workspace %s: %s leads and %s scopes differed, found by %s at %s, and mended', d.client_id, d.leads, d.scopes,
    d.found_by, pg_catalog.to_char(d.found_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
  ) as evidence,
  'the counts are right again; find out who writes past the triggers' as remedy
from inboxdb.drift as d
where d.found_at > inboxdb.clock() - interval '1 day'
order by d.found_at desc
limit 20;

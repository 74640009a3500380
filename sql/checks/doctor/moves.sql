-- Looks for: triggers that refuse writers of a workspace that moves to another database, while no move is at work.
-- Why: a move that was killed, or waits for its directory to be switched, leaves the workspace without writers.
-- Evidence: the catalog, where the trigger's first argument is the workspace; the names of sessions, for everybody.
-- Source of the rule: docs/scale.md, Moving a workspace.
select
  'problem' as severity,
  pg_catalog.format(
    'writers of workspace %s are refused (IB024), because it moves to another database, and no move is at work',
    pg_catalog.split_part(pg_catalog.encode(t.tgargs, 'escape'), '\000', 1)
  ) as evidence,
  'go on with it by the same `inboxdb workspace move` as before, or give it up by `inboxdb workspace undo`' as remedy
from pg_catalog.pg_trigger as t
where t.tgrelid = pg_catalog.to_regclass('public."Client"')
  and t.tgname like 'workspace\_moves\_%' and t.tgname not like 'workspace\_moves\_whole\_%'
  and not exists (
    select
    from pg_catalog.pg_stat_activity as a
    where a.datname = pg_catalog.current_database() and a.application_name = 'inboxdb workspace'
  )
order by t.tgname;

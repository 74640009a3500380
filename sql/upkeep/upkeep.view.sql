create or replace view inboxdb.upkeep as
-- Maintenance of the host's tables, a row each: off until the item's setting is on. Item, setting and function have one
-- name; view maintenance runs the items switched on, run_upkeep an item by hand.
select
  u.item,
  pg_catalog.replace(u.item, '-', '_') as setting_name,
  'inboxdb.' || pg_catalog.replace(u.item, '-', '_') as function_name,
  u.meaning
from (
  values
  (
    'prune-ai-interactions', 'deletes rows of "AIInteraction" after 30 days, 1,000 at a time'
  ),
  (
    'prune-draft-runs', 'deletes rows of "DraftPipelineRun" after 30 days, of 250 that it looks at at a time'
  ),
  (
    'prune-lead-memory', 'deletes expired rows of "LeadMemoryEntry" with source INFERENCE, 500 at a time'
  ),
  (
    'prune-workspace-memory', 'deletes expired rows of "WorkspaceMemoryEntry" with source INFERENCE, 500 at a time'
  ),
  (
    'recover-stale-drafts',
    'takes rows of "AIDraft" out of status sending after 10 minutes, 100 at a time: to approved where a message was'
    ' sent, else to pending, for review'
  )
) as u (item, meaning);

comment on view inboxdb.upkeep is 'Maintenance of the host''s tables: what there is, and the setting of each.';
comment on column inboxdb.upkeep.function_name is
'A function of dry_run, which returns how many rows it touched, and whether there may be more.';

create or replace view inboxdb.setting_definition as
select d.setting_name, d.default_value, d.allowed, d.meaning
from (
  values
  (
    'analytics_days', 'all', '[1-9][0-9]{0,4}|all',
    'how many days back analytics are answered from aggregates, and not from the host''s tables'
  ),
  (
    'analytics_source', 'stored', 'stored|live',
    'where reads of analytics are answered from, for which there are aggregates'
  ),
  (
    'analytics_time_zone', 'UTC', '[A-Za-z0-9_/+-]{1,64}',
    'the days of analytics, for workspaces without a time zone that the server knows: a name of pg_timezone_names'
  ),
  ('audit_hours', '6', '[1-9][0-9]{0,3}', 'how many hours after an audit or a recount a workspace is audited again'),
  ('counts_source', inboxdb.default_counts_source(), 'stored|live', 'where inbox_api.inbox_counts answers from'),
  (
    'environment', 'unnamed', '[a-zA-Z0-9_.-]{1,64}',
    'to which environment the database belongs, as production: programs of another one are refused'
  ),
  (
    'lists', 'undecided', 'built|left_out|undecided',
    'whether `inboxdb migrate apply` builds the indexes of lists, unless left_out; set by it, and by `inboxdb lists '
    'build` and `drop`'
  ),
  (
    'noted_updates', 'named', 'named|changed',
    'which UPDATEs of "Lead" are changes: those that name a counted column, or those that change one; set by '
    'inboxdb.set_noted_updates'
  ),
  ('prune_ai_interactions', 'off', 'on|off', 'whether old rows of "AIInteraction" are deleted: see view upkeep'),
  ('prune_draft_runs', 'off', 'on|off', 'whether old rows of "DraftPipelineRun" are deleted: see view upkeep'),
  ('prune_lead_memory', 'off', 'on|off', 'whether expired rows of "LeadMemoryEntry" are deleted: see view upkeep'),
  (
    'prune_workspace_memory', 'off', 'on|off',
    'whether expired rows of "WorkspaceMemoryEntry" are deleted: see view upkeep'
  ),
  (
    'read_sample_days', '7', '[1-9]|[1-8][0-9]|90',
    'for how many days the samples of reads are kept that inbox_api.note_reads is given'
  ),
  (
    'recover_stale_drafts', 'off', 'on|off',
    'whether rows of "AIDraft" are taken out of status sending: see view upkeep'
  )
) as d (setting_name, default_value, allowed, meaning);

comment on view inboxdb.setting_definition is
'Every setting: its default, what it may be (a regular expression for the whole of it), and what it decides.';

-- Looks for: an index of ours that is gone or invalid.
-- Why: a refresh then reads whole tables, and a key that is gone lets two rows stand where one must.
-- Evidence: the catalog, readable by everybody.
-- Source of the rule: the tables and indexes of sql/, to which a test holds this list.
with shipped (index_name, table_name, made_by) as (
  values
  (
    'inboxdb_message_ai_sent', 'public."Message"',
    'create index concurrently inboxdb_message_ai_sent on public."Message" ("leadId") where channel = ''email'' '
    'and direction = ''outbound'' and source = ''zrg'' and "sentBy" = ''ai'' and "aiDraftId" is not null'
  ),
  (
    'inboxdb_ai_draft_to_review', 'public."AIDraft"',
    'create index concurrently inboxdb_ai_draft_to_review on public."AIDraft" ("leadId") '
    'where status = ''pending'' and "autoSendAction" = ''needs_review'''
  ),
  (
    'cache_version_unpublished_since_idx', 'inboxdb.cache_version',
    'create index cache_version_unpublished_since_idx on inboxdb.cache_version (unpublished_since) '
    'where unpublished_since is not null'
  ),
  (
    'job_status_unpublished_since_idx', 'inboxdb.job_status',
    'create index job_status_unpublished_since_idx on inboxdb.job_status (unpublished_since) '
    'where unpublished_since is not null'
  ),
  (
    'workspace_next_snooze_at_idx', 'inboxdb.workspace',
    'create index workspace_next_snooze_at_idx on inboxdb.workspace (next_snooze_at) '
    'where next_snooze_at is not null'
  ),
  (
    'workspace_audited_at_idx', 'inboxdb.workspace',
    'create index workspace_audited_at_idx on inboxdb.workspace (audited_at) where audited_at is not null'
  ),
  (
    'counted_lead_workspace_hidden_until_idx', 'inboxdb.counted_lead',
    'create index counted_lead_workspace_hidden_until_idx on inboxdb.counted_lead (workspace, hidden_until) '
    'where hidden_until is not null'
  ),
  (
    'inbox_counts_dirty_next_attempt_at_idx', 'inboxdb.inbox_counts_dirty',
    'create index inbox_counts_dirty_next_attempt_at_idx on inboxdb.inbox_counts_dirty (next_attempt_at)'
  )
  union all
  select
    pg_catalog.format('change_%s_client_id_xid_idx', slice.n), pg_catalog.format('inboxdb.change_%s', slice.n),
    pg_catalog.format(
      'create index concurrently change_%1$s_client_id_xid_idx on inboxdb.change_%1$s (client_id, xid) '
      'where client_id is not null', slice.n
    )
  from pg_catalog.generate_series(0, 3) as slice (n)
  union all
  select
    k.table_name || '_pkey', 'inboxdb.' || k.table_name,
    pg_catalog.format('alter table inboxdb.%I add primary key (%s)', k.table_name, k.key_columns)
  from (
    values
    ('cache_version', 'client_id, family, version'),
    ('change_0', 'xid, id'),
    ('change_1', 'xid, id'),
    ('change_2', 'xid, id'),
    ('change_3', 'xid, id'),
    ('counted_lead', 'workspace, lead_key'),
    ('drain_state', 'revision'),
    ('drift', 'id'),
    ('freshness', 'id'),
    ('inbox_counts', 'client_id, is_global, scope_user_id'),
    ('inbox_counts_dirty', 'client_id, next_attempt_at'),
    ('job_status', 'client_id, job_name, last_started_at'),
    ('maintenance_failure', 'item'),
    ('migration_text', 'migration_id'),
    ('run', 'run_id'),
    ('installation', 'is_only'),
    ('setting', 'setting_name'),
    ('workspace', 'client_id')
  ) as k (table_name, key_columns)
),

ours as (
  select c.relname, i.indexrelid, i.indrelid, i.indisvalid and i.indisready and i.indislive as is_valid
  from pg_catalog.pg_index as i
  inner join pg_catalog.pg_class as c on i.indexrelid = c.oid
)

select
  'problem' as severity,
  pg_catalog.format(
    'index %I on %s is %s', s.index_name, s.table_name, case when o.is_valid is null then 'missing' else 'invalid' end
  ) as evidence,
  case
    when o.is_valid is null then pg_catalog.format('`%s`', s.made_by)
    else pg_catalog.format('`reindex index concurrently %s`', o.indexrelid::pg_catalog.regclass)
  end as remedy
from shipped as s
left join ours as o on pg_catalog.to_regclass(s.table_name) = o.indrelid and s.index_name = o.relname
where coalesce(not o.is_valid, true)
order by s.index_name;

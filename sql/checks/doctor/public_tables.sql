-- Looks for: a table of ours moved to schema public, the migration tool's ledger there, and Prisma's ledger in a schema
-- of ours.
-- Why: `prisma db push` drops unknown tables from the schemas managed by Prisma.
-- Evidence: the catalog, readable by everybody. The schemas managed by Prisma are listed in the host's repository:
-- `inboxdb doctor --prisma-schema` reads the list.
-- Source of the rule: an empty table in public was seen to be dropped; yoyo without `?schema=inboxdb` keeps its ledger
-- in public.
select
  'problem' as severity,
  pg_catalog.format('table %I is in schema public, where `prisma db push` drops what it does not know', c.relname)
    as evidence,
  pg_catalog.format('`alter table public.%I set schema inboxdb`', c.relname) as remedy
from pg_catalog.pg_class as c
where c.relnamespace = pg_catalog.to_regnamespace('public')
  and c.relkind in ('r', 'p')
  and c.relname in (
    'analytics_change', 'analytics_count', 'analytics_reply', 'analytics_state', 'analytics_word',
    'analytics_workspace', 'cache_version', 'canary', 'canary_look', 'canary_stage', 'change_0', 'change_1',
    'change_2', 'change_3', 'counted_lead', 'draft_run_walk', 'drain_state', 'drift', 'flag', 'flag_history',
    'flag_override', 'freshness', 'inbox_counts', 'inbox_counts_dirty', 'installation', 'job_status', 'lead_fact',
    'lead_text', 'list_key', 'maintenance_failure', 'read_sample', 'run', 'search_state', 'setting', 'text_change',
    'workspace'
  )
  -- with ours in its place, a table of the same name in public is the host's
  and not exists (
    select from pg_catalog.pg_class as o
    where o.relnamespace = pg_catalog.to_regnamespace('inboxdb') and o.relname = c.relname
  )
union all
select
  'warning' as severity,
  pg_catalog.format('yoyo keeps a ledger in public.%I, which `prisma db push` drops', c.relname) as evidence,
  pg_catalog.format(
    'run yoyo with ?schema=inboxdb, as docs/operations.md has it; if no other program uses the table: `drop table '
    'public.%I`', c.relname
  ) as remedy
from pg_catalog.pg_class as c
where c.relnamespace = pg_catalog.to_regnamespace('public')
  and c.relkind = 'r'
  and c.relname in ('_yoyo_migration', '_yoyo_log', '_yoyo_version', 'yoyo_lock')
union all
select
  'problem' as severity,
  pg_catalog.format(
    'Prisma keeps its ledger in schema %I: it manages that, and drops what it does not know', n.nspname
  ) as evidence,
  pg_catalog.format(
    'take %1$I out of the schemas in the Prisma schema and out of its URL, then '
    '`alter table %1$I._prisma_migrations set schema public`', n.nspname
  ) as remedy
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
where n.nspname in ('inboxdb', 'inbox_api') and c.relname = '_prisma_migrations';

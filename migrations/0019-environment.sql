-- inboxdb 0019: environment: a setting that names the environment of the database, and a function that tells it to
--   drains.
-- Locks: none on the host's tables. Duration: milliseconds.
-- Undo: 0019-environment.rollback.sql puts back what was before.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0019-environment.sql (one transaction).
-- depends: 0018-canary

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;
-- squawk-ignore ban-drop-view
drop view inboxdb.setting_definition;

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> sql/base/setting_definition.view.sql
create or replace view inboxdb.setting_definition as
select d.setting_name, d.default_value, d.allowed, d.meaning
from (
  values
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
-- <<< sql/base/setting_definition.view.sql

-- >>> sql/base/environment.sql
create or replace function inboxdb.environment() returns text
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: the name of the database's environment, so that programs of other environments leave it alone.
  -- Returns: the setting environment; unnamed where nobody has set it.
  -- Reads: setting.
  -- DEFINER: roles of drains may not read it.
  select inboxdb.setting('environment')
$$;
-- <<< sql/base/environment.sql

-- >>> sql/upkeep/upkeep.view.sql
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
-- <<< sql/upkeep/upkeep.view.sql

-- >>> sql/upkeep/missing_for_upkeep.sql
create or replace function inboxdb.missing_for_upkeep(this_item text) returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: find out whether the host has what an item of upkeep needs: columns of fit types, indexes on the columns
  --   by which rows are found, the foreign key by which messages lock their draft, and rights.
  -- Parameters: this_item, of view upkeep.
  -- Returns: the names of all missing; null where nothing is.
  -- Reads: the system catalog.
  -- INVOKER: reads the catalog only.
  with needed (place, item, host_table, host_column, types, same_as, is_found_by) as (
    -- same_as: the place of a column of the same type, because the two are compared
    values
    (1, 'recover-stale-drafts', 'AIDraft', 'id', '%', null, true),
    (2, 'recover-stale-drafts', 'AIDraft', 'status', 'text', null, true),
    (3, 'recover-stale-drafts', 'AIDraft', 'autoSendAction', 'text', null, false),
    (4, 'recover-stale-drafts', 'AIDraft', 'updatedAt', 'timestamp%', null, false),
    (5, 'recover-stale-drafts', 'Message', 'aiDraftId', '%', 1, true),
    (6, 'recover-stale-drafts', 'Message', 'direction', 'text', null, false),
    (7, 'prune-lead-memory', 'LeadMemoryEntry', 'id', '%', null, true),
    (8, 'prune-lead-memory', 'LeadMemoryEntry', 'source', '%', null, false),
    (9, 'prune-lead-memory', 'LeadMemoryEntry', 'expiresAt', 'timestamp%', null, true),
    (10, 'prune-workspace-memory', 'WorkspaceMemoryEntry', 'id', '%', null, true),
    (11, 'prune-workspace-memory', 'WorkspaceMemoryEntry', 'source', '%', null, false),
    (12, 'prune-workspace-memory', 'WorkspaceMemoryEntry', 'expiresAt', 'timestamp%', null, true),
    (13, 'prune-ai-interactions', 'AIInteraction', 'id', '%', null, true),
    (14, 'prune-ai-interactions', 'AIInteraction', 'createdAt', 'timestamp%', null, true),
    (15, 'prune-draft-runs', 'DraftPipelineRun', 'id', '%', null, true),
    (16, 'prune-draft-runs', 'DraftPipelineRun', 'createdAt', 'timestamp%', null, false)
  ),

  found as (
    select
      n.place, n.item, n.same_as, n.is_found_by, n.host_column, c.oid, a.attnum,
      pg_catalog.format('public.%I', n.host_table) as table_name,
      -- no quotes from a session with quote_all_identifiers, and no schema from beside a temporary type text
      pg_catalog.replace(
        pg_catalog.replace(
          pg_catalog.translate(pg_catalog.format_type(a.atttypid, null), '"', ''), 'character varying', 'text'
        ), 'pg_catalog.', ''
      ) as type_name,
      n.types
    from needed as n
    left join pg_catalog.pg_class as c
      on c.oid = pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table)) and c.relkind in ('r', 'p')
    left join pg_catalog.pg_attribute as a
      on c.oid = a.attrelid and n.host_column = a.attname and not a.attisdropped
  ),

  lacking (place, what) as (
    select
      f.place,
      case
        when f.type_name is null or f.type_name not like f.types or f.type_name <> other.type_name
          then pg_catalog.format('%s.%I', f.table_name, f.host_column)
        when f.is_found_by and not exists (
          select
          from pg_catalog.pg_index as i
          where i.indrelid = f.oid and i.indkey[0] = f.attnum and i.indisvalid and i.indpred is null
        )
          then pg_catalog.format('an index that begins with %s.%I', f.table_name, f.host_column)
      end
    from found as f
    left join found as other on f.same_as = other.place
    where f.item = this_item
    union all
    select 50, 'a foreign key from public."Message"."aiDraftId" to public."AIDraft"'
    from found as f
    where this_item = 'recover-stale-drafts' and f.place = 5 and f.attnum is not null
      and not exists (
        select
        from pg_catalog.pg_constraint as k
        where k.conrelid = f.oid and k.contype = 'f' and k.conkey = array[f.attnum]
          and k.confrelid = pg_catalog.to_regclass('public."AIDraft"')
      )
    union all
    select distinct on (f.oid) 60 + f.place, pg_catalog.format('the right to %s %s', needs.privilege, f.table_name)
    from found as f
    cross join lateral (
      select case f.table_name
        when 'public."AIDraft"' then 'update' when 'public."Message"' then 'select' else 'delete'
      end
    ) as needs (privilege)
    where f.item = this_item and f.oid is not null
      and not pg_catalog.has_table_privilege(
        (select n.nspowner from pg_catalog.pg_namespace as n where n.nspname = 'inboxdb'), f.oid, needs.privilege
      )
  )

  select pg_catalog.string_agg(l.what, ', ' order by l.place)
  from lacking as l
$$;
-- <<< sql/upkeep/missing_for_upkeep.sql

-- >>> sql/upkeep/prune_draft_runs.sql
create or replace function inboxdb.prune_draft_runs(
  dry_run boolean default false, out touched integer, out has_more boolean
)
language plpgsql volatile
set search_path = ''
set lock_timeout = '100ms'
set enable_seqscan = off
set jit = off
as $$
-- Purpose: delete pipeline runs of drafts after 30 days, with their artefacts, which cascade: a step of 250 rows of a
--   walk by primary key, because no index is by time alone.
-- Parameters: dry_run: count them, up to 10,000, and delete none; reads the whole table where there are fewer.
-- Returns: the runs deleted, and whether the walk goes on.
-- Reads, writes: "DraftPipelineRun", draft_run_walk. Writes: what cascades.
-- Locks: the deleted rows; runs locked by others are skipped, and where an artefact is locked, all of the step: the
--   next walk comes by again. An advisory lock, see lock_class: a second walker does nothing.
-- INVOKER: called by maintain and run_upkeep, by its name in view upkeep.
declare
  most constant integer := 250;
  since constant pg_catalog.timestamptz := inboxdb.clock() - interval '30 days';
  walked_to pg_catalog.text;
  next_to pg_catalog.text;
  -- a condition with ids as literals, because literals take the column's type
  ahead pg_catalog.text;
begin
  touched := 0;
  has_more := false;
  if dry_run then
    select pg_catalog.count(*), pg_catalog.count(*) = 10000 into touched, has_more
    from (
      select
      from public."DraftPipelineRun" as h
      where h."createdAt" < inboxdb.host_time(since, h."createdAt")
      limit 10000
    ) as due;
    return;
  end if;
  if not pg_catalog.pg_try_advisory_xact_lock(
    inboxdb.lock_class('maintenance'), pg_catalog.hashtext('prune-draft-runs')
  ) then
    return;
  end if;
  walked_to := (select w.walked_to from inboxdb.draft_run_walk as w);
  ahead := coalesce('h.id > ' || pg_catalog.quote_literal(walked_to), 'true');
  execute pg_catalog.format(
    'select p.id::text from (select h.id from public."DraftPipelineRun" as h where %s order by h.id limit %s) as p '
    'order by p.id desc limit 1', ahead, most
  ) into next_to;
  if next_to is not null then
    begin
      execute pg_catalog.format(
        'with due as materialized ('
        '  select h.id from public."DraftPipelineRun" as h '
        '  where %s and h.id <= %L and h."createdAt" < inboxdb.host_time($1, h."createdAt") '
        '  for update skip locked'
        ') '
        'delete from public."DraftPipelineRun" as h using due where h.id = due.id', ahead, next_to
      ) using since;
      get diagnostics touched = row_count;
    exception when lock_not_available then
      touched := 0;
    end;
  end if;
  execute pg_catalog.format(
    'select exists (select from public."DraftPipelineRun" as h where h.id > %L)', next_to
  ) into has_more;
  insert into inboxdb.draft_run_walk as w (only_row, walked_to)
  values (true, case when has_more then next_to end)
  on conflict (only_row) do update set walked_to = excluded.walked_to
  where w.walked_to is distinct from excluded.walked_to;
end
$$;
-- <<< sql/upkeep/prune_draft_runs.sql

-- >>> sql/access/grant_matrix.view.sql
create or replace view inboxdb.grant_matrix as
-- Who may do what with inboxdb, declared here alone. A right not listed is the owner's alone: PUBLIC and anon have
-- none. apply_grants brings the catalog in line for the roles that exist; the tests compare the two.
select m.grantee, m.kind, m.object_name, m.privilege
from (
  values
  -- signed-in users, each seeing what the policies let through
  ('authenticated', 'schema', 'inboxdb', 'usage'),
  ('authenticated', 'schema', 'inbox_api', 'usage'),
  ('authenticated', 'table', 'inboxdb.inbox_counts', 'select'),
  ('authenticated', 'table', 'inboxdb.cache_version', 'select'),
  ('authenticated', 'table', 'inboxdb.job_status', 'select'),
  ('authenticated', 'function', 'inboxdb.current_user_id()', 'execute'),
  ('authenticated', 'function', 'inboxdb.member_workspaces()', 'execute'),
  ('authenticated', 'function', 'inboxdb.setter_workspaces()', 'execute'),
  ('authenticated', 'function', 'inboxdb.has_client_access(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.has_topic_access(text)', 'execute'),
  -- each read: ('authenticated', 'function', '{routine}', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_days(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_email_campaigns(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_overview(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_reactivations(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_response_times(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_sentiments(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_sms_campaigns(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_statuses(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_workflows(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.conversation(inboxdb.lead_id)', 'execute'),
  ('authenticated', 'function', 'inbox_api.conversation_filters(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inbox_api.conversation_messages(inboxdb.lead_id, text, text, integer)', 'execute'),
  (
    'authenticated',
    'function',
    'inbox_api.conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, text,'
    ' integer)',
    'execute'
  ),
  (
    'authenticated',
    'function',
    'inbox_api.crm_rows(inboxdb.client_id, text, text, text, text, date, date, text, integer)',
    'execute'
  ),
  ('authenticated', 'function', 'inbox_api.crm_summary(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.flags(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inbox_api.inbox_counts(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_days(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_email_campaigns(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_overview(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_reactivations(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_response_times(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_sentiments(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_sms_campaigns(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_statuses(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_workflows(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation(inboxdb.lead_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation_filters(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation_messages(inboxdb.lead_id, text, text, integer)', 'execute'),
  (
    'authenticated',
    'function',
    'inboxdb.read_conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, text,'
    ' integer)',
    'execute'
  ),
  (
    'authenticated',
    'function',
    'inboxdb.read_crm_rows(inboxdb.client_id, text, text, text, text, date, date, text, integer)',
    'execute'
  ),
  ('authenticated', 'function', 'inboxdb.read_crm_summary(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_flags(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_inbox_counts(inboxdb.client_id)', 'execute'),
  -- end
  -- roles of drains
  ('inboxdb_drainer', 'schema', 'inboxdb', 'usage'),
  ('inboxdb_drainer', 'procedure', 'inboxdb.drain_dirty(integer, integer)', 'execute'),
  ('inboxdb_drainer', 'procedure', 'inboxdb.next_transaction()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.clock()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.environment()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.suspended_since()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.why_suspended()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.lock_class(text)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.collect()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.claim_next(boolean)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.drain_next(inboxdb.client_id)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.claim_set(integer, integer, boolean)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.drain_set(inboxdb.client_id[])', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.maintain(jsonb, boolean, text)', 'execute'),
  (
    'inboxdb_drainer', 'function',
    'inboxdb.record_failure(inboxdb.client_id, timestamp with time zone, text)', 'execute'
  ),
  (
    'inboxdb_drainer', 'function',
    'inboxdb.send_signals(inboxdb.client_id, bigint, inboxdb.user_id[])', 'execute'
  ),
  ('inboxdb_drainer', 'function', 'inboxdb.send_all_signals(jsonb)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.seconds_to_next_attempt(text[])', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.time_limit(inboxdb.client_id, double precision, text)', 'execute'),
  (
    'inboxdb_drainer', 'function',
    'inboxdb.heartbeat(text, text, integer, bigint, bigint, real[], boolean, text, text)', 'execute'
  ),
  ('inboxdb_drainer', 'function', 'inboxdb.unpublished(integer, timestamp with time zone, text, text)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.keys_at_random(integer)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.confirm_published(text[], text[], text[], bigint[])', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.mark_all_unpublished()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.drain_status()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.work_left()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.failing_workspaces()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.held_snapshot()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.lead_rls_state()', 'execute'),
  -- roles of routers and gateways: these may speak for any user
  ('inboxdb_router', 'schema', 'inboxdb', 'usage'),
  -- each function of a shard: ('inboxdb_router', 'function', '{routine}', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_days(text, text, text, text, date, date)', 'execute'),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_analytics_email_campaigns(text, text, text, text, date, date)',
    'execute'
  ),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_overview(text, text, text, text, date, date)', 'execute'),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_analytics_reactivations(text, text, text, text, date, date)',
    'execute'
  ),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_analytics_response_times(text, text, text, text, date, date)',
    'execute'
  ),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_sentiments(text, text, text, text, date, date)', 'execute'),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_analytics_sms_campaigns(text, text, text, text, date, date)',
    'execute'
  ),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_statuses(text, text, text, text, date, date)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_workflows(text, text, text, text, date, date)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_conversation(text, text, text, text)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_conversation_filters(text, text, text, text)', 'execute'),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_conversation_messages(text, text, text, text, text, text, integer)',
    'execute'
  ),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_conversations(text, text, text, text, text, text[], text[], text, boolean, text, text, text, text,'
    ' text, integer)',
    'execute'
  ),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_crm_rows(text, text, text, text, text, text, text, text, date, date, text, integer)',
    'execute'
  ),
  ('inboxdb_router', 'function', 'inboxdb.shard_crm_summary(text, text, text, text, date, date)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_flags(text, text, text, text)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_inbox_counts(text, text, text, text)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_workspaces()', 'execute'),
  -- end
  -- roles of the application or its gateway that report reads
  ('inboxdb_observer', 'schema', 'inbox_api', 'usage'),
  ('inboxdb_observer', 'function', 'inbox_api.note_reads(jsonb)', 'execute'),
  -- roles of upkeep: the host's tables by these functions alone
  ('inboxdb_maintainer', 'schema', 'inboxdb', 'usage'),
  ('inboxdb_maintainer', 'function', 'inboxdb.list_upkeep()', 'execute'),
  ('inboxdb_maintainer', 'function', 'inboxdb.run_upkeep(text, boolean)', 'execute'),
  -- roles of monitoring: no counts
  ('inboxdb_monitor', 'schema', 'inboxdb', 'usage'),
  ('inboxdb_monitor', 'function', 'inboxdb.failing_maintenance()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.list_upkeep()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.drain_status()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.failing_workspaces()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.held_snapshot()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.lead_rls_state()', 'execute')
) as m (grantee, kind, object_name, privilege)
union
-- roles restricted by the policy on "Lead": the functions called by the policy
select
  case bound.role_oid
    when 0 then 'public' else pg_catalog.pg_get_userbyid(bound.role_oid)::text
  end as grantee,
  'function' as kind,
  needed.refobjid::pg_catalog.regprocedure::text as object_name,
  'execute' as privilege
from pg_catalog.pg_policy as p
inner join pg_catalog.pg_depend as needed
  on needed.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
    and p.oid = needed.objid
    and needed.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
cross join lateral pg_catalog.unnest(p.polroles) as bound (role_oid)
where p.polname = 'inboxdb_member' and p.polrelid = pg_catalog.to_regclass('public."Lead"');

comment on view inboxdb.grant_matrix is 'Who may do what with inboxdb, in whole: see apply_grants.';
-- <<< sql/access/grant_matrix.view.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;

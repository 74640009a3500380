-- inboxdb 0025: last runs.
-- Locks: ACCESS EXCLUSIVE on inboxdb.run. Duration: milliseconds.
-- Undo: 0025-last-runs.rollback.sql puts back what was before.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0025-last-runs.sql (one transaction).
-- depends: 0024-lock-versions

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;

-- >>> by hand, before the bodies
-- a drain's sign of life waits for a moment; the rows of a day are read
alter table inboxdb.run
  -- squawk-ignore ban-drop-constraint
  drop constraint run_kind_check,
  -- squawk-ignore constraint-missing-not-valid
  add constraint run_kind_check check (kind in ('once', 'for', 'watch', 'sql', 'http', 'inngest'));
comment on column inboxdb.run.kind is
'drain-dirty once, --for, --watch; the procedure drain_dirty (sql); called over HTTP, or by Inngest.';
-- <<< by hand

-- >>> sql/jobs/run.table.sql, altered by hand above
-- create table inboxdb.run (
--   run_id text primary key check (run_id ~ '^[0-9a-f]{8}$'),
--   kind text not null check (kind in ('once', 'for', 'watch', 'sql', 'http', 'inngest')),
--   workers integer not null,
--   started_at timestamptz not null,
--   seen_at timestamptz not null,
--   ended_at timestamptz,
--   refreshed bigint not null,
--   failed bigint not null,
--   troubles text,
--   undone_by text,
--   undone_at timestamptz
-- )
-- with (fillfactor = 50);

-- comment on table inboxdb.run is
-- 'The runs of the last day, one row each, written by the run alone: who is at work, and how much was refreshed.';
-- comment on column inboxdb.run.run_id is 'Also in the run''s application_name, in its log lines and in job_status.';
-- comment on column inboxdb.run.kind is
-- 'drain-dirty once, --for, --watch; the procedure drain_dirty (sql); called over HTTP, or by Inngest.';
-- comment on column inboxdb.run.seen_at is 'Its last sign of life, every 5 seconds while it lives.';
-- comment on column inboxdb.run.ended_at is 'When the run ended; null while at work, and for ever if killed.';
-- comment on column inboxdb.run.refreshed is 'Refreshes so far.';
-- comment on column inboxdb.run.failed is 'Attempts that failed so far.';
-- comment on column inboxdb.run.troubles is
-- 'What the run cannot do besides draining at its last sign of life, such as log or publish; null where all is well.';
-- comment on column inboxdb.run.undone_by is 'The SQLSTATE by which a set of the run was undone last.';
-- comment on column inboxdb.run.undone_at is 'The sign of life after that.';
-- <<< sql/jobs/run.table.sql

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
  ('inboxdb_drainer', 'function', 'inboxdb.analytics_status()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.work_left()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.failing_workspaces()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.held_snapshot()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.lead_rls_state()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.last_runs()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.rollout_state()', 'execute'),
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
  ('inboxdb_monitor', 'function', 'inboxdb.analytics_status()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.failing_workspaces()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.held_snapshot()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.lead_rls_state()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.last_runs()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.rollout_state()', 'execute')
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

-- >>> sql/operations/last_runs.sql
create or replace function inboxdb.last_runs(
  out last_command_run_at timestamptz,
  out last_sql_run_at timestamptz,
  out last_http_run_at timestamptz,
  out last_inngest_run_at timestamptz
)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: when drains were last at work, by trigger, for `inboxdb status`; apart from drain_status, whose columns
  --   older programs know.
  -- Returns: the last sign of life of a run of drain-dirty, of the procedure drain_dirty, of a run called over HTTP,
  --   and of a run called by Inngest; null where table run, which keeps a day, lists no such run.
  -- Reads: run.
  -- DEFINER: its callers have no rights in inboxdb.
  select
    pg_catalog.max(r.seen_at) filter (where r.kind in ('once', 'for', 'watch')),
    pg_catalog.max(r.seen_at) filter (where r.kind = 'sql'),
    pg_catalog.max(r.seen_at) filter (where r.kind = 'http'),
    pg_catalog.max(r.seen_at) filter (where r.kind = 'inngest')
  from inboxdb.run as r
$$;
-- <<< sql/operations/last_runs.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;

-- Undoes 0017-upkeep: puts back what was before. Rows that upkeep deleted, and drafts that it took back, stay
--   so.
-- Locks: none on the host's tables.

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;
-- squawk-ignore ban-drop-function
drop function inboxdb.after_maintenance(jsonb, inboxdb.maintenance, text, double precision);
-- squawk-ignore ban-drop-function
drop function inboxdb.maintenance_credit(jsonb, inboxdb.maintenance, double precision);
-- squawk-ignore ban-drop-view
drop view inboxdb.maintenance;
-- squawk-ignore ban-drop-function
drop function inboxdb.run_upkeep(text, boolean);
-- squawk-ignore ban-drop-function
drop function inboxdb.list_upkeep();
-- squawk-ignore ban-drop-function
drop function inboxdb.prune_draft_runs(boolean);
-- squawk-ignore ban-drop-table
drop table inboxdb.draft_run_walk;
-- squawk-ignore ban-drop-function
drop function inboxdb.prune_ai_interactions(boolean);
-- squawk-ignore ban-drop-function
drop function inboxdb.prune_workspace_memory(boolean);
-- squawk-ignore ban-drop-function
drop function inboxdb.prune_lead_memory(boolean);
-- squawk-ignore ban-drop-function
drop function inboxdb.recover_stale_drafts(boolean);
-- squawk-ignore ban-drop-function
drop function inboxdb.missing_for_upkeep(text);
-- squawk-ignore ban-drop-view
drop view inboxdb.upkeep;
-- squawk-ignore ban-drop-view
drop view inboxdb.setting_definition;

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> 0016-samples:base/setting_definition.view.sql
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
    'lists', 'undecided', 'built|left_out|undecided',
    'whether `inboxdb migrate apply` builds the indexes of lists, unless left_out; set by it, and by `inboxdb lists '
    'build` and `drop`'
  ),
  (
    'noted_updates', 'named', 'named|changed',
    'which UPDATEs of "Lead" are changes: those that name a counted column, or those that change one; set by '
    'inboxdb.set_noted_updates'
  ),
  (
    'read_sample_days', '7', '[1-9]|[1-8][0-9]|90',
    'for how many days the samples of reads are kept that inbox_api.note_reads is given'
  )
) as d (setting_name, default_value, allowed, meaning);

comment on view inboxdb.setting_definition is
'Every setting: its default, what it may be (a regular expression for the whole of it), and what it decides.';
-- <<< 0016-samples:base/setting_definition.view.sql

-- >>> 0016-samples:jobs/maintenance.view.sql
create or replace view inboxdb.maintenance as
-- The work of drains besides refreshes, a row each. A new row and its function are all that both drains need; maintain
-- keeps the clock, the share of time and failures.
select
  m.item, m.run_every::interval as run_every, m.time_limit::interval as time_limit,
  m.time_share::double precision as time_share, m.burst::interval as burst, m.chooser, m.function_name
from (
  values
  ('arrive', '5 s', '5 s', null, null, null, 'inboxdb.arrive'),
  ('check-host', '5 s', '5 s', null, null, null, 'inboxdb.check_host'),
  ('empty-slice', '5 s', '5 s', null, null, null, 'inboxdb.empty_slice'),
  ('prune', '5 s', '5 s', null, null, null, 'inboxdb.prune'),
  ('prune-samples', '5 s', '5 s', null, null, null, 'inboxdb.prune_samples'),
  ('refresh-texts', '5 s', '5 s', null, null, null, 'inboxdb.refresh_texts'),
  ('refresh-texts-at-rest', '1 s', '5 s', 0.25, '1 s', null, 'inboxdb.refresh_texts'),
  ('audit', '0', '0', 0.1, '1 s', 'inboxdb.next_audit', 'inboxdb.audit_claimed')
) as m (item, run_every, time_limit, time_share, burst, chooser, function_name);

comment on view inboxdb.maintenance is 'The work of drains besides refreshes: see function maintain.';
comment on column inboxdb.maintenance.run_every is
'How long after its end the item is due again, in each run; at rest at once where its function has more to do.';
comment on column inboxdb.maintenance.time_limit is
'The runner cancels the function after so long; with a workspace after the time limit of a refresh, if longer.';
comment on column inboxdb.maintenance.time_share is
'The share of a worker''s time, spent while no workspace is due; null beside the refreshes, in each run once.';
comment on column inboxdb.maintenance.burst is 'The time that a worker may save up for the item.';
comment on column inboxdb.maintenance.chooser is
'A function that returns a workspace, null if none is due; committed before the work. Null without workspaces.';
comment on column inboxdb.maintenance.function_name is
'A function without parameters, which may return whether there is more to do; after a chooser of the workspace, and'
' returning outcome, version and changed_scopes.';
-- <<< 0016-samples:jobs/maintenance.view.sql

-- >>> 0016-samples:jobs/maintenance_credit.sql
create or replace function inboxdb.maintenance_credit(kept jsonb, item inboxdb.maintenance, now double precision)
returns double precision
language sql immutable
set search_path = ''
as $$
  -- Purpose: how many seconds a worker may spend on an item of maintenance: a share of the time that passes, saved up
  --   to a burst, less the time spent.
  -- Parameters: kept, as maintain keeps it; item, with a share; now, in seconds since 1970.
  -- Returns: seconds, the burst at first; infinite for an item without a share.
  -- INVOKER: reads nothing.
  select case
    when item.time_share is null then 'infinity'
    else least(
      pg_catalog.date_part('epoch', item.burst),
      coalesce((kept #>> array[item.item, 'credit'])::double precision, pg_catalog.date_part('epoch', item.burst))
      + item.time_share * greatest(now - coalesce((kept #>> array[item.item, 'at'])::double precision, now), 0)
    )
  end
$$;
-- <<< 0016-samples:jobs/maintenance_credit.sql

-- >>> 0016-samples:jobs/after_maintenance.sql
create or replace function inboxdb.after_maintenance(
  kept jsonb, item inboxdb.maintenance, outcome text, now double precision
)
returns jsonb
language sql immutable
set search_path = ''
as $$
  -- Purpose: put the item at hand down: note when it ended, and subtract the time that it took from its credit.
  -- Parameters: kept, as maintain keeps it; item, as in view maintenance; outcome, as maintain returns it; now, in
  --   seconds since 1970.
  -- Returns: kept, with nothing at hand.
  -- Seconds are kept as numeric, because the text of a double precision follows extra_float_digits of the session.
  -- INVOKER: reads nothing.
  select (kept - 'at_hand') || pg_catalog.jsonb_build_object(
    item.item, pg_catalog.jsonb_build_object(
      'at', now::numeric,
      'credit', case
        when item.time_share is not null
          then (
            inboxdb.maintenance_credit(kept, item, now)
            - greatest(now - (kept #>> '{at_hand,began_at}')::double precision, 0)
          )::numeric
      end,
      'more', item.time_share is not null and outcome = 'more'
    )
  )
$$;
-- <<< 0016-samples:jobs/after_maintenance.sql

-- >>> 0016-samples:access/grant_matrix.view.sql
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
  -- roles of monitoring: no counts
  ('inboxdb_monitor', 'schema', 'inboxdb', 'usage'),
  ('inboxdb_monitor', 'function', 'inboxdb.failing_maintenance()', 'execute'),
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
-- <<< 0016-samples:access/grant_matrix.view.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;

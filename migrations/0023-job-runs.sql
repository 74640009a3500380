-- inboxdb 0023: runs of a job alone: which items of maintenance are a job's, and how many workspaces are due for aggregates.
-- Locks: none on the host's tables. Duration: milliseconds.
-- Undo: 0023-job-runs.rollback.sql puts back what was before.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0023-job-runs.sql (one transaction).
-- depends: 0022-analytics-aggregates-lead-triggers

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-function
drop function inboxdb.analytics_status();
-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;
-- squawk-ignore ban-drop-function
drop function inboxdb.after_maintenance(jsonb, inboxdb.maintenance, text, double precision);
-- squawk-ignore ban-drop-function
drop function inboxdb.maintenance_credit(jsonb, inboxdb.maintenance, double precision);
-- squawk-ignore ban-drop-view
drop view inboxdb.maintenance;

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> sql/jobs/maintenance.view.sql
create or replace view inboxdb.maintenance as
-- The work of drains besides refreshes, a row each. A new row and its function are all that both drains need; maintain
-- keeps the clock, the share of time and failures.
select
  m.item, m.run_every::interval as run_every, m.time_limit::interval as time_limit,
  m.time_share::double precision as time_share, m.burst::interval as burst, m.chooser, m.function_name, m.job_name
from (
  values
  ('arrive', '5 s', '5 s', null, null, null, 'inboxdb.arrive', null),
  ('check-host', '5 s', '5 s', null, null, null, 'inboxdb.check_host', null),
  ('empty-slice', '5 s', '5 s', null, null, null, 'inboxdb.empty_slice', null),
  ('prune', '5 s', '5 s', null, null, null, 'inboxdb.prune', null),
  ('look-at-canaries', '1 min', '10 s', null, null, null, 'inboxdb.look_at_canaries', null),
  ('prune-samples', '5 s', '5 s', null, null, null, 'inboxdb.prune_samples', null),
  ('refresh-texts', '5 s', '5 s', null, null, null, 'inboxdb.refresh_texts', null),
  ('keep-analytics', '20 s', '5 s', null, null, null, 'inboxdb.keep_analytics', 'recompute-analytics-aggregates'),
  ('refresh-analytics', '5 s', '60 s', null, null, 'inboxdb.next_analytics', 'inboxdb.refresh_analytics', null),
  (
    'refresh-analytics-at-rest', '0', '60 s', 0.25, '0.25 s', 'inboxdb.next_analytics', 'inboxdb.refresh_analytics',
    'recompute-analytics-aggregates'
  ),
  ('refresh-texts-at-rest', '1 s', '5 s', 0.25, '1 s', null, 'inboxdb.refresh_texts', null),
  ('audit', '0', '0', 0.1, '1 s', 'inboxdb.next_audit', 'inboxdb.audit_claimed', null)
) as m (item, run_every, time_limit, time_share, burst, chooser, function_name, job_name)
union all
-- the host's tables: what is on, and possible
select
  u.item, p.run_every::interval as run_every, p.time_limit::interval as time_limit, null as time_share, null as burst,
  null as chooser, u.function_name, null as job_name
from inboxdb.upkeep as u
cross join (values ('10 s', '5 s')) as p (run_every, time_limit)
where case
    when inboxdb.setting(u.setting_name) = 'on' and inboxdb.suspended_since() is null
      then inboxdb.missing_for_upkeep(u.item) is null
  end;

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
'A function without parameters, which may return whether there is more to do, or an array of objects for the log; '
'after a chooser of the workspace, and returning outcome, version and changed_scopes.';
comment on column inboxdb.maintenance.job_name is
'The job whose runs, where they are of that job alone, do the item; null where none does.';
-- <<< sql/jobs/maintenance.view.sql

-- >>> sql/jobs/maintenance_credit.sql
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
-- <<< sql/jobs/maintenance_credit.sql

-- >>> sql/jobs/after_maintenance.sql
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
-- <<< sql/jobs/after_maintenance.sql

-- >>> sql/jobs/maintain.sql
create or replace function inboxdb.maintain(
  inout kept jsonb, at_rest boolean, error_code text default null,
  out item text, out time_limit double precision, out client_id inboxdb.client_id, out outcome text,
  out version bigint, out changed_scopes inboxdb.user_id[]
)
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: the next step of maintenance, to be called in a transaction of its own until item is null. Steps alternate:
--   one chooses a due item, one runs the chosen item; so the choice is committed before the work that may kill its
--   backend, and the runner knows the time limit.
-- Parameters: kept, of the last step; at first null, or {"job": its name} where items of a job alone are meant, with
--   all the time of their caller; at_rest, whether items with a share are meant, while no workspace is due; error_code,
--   why the last step did not come back: its SQLSTATE.
-- Returns: kept, for the next step: clocks and credits of this caller, so that nothing is written and no drain waits
--   for another, and in "told" what the item just done says to the log, an array of objects; the item, null if none
--   is due. After a choice, time_limit in seconds. After the work, its outcome: done, failed, more where the function
--   returned true, or with a workspace the outcome, version and changed_scopes of a refresh, for send_signals. After
--   more at rest the item is due at once, as long as its share of time lasts.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled, to be given as error_code.
-- Reads: maintenance. Writes: maintenance_failure; as the function of the item.
-- DEFINER: its callers have no rights in inboxdb.
declare
  now double precision := pg_catalog.date_part('epoch', pg_catalog.clock_timestamp());
  chosen inboxdb.maintenance;
  answer pg_catalog.text;
begin
  perform inboxdb.require_read_committed();
  kept := coalesce(kept, '{}') - 'told';
  if kept ? 'at_hand' then
    item := kept #>> '{at_hand,item}';
    client_id := kept #>> '{at_hand,client_id}';
    select m.* into chosen from inboxdb.maintenance as m where m.item = maintain.item;
    if not found then
      -- the row is gone since: an upgrade
      kept := kept - 'at_hand';
      outcome := 'failed';
      return;
    end if;
    outcome := 'done';
    begin
      if error_code is not null then
        outcome := 'failed';
      elsif chosen.chooser is null then
        execute pg_catalog.format('select %s()', chosen.function_name) into answer;
        if answer in ('true', 't') then
          outcome := 'more';
        elsif answer like '[%' then
          kept := kept || pg_catalog.jsonb_build_object('told', answer::pg_catalog.jsonb);
        end if;
      else
        execute pg_catalog.format(
          'select d.outcome, d.version, d.changed_scopes from %s($1) as d', chosen.function_name
        ) into outcome, version, changed_scopes using client_id;
      end if;
    exception when others then
      get stacked diagnostics error_code = returned_sqlstate;
      outcome := 'failed';
    end;
    if error_code is not null then
      perform inboxdb.record_maintenance_failure(item, pg_catalog.left(error_code, 5));
    end if;
    kept := inboxdb.after_maintenance(
      kept, chosen, outcome, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())
    );
    return;
  end if;

  for chosen in
    select m.*
    from inboxdb.maintenance as m
    where (m.time_share is not null) = at_rest
      and case
        when kept ? 'job' then coalesce(m.job_name = kept ->> 'job', false)
        else inboxdb.maintenance_credit(kept, m, now) > 0
      end
      -- not ahead: a clock that went back stops no maintenance
      and coalesce(
        (kept #>> array[m.item, 'more'])::boolean
        or (kept #>> array[m.item, 'at'])::double precision
        not between now - pg_catalog.date_part('epoch', m.run_every) + 0.001 and now,
        true
      )
    order by m.item
  loop
    if chosen.chooser is not null then
      begin
        execute pg_catalog.format('select %s()', chosen.chooser) into client_id;
      exception when others then
        get stacked diagnostics error_code = returned_sqlstate;
        perform inboxdb.record_maintenance_failure(chosen.item, error_code);
      end;
      continue when client_id is null;
    end if;
    item := chosen.item;
    time_limit := greatest(
      pg_catalog.date_part('epoch', chosen.time_limit),
      case when client_id is not null then inboxdb.time_limit(client_id, 0) end
    );
    kept := kept || pg_catalog.jsonb_build_object(
      'at_hand', pg_catalog.jsonb_build_object('item', item, 'client_id', client_id, 'began_at', now::numeric)
    );
    return;
  end loop;
end
$$;
-- <<< sql/jobs/maintain.sql

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

-- >>> sql/analytics/next_analytics.sql
create or replace function inboxdb.next_analytics() returns inboxdb.client_id
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: choose the workspace whose aggregates are due longest, for refresh_analytics, and count the attempt. To be
--   committed before the work, so that a workspace killing its backend is put off. A workspace without attempts left is
--   put in quarantine, with a new version: its changes are thrown away, and a walk stands for them.
-- Returns: the workspace, null when none is due, inboxdb is suspended, or the host has no analytics.
-- Errors: IB004 above READ COMMITTED.
-- Reads: as collect_analytics. Writes: analytics_workspace, cache_version; as collect_analytics.
-- DEFINER: its callers have no rights in inboxdb.
declare
  now pg_catalog.timestamptz;
  candidate inboxdb.analytics_workspace;
  busy integer[] := '{}';
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null or not inboxdb.has_analytics() then
    return null;
  end if;
  perform inboxdb.collect_analytics();
  -- after collecting, which makes workspaces due as of its own time
  now := inboxdb.clock();
  -- ten candidates at most: other drains are at work on them
  while pg_catalog.cardinality(busy) < 10 loop
    select w.* into candidate
    from inboxdb.analytics_workspace as w
    where w.due_at <= now and w.client_id is not null and w.number <> all (busy)
    order by w.due_at
    limit 1;
    exit when not found;
    busy := busy || candidate.number;
    if inboxdb.try_lock_analytics(candidate.client_id) then
      if candidate.attempts >= (
        inboxdb.failure('recompute-analytics-aggregates', pg_catalog.left(candidate.last_error, 5))
      ).attempts_allowed then
        update inboxdb.analytics_workspace as w
        set
          due_at = 'infinity', noted_since = null, walked_at = null, walk_began_at = null, walked_to = null,
          last_error = coalesce(
            w.last_error, (inboxdb.failure('recompute-analytics-aggregates', null)).sentence
          )
        where w.number = candidate.number;
        -- answered live from now on
        perform inboxdb.new_versions('recompute-analytics-aggregates', array[candidate.client_id]);
      else
        update inboxdb.analytics_workspace as w
        set attempts = w.attempts + 1, due_at = now + inboxdb.retry_delay(w.attempts + 1)
        where w.number = candidate.number and w.due_at <= now and w.client_id is not null;
        if found then
          return candidate.client_id;
        end if;
      end if;
    end if;
  end loop;
  return null;
end
$$;
-- <<< sql/analytics/next_analytics.sql

-- >>> sql/operations/analytics_status.sql
create or replace function inboxdb.analytics_status(
  out workspaces integer, out unbuilt integer, out late integer, out oldest_seconds double precision,
  out failing integer, out quarantined integer, out oldest_walk_seconds double precision, out last_error text,
  out due integer
)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how far behind the aggregates of analytics are.
  -- Returns: workspaces with aggregates; those not yet built, whose reads are answered live; those with a change that
  --   has waited for more than a minute; how long the oldest change has waited, 0 without any; failing ones, to be
  --   tried again, and quarantined ones; how long ago the last walk through all its leads was of the workspace walked
  --   through the longest ago, null without any; an error of a failing or quarantined one, SQLSTATE and our sentence;
  --   those with something to do now: changes, or a walk.
  -- Reads: analytics_workspace.
  -- DEFINER: roles of drains and of monitoring may not read the table.
  select
    pg_catalog.count(*),
    pg_catalog.count(*) filter (where w.walked_at is null),
    pg_catalog.count(*) filter (where w.noted_since < inboxdb.clock() - interval '1 minute'),
    coalesce(
      greatest(pg_catalog.date_part('epoch', inboxdb.clock() - pg_catalog.min(w.noted_since)), 0), 0
    ),
    pg_catalog.count(*) filter (where w.last_error is not null and w.due_at < 'infinity'),
    pg_catalog.count(*) filter (where w.due_at = 'infinity'),
    greatest(pg_catalog.date_part('epoch', inboxdb.clock() - pg_catalog.min(w.walked_at)), 0),
    pg_catalog.min(w.last_error),
    pg_catalog.count(*) filter (where w.due_at <= inboxdb.clock())
  from inboxdb.analytics_workspace as w
  where w.client_id is not null
$$;
-- <<< sql/operations/analytics_status.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;

-- Undoes 0021-analytics-aggregates: puts back what was before.
-- Locks: none on the host's tables.

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-function
drop function inboxdb.analytics_status();
-- squawk-ignore ban-drop-function
drop function inboxdb.note_analytics_change();
-- squawk-ignore ban-drop-function
drop function inboxdb.recompute_analytics(inboxdb.client_id, date, boolean);
-- squawk-ignore ban-drop-function
drop function inboxdb.next_analytics();
-- squawk-ignore ban-drop-function
drop function inboxdb.refresh_analytics(inboxdb.client_id);
-- squawk-ignore ban-drop-function
drop function inboxdb.walk_analytics(integer, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.begin_walk(integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.fold_analytics(integer, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.keep_analytics();
-- squawk-ignore ban-drop-function
drop function inboxdb.renew_analytics(integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.collect_analytics();
-- squawk-ignore ban-drop-function
drop function inboxdb.noted_analytics(integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.try_lock_analytics(inboxdb.client_id);
-- squawk-ignore ban-drop-function
drop function inboxdb.compare_facts(integer, inboxdb.client_id, text, inboxdb.lead_id[], boolean[]);
-- squawk-ignore ban-drop-function
drop function inboxdb.add_figures(integer, text, inboxdb.lead_fact[], inboxdb.lead_fact[]);
-- squawk-ignore ban-drop-function
drop function inboxdb.cut_facts(inboxdb.lead_fact[], inboxdb.lead_fact[]);
-- squawk-ignore ban-drop-function
drop function inboxdb.cut_messages(inboxdb.lead_fact, inboxdb.lead_fact);
-- squawk-ignore ban-drop-function
drop function inboxdb.learn_words(integer, inboxdb.lead_id[]);
-- squawk-ignore ban-drop-function
drop function inboxdb.facts_now(integer, inboxdb.client_id, inboxdb.lead_id[], inboxdb.lead_fact[]);
-- squawk-ignore ban-drop-function
drop function inboxdb.lead_replies(inboxdb.lead_fact[], text);
-- squawk-ignore ban-drop-function
drop function inboxdb.lead_counts(inboxdb.lead_fact[], text);
-- squawk-ignore ban-drop-function
drop function inboxdb.response_times(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.sms_campaigns(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.statuses(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.sentiments(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.days(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.overview(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.reply_classes(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.reply_sums(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.window_figures(inboxdb.analytics_window, inboxdb.figure[], boolean);
-- squawk-ignore ban-drop-function
drop function inboxdb.stored_figures(inboxdb.analytics_window, inboxdb.figure[], boolean);
-- squawk-ignore ban-drop-function
drop function inboxdb.live_figures(inboxdb.analytics_window, inboxdb.figure[], boolean);
-- squawk-ignore ban-drop-function
drop function inboxdb.window_messages(inboxdb.analytics_window, integer, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.business_us(timestamptz, timestamptz, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.office_us(timestamp);
-- squawk-ignore ban-drop-function
drop function inboxdb.sender_number(text, text, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.require_window(inboxdb.client_id, date, date, text, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.choose_source(inboxdb.analytics_window, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.zone_data(text);
-- squawk-ignore ban-drop-function
drop function inboxdb.analytics_definitions();
-- squawk-ignore ban-drop-function
drop function inboxdb.kept_from();
-- squawk-ignore ban-drop-view
drop view inboxdb.analytics_state_now;
-- squawk-ignore ban-drop-table
drop table inboxdb.analytics_state;
-- squawk-ignore ban-drop-table
drop table inboxdb.analytics_workspace;
-- squawk-ignore ban-drop-table
drop table inboxdb.analytics_word;
-- squawk-ignore ban-drop-table
drop table inboxdb.analytics_reply;
-- squawk-ignore ban-drop-type
drop type inboxdb.reply_detail;
-- squawk-ignore ban-drop-table
drop table inboxdb.analytics_count;
-- squawk-ignore ban-drop-table
drop table inboxdb.lead_fact;
-- squawk-ignore ban-drop-type
drop type inboxdb.figure;
-- squawk-ignore ban-drop-function
drop function inboxdb.word_key(text);
-- squawk-ignore ban-drop-function
drop function inboxdb.local_day(timestamptz, text);
-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;
-- squawk-ignore ban-drop-view
drop view inboxdb.job_status_copy;
-- squawk-ignore ban-drop-function
drop function inboxdb.after_maintenance(jsonb, inboxdb.maintenance, text, double precision);
-- squawk-ignore ban-drop-function
drop function inboxdb.maintenance_credit(jsonb, inboxdb.maintenance, double precision);
-- squawk-ignore ban-drop-view
drop view inboxdb.maintenance;
-- squawk-ignore ban-drop-view
drop view inboxdb.job;
-- squawk-ignore ban-drop-function
drop function inboxdb.is_for_analytics(inboxdb.client_id, inboxdb.lead_id, smallint);
-- squawk-ignore ban-drop-function
drop function inboxdb.has_analytics();
-- squawk-ignore ban-drop-table
drop table inboxdb.analytics_change;
-- squawk-ignore ban-drop-view
drop view inboxdb.setting_definition;

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> 0010-search:base/lock_class.sql
create or replace function inboxdb.lock_class(what text) returns integer
language sql immutable
set search_path = ''
as $$
  -- Purpose: the class of an advisory lock of ours, as pg_locks.classid shows it.
  -- Parameters: what, workspace (objid: hashtext of its id), collector, grants, migration or texts (objid: 0),
  --   maintenance (objid: hashtext of the item), number (objid: the number).
  -- Returns: null for anything else. `inboxdb migrate` has its own number, needed before the installation: a test
  --   holds the two together.
  -- INVOKER: reads nothing.
  select case
    when what = 'workspace' then 1768841848
    when what = 'collector' then 1768841849
    when what = 'migration' then 1768841850
    when what = 'grants' then 1768841851
    when what = 'maintenance' then 1768841852
    when what = 'number' then 1768841853
    when what = 'texts' then 1768841854
  end
$$;
-- <<< 0010-search:base/lock_class.sql

-- >>> 0019-environment:base/setting_definition.view.sql
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
-- <<< 0019-environment:base/setting_definition.view.sql

-- >>> 0010-search:log/take_changes.sql
create or replace function inboxdb.take_changes(slices integer[], tids tid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: delete changes from the log. None is taken twice: readers of a workspace's changes hold its lock, and
--   changes without a workspace are taken under the collector's lock.
-- Hands leads made, gone or moved on to text_change, and changes of everything, in the statements that delete: no other
--   statement takes a change out of the log, so none is lost for texts (D132).
-- Parameters: slices and tids, the place of each change, from changes_of or view change.
-- Writes: the change log, text_change.
-- INVOKER: called by remember_leads, fill_leads, remember_changed, collapse_changes and assign_changes only.
begin
  if 0 = any (slices) then
    with
    taken as (
      delete from inboxdb.change_0 as c
      where c.ctid = any (array(
        select p.tid
        from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
        where p.slice = 0
      ))
      returning c.client_id, c.lead_id, c.changed
    )
    insert into inboxdb.text_change (client_id, lead_id)
    select t.client_id, t.lead_id from taken as t where inboxdb.is_for_texts(t.client_id, t.lead_id, t.changed);
  end if;
  if 1 = any (slices) then
    with
    taken as (
      delete from inboxdb.change_1 as c
      where c.ctid = any (array(
        select p.tid
        from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
        where p.slice = 1
      ))
      returning c.client_id, c.lead_id, c.changed
    )
    insert into inboxdb.text_change (client_id, lead_id)
    select t.client_id, t.lead_id from taken as t where inboxdb.is_for_texts(t.client_id, t.lead_id, t.changed);
  end if;
  if 2 = any (slices) then
    with
    taken as (
      delete from inboxdb.change_2 as c
      where c.ctid = any (array(
        select p.tid
        from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
        where p.slice = 2
      ))
      returning c.client_id, c.lead_id, c.changed
    )
    insert into inboxdb.text_change (client_id, lead_id)
    select t.client_id, t.lead_id from taken as t where inboxdb.is_for_texts(t.client_id, t.lead_id, t.changed);
  end if;
  if 3 = any (slices) then
    with
    taken as (
      delete from inboxdb.change_3 as c
      where c.ctid = any (array(
        select p.tid
        from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
        where p.slice = 3
      ))
      returning c.client_id, c.lead_id, c.changed
    )
    insert into inboxdb.text_change (client_id, lead_id)
    select t.client_id, t.lead_id from taken as t where inboxdb.is_for_texts(t.client_id, t.lead_id, t.changed);
  end if;
end
$$;
-- <<< 0010-search:log/take_changes.sql

-- >>> 0018-canary:jobs/maintenance.view.sql
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
  ('look-at-canaries', '1 min', '10 s', null, null, null, 'inboxdb.look_at_canaries'),
  ('prune-samples', '5 s', '5 s', null, null, null, 'inboxdb.prune_samples'),
  ('refresh-texts', '5 s', '5 s', null, null, null, 'inboxdb.refresh_texts'),
  ('refresh-texts-at-rest', '1 s', '5 s', 0.25, '1 s', null, 'inboxdb.refresh_texts'),
  ('audit', '0', '0', 0.1, '1 s', 'inboxdb.next_audit', 'inboxdb.audit_claimed')
) as m (item, run_every, time_limit, time_share, burst, chooser, function_name)
union all
-- the host's tables: what is on, and possible
select
  u.item, p.run_every::interval as run_every, p.time_limit::interval as time_limit, null as time_share, null as burst,
  null as chooser, u.function_name
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
'A function without parameters, which may return whether there is more to do; after a chooser of the workspace, and'
' returning outcome, version and changed_scopes.';
-- <<< 0018-canary:jobs/maintenance.view.sql

-- >>> 0002-functions:jobs/job.view.sql
create or replace view inboxdb.job as
-- The jobs per workspace, a row each. A new job adds a row here, and a function that takes the workspace's lock, does
-- the work, and calls record_job and bump_versions with the name of the job; then a line in docs/contracts.md. Nothing
-- else is touched: record_job, time_limit, failure, bump_versions, unpublished and job_status read this view.
select j.job_name, j.run_name, j.function_name, j.families, j.seconds_per_lead, j.has_modes
from (
  values (
    'recompute-inbox-counts', 'refresh', 'inboxdb.recompute_inbox_counts', array['inbox', 'analytics'],
    0.00002::double precision, true
  )
) as j (job_name, run_name, function_name, families, seconds_per_lead, has_modes);

comment on view inboxdb.job is 'The jobs per workspace: job_status tells how the last run of each went.';
comment on column inboxdb.job.job_name is 'Also in job_status, and in the key jobs:v1:{job_name}:{workspace}.';
comment on column inboxdb.job.run_name is 'The word for a run of the job in sentences about a failure.';
comment on column inboxdb.job.function_name is
'Runs the job for one workspace by hand, given its id, and raises every error in full.';
comment on column inboxdb.job.families is 'The cache families to get new versions after a run: its own first.';
comment on column inboxdb.job.seconds_per_lead is
'The least time limit per lead: several times the duration of a run that evaluates all leads.';
comment on column inboxdb.job.has_modes is 'Whether a run is by change or a recount: mode and recountReason in Redis.';
-- <<< 0002-functions:jobs/job.view.sql

-- >>> 0002-functions:announce/new_versions.sql
create or replace function inboxdb.new_versions(this_job text, target_client_ids inboxdb.client_id[])
returns table (client_id inboxdb.client_id, version bigint)
language plpgsql volatile
set search_path = ''
-- lookups by key: the planner knows the sizes of the array as little as that of the table
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
-- as planned after an ANALYZE, a bitmap scan would visit dead rows kept by a held snapshot
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: give workspaces new cache versions, one per family of the job, committed together with the job's work.
-- Parameters: this_job, as in view job; target_client_ids; the caller holds the lock of each.
-- Returns: each workspace, and the new version of the job's first family: greatest(old + 1, epoch milliseconds), so
--   that neither a restore nor a workspace made anew goes back.
-- Writes: cache_version.
-- A caller that does not store counts stores the version beside them: bump_versions.
-- INVOKER: called by apply_changes, bump_versions and recount_workspace only.
declare
  now pg_catalog.timestamptz := inboxdb.clock();
  epoch bigint := pg_catalog.date_part('epoch', now) * 1000;
  families pg_catalog.text[] := (select j.families from inboxdb.job as j where j.job_name = this_job);
begin
  return query
  with
  present as materialized (
    select w.client_id, f.family, n.version, n.tid
    from pg_catalog.unnest(target_client_ids) as w (client_id)
    cross join pg_catalog.unnest(families) as f (family)
    left join lateral inboxdb.newest_version(w.client_id, f.family) as n on true
  ),
  bumped as (
    update inboxdb.cache_version as v
    set
      version = greatest(v.version + 1, epoch),
      bumped_at = now,
      unpublished_since = coalesce(v.unpublished_since, now)
    from present as p
    where v.ctid = p.tid
    returning v.client_id, v.family, v.version
  ),
  made as (
    insert into inboxdb.cache_version as v (client_id, family, version, bumped_at, unpublished_since)
    select p.client_id, p.family, epoch, now, now
    from present as p
    where p.version is null
    returning v.client_id, v.family, v.version
  )
  select v.client_id, v.version
  from (select b.* from bumped as b union all select m.* from made as m) as v
  where v.family = families[1];
end
$$;
-- <<< 0002-functions:announce/new_versions.sql

-- >>> 0018-canary:jobs/maintenance_credit.sql
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
-- <<< 0018-canary:jobs/maintenance_credit.sql

-- >>> 0018-canary:jobs/after_maintenance.sql
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
-- <<< 0018-canary:jobs/after_maintenance.sql

-- >>> 0002-functions:announce/job_status_copy.view.sql
create or replace view inboxdb.job_status_copy as
-- Job statuses as a cache holds them. Source: docs/contracts.md.
select
  s.unpublished_since, s.client_id, 'job' as kind, s.job_name as item,
  (pg_catalog.date_part('epoch', s.last_started_at) * 1000000)::pg_catalog.int8 as rank,
  pg_catalog.format('jobs:v1:%s:%s', s.job_name, s.client_id) as redis_key,
  (
    pg_catalog.jsonb_build_object(
      'lastStartedAt', inboxdb.iso(s.last_started_at),
      'lastFinishedAt', inboxdb.iso(s.last_finished_at),
      'lastStatus', s.last_status,
      'lastError', s.last_error,
      'durationMs', s.duration_ms,
      'attempt', s.attempt,
      'runId', s.run_id
    )
    || case
      when (
        select j.has_modes
        from inboxdb.job as j
        where j.job_name = s.job_name
      )
        then pg_catalog.jsonb_build_object(
            'mode', case
              when s.last_status = 'failed' then null
              when s.recount_reason is null then 'by_change'
              else 'recount'
            end,
            'recountReason', s.recount_reason
          )
      else '{}'
    end
  )::pg_catalog.text as redis_value,
  s.ctid as place
from inboxdb.job_status as s;

comment on view inboxdb.job_status_copy is 'Job statuses as a cache holds them.';
comment on column inboxdb.job_status_copy.rank is 'The greater in a newer copy: the start, in microseconds since 1970.';
comment on column inboxdb.job_status_copy.place is 'The row''s place in its table, for keys_at_random.';
-- <<< 0002-functions:announce/job_status_copy.view.sql

-- >>> 0020-rollout-state:access/grant_matrix.view.sql
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
-- <<< 0020-rollout-state:access/grant_matrix.view.sql

-- >>> 0007-access:access/apply_grants.sql
create or replace function inboxdb.apply_grants() returns void
language plpgsql volatile
set search_path = ''
-- else a regclass as text would be no name of the matrix
set quote_all_identifiers = off
as $$
-- Purpose: make the privileges in our schemas equal to grant_matrix, for the roles that exist: everything else is
--   revoked from everybody but the owner, from PUBLIC and where granted by hand as well.
-- Errors: 42501 for a caller who does not own inboxdb.
-- Locks: no table; two calls at once follow each other.
-- Reads: grant_matrix. Changes privileges.
-- INVOKER: for the owner.
declare
  statement pg_catalog.text;
begin
  perform pg_catalog.pg_advisory_xact_lock(inboxdb.lock_class('grants'), 0);
  for statement in
    with ours (kind, name, acl, owner) as (
      select
        'schema', n.nspname::pg_catalog.text,
        coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner)), n.nspowner
      from pg_catalog.pg_namespace as n
      where n.nspname in ('inboxdb', 'inbox_api')
      union all
      select
        case c.relkind when 'S' then 'sequence' else 'table' end,
        c.oid::pg_catalog.regclass::pg_catalog.text,
        coalesce(
          c.relacl,
          pg_catalog.acldefault((case c.relkind when 'S' then 's' else 'r' end)::pg_catalog."char", c.relowner)
        ),
        c.relowner
      from pg_catalog.pg_class as c
      inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
      where n.nspname in ('inboxdb', 'inbox_api') and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      union all
      select 'table', c.oid::pg_catalog.regclass::pg_catalog.text, a.attacl, c.relowner
      from pg_catalog.pg_attribute as a
      inner join pg_catalog.pg_class as c on a.attrelid = c.oid
      inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
      where n.nspname in ('inboxdb', 'inbox_api') and a.attacl is not null
      union all
      select
        'routine', p.oid::pg_catalog.regprocedure::pg_catalog.text,
        coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)), p.proowner
      from pg_catalog.pg_proc as p
      inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
      where n.nspname in ('inboxdb', 'inbox_api')
      union all
      select
        'type', t.oid::pg_catalog.regtype::pg_catalog.text,
        coalesce(t.typacl, pg_catalog.acldefault('T', t.typowner)), t.typowner
      from pg_catalog.pg_type as t
      inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
      left join pg_catalog.pg_class as c on t.typrelid = c.oid
      where n.nspname in ('inboxdb', 'inbox_api') and (t.typtype = 'd' or c.relkind = 'c')
    )
    select distinct
      pg_catalog.format(
        'revoke all on %s %s from %s cascade', o.kind, o.name,
        -- regrole::text quotes names where needed
        coalesce(nullif(e.grantee, 0)::pg_catalog.regrole::pg_catalog.text, 'public')
      )
    from ours as o
    cross join lateral pg_catalog.aclexplode(o.acl) as e
    where e.grantee <> o.owner
  loop
    execute statement;
  end loop;

  for statement in
    select pg_catalog.format('grant %s on %s %s to %I', m.privilege, m.kind, m.object_name, m.grantee)
    from inboxdb.grant_matrix as m
    where m.grantee = 'public' or pg_catalog.to_regrole(pg_catalog.quote_ident(m.grantee)) is not null
  loop
    execute statement;
  end loop;
end
$$;
-- <<< 0007-access:access/apply_grants.sql

-- >>> 0010-search:log/floor_above.sql
create or replace function inboxdb.floor_above(
  undrained xid8[], most integer, out read_from xid8, out also_read xid8[]
)
language plpgsql stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
-- Purpose: the floor of a log whose rows have the writer's transaction (D10): below it nothing visible is left, and
--   nothing can appear, because new rows there can only come from transactions open in the caller's snapshot.
-- Parameters: undrained, the transactions of the first undrained rows, in order; most, how many rows were asked for at
--   most.
-- Returns: the transaction from which on to read; up to 64 exceptions below.
-- INVOKER: called by raise_floor and refresh_texts only.
begin
  with
  -- read_from is at most here: the last of the rows asked for, or the end of the snapshot
  beyond as (
    select least(
      -- at most xmax, although another server may have counted further
      pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()),
      case when pg_catalog.cardinality(undrained) = most then undrained[most] end
    ) as xid
  ),
  open_xid as materialized (
    select o.xid, pg_catalog.lead(o.xid, 1, b.xid) over by_xid as next_xid, pg_catalog.row_number() over by_xid as place
    from beyond as b
    cross join (
      select x.xid from pg_catalog.pg_snapshot_xip(pg_catalog.pg_current_snapshot()) as x (xid)
      union
      -- the caller's own transaction, not listed in its snapshot: may yet note changes
      select pg_catalog.pg_current_xact_id_if_assigned()
      union
      select pg_catalog.unnest(undrained)
    ) as o
    where o.xid < b.xid
    window by_xid as (order by o.xid)
  ),
  -- up to 64 exceptions in also_read; of more, only the ones before the last wide gap
  one_by_one as (
    select coalesce(pg_catalog.max(o.place), 0) as places
    from open_xid as o
    where o.place <= 64
      and (
        not exists (select from open_xid as further where further.place > 64)
        or o.next_xid::pg_catalog.text::pg_catalog.int8 - o.xid::pg_catalog.text::pg_catalog.int8 > 1000
      )
  )
  select
    coalesce(
      (select o.xid from open_xid as o where o.place = n.places + 1), (select b.xid from beyond as b)
    ),
    array(select o.xid from open_xid as o where o.place <= n.places)
  into read_from, also_read
  from one_by_one as n;
end
$$;
-- <<< 0010-search:log/floor_above.sql

-- >>> 0015-flags:analytics/require_window.sql
create or replace function inboxdb.require_window(
  target_client_id inboxdb.client_id, from_day date, to_day date, part text default 'figures'
)
returns inboxdb.analytics_window
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
as $$
-- Purpose: refuse callers without access, then what the host lacks, then arguments, and say what is asked.
-- Parameters: target_client_id; from_day, to_day; part, of missing_for_analytics.
-- Returns: the window, with the caller's scope.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for days
--   without a window, and for a setter with too many leads.
-- Reads: "Client", "ClientMember", by key; a setter's leads by the host's index.
-- INVOKER: called by our DEFINER functions only.
declare
  -- how many leads of a setter are read live
  most constant integer := 200000;
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id, 'analytics_read');
  asked inboxdb.analytics_window;
begin
  perform inboxdb.require_analytics(part);
  asked := inboxdb.make_window(target_client_id, scope, from_day, to_day);
  if scope <> inboxdb.sentinel() and (
    select pg_catalog.count(*) > most
    from (
      select from public."Lead" as l
      where l."clientId" = target_client_id and l."assignedToUserId" = scope
      limit most + 1
    ) as own
  ) then
    perform inboxdb.refuse_argument(
      'client_id', pg_catalog.format('a workspace where at most %s leads are assigned to the setter who asks', most)
    );
  end if;
  return asked;
end
$$;
-- <<< 0015-flags:analytics/require_window.sql

-- >>> 0012-analytics:analytics/window_messages.sql
create or replace function inboxdb.window_messages(asked inboxdb.analytics_window, hours_earlier integer default 0)
returns table (
  lead_id inboxdb.lead_id, message_id text, channel text, direction text, sender text, user_id text,
  sent_at timestamptz, sent_on date
)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the messages of a window, of the leads that a caller of analytics sees.
-- Parameters: asked, the window; the caller has checked access; hours_earlier, how long before the window to begin.
-- Returns: a row of each message between the bounds of the window: sender of an outbound message: campaign, ai, user or
--   unknown; user_id of a user only; sent_on: null outside the window.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Lead", "Message".
-- INVOKER: called by our DEFINER functions only.
begin
  return query
  select
    m."leadId"::inboxdb.lead_id,
    m.id::pg_catalog.text,
    m.channel::pg_catalog.text,
    m.direction::pg_catalog.text,
    s.sender,
    case when s.sender = 'user' then m."sentByUserId"::pg_catalog.text end,
    inboxdb.utc(m."sentAt"),
    inboxdb.day_in(asked, inboxdb.utc(m."sentAt"))
  from public."Lead" as l
  inner join public."Message" as m on l.id = m."leadId"
  cross join lateral (
    select case
      when m.source::pg_catalog.text = 'inboxxia_campaign' then 'campaign'
      when m."sentBy"::pg_catalog.text = 'ai' then 'ai'
      when nullif(m."sentByUserId"::pg_catalog.text, inboxdb.sentinel()::pg_catalog.text) is not null then 'user'
      else 'unknown'
    end as sender
  ) as s
  where l."clientId" = asked.client_id
    and (asked.scope = inboxdb.sentinel() or l."assignedToUserId" = asked.scope)
    and m."sentAt" >= inboxdb.host_time(asked.not_before - pg_catalog.make_interval(hours => hours_earlier), m."sentAt")
    and m."sentAt" < inboxdb.host_time(asked.before, m."sentAt");
end
$$;
-- <<< 0012-analytics:analytics/window_messages.sql

-- >>> 0012-analytics:analytics/window_replies.sql
create or replace function inboxdb.window_replies(asked inboxdb.analytics_window)
returns table (side text, sender text, user_id text, wait_ms numeric, business_ms numeric)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set jit = off
as $$
-- Purpose: the replies of a window, defined here alone: a message behind one of the other direction, of the same lead
--   and channel in order of (instant, id), at most 7 days later. A reply belongs to its own day, not to the day of the
--   message answered.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: a row of each reply. side: ours (inbound, then outbound) or theirs; sender, user_id: as of window_messages,
--   lead for theirs; wait_ms; business_ms, the part of the wait within business hours: Monday to Friday, 9 to 17 by the
--   clock of the window's time zone.
-- Reads: as window_messages.
-- INVOKER: called by our DEFINER functions only.
begin
  return query
  select
    p.side,
    case p.side when 'ours' then p.sender else 'lead' end,
    case p.side when 'ours' then p.user_id end,
    extract(epoch from p.sent_at - p.before_at) * 1000,
    business.ms
  from (
    select
      m.*,
      case
        when pg_catalog.lag(m.direction) over in_order = 'inbound' and m.direction = 'outbound' then 'ours'
        when pg_catalog.lag(m.direction) over in_order = 'outbound' and m.direction = 'inbound' then 'theirs'
      end as side,
      pg_catalog.lag(m.sent_at) over in_order as before_at
    -- hours, because 7 days would be days of the session's time zone
    from inboxdb.window_messages(asked, 168) as m
    window in_order as (partition by m.lead_id, m.channel order by m.sent_at, m.message_id collate "C")
  ) as p
  cross join lateral (
    select
      coalesce(
        pg_catalog.sum(extract(epoch from least(p.sent_at, hours.closing) - greatest(p.before_at, hours.opening))), 0
      ) * 1000 as ms
    from (
      select
        (d.day + time '09:00') at time zone asked.time_zone as opening,
        (d.day + time '17:00') at time zone asked.time_zone as closing
      from (
        select (p.before_at at time zone asked.time_zone)::pg_catalog.date + n as day
        from pg_catalog.generate_series(
            0,
            (p.sent_at at time zone asked.time_zone)::pg_catalog.date
            - (p.before_at at time zone asked.time_zone)::pg_catalog.date
          ) as n
      ) as d
      where extract(isodow from d.day) <= 5
        -- a day that a zone skipped has no hours
        and ((d.day + time '09:00') at time zone asked.time_zone at time zone asked.time_zone)::pg_catalog.date = d.day
    ) as hours
    where least(p.sent_at, hours.closing) > greatest(p.before_at, hours.opening)
  ) as business
  where p.side is not null and p.sent_on is not null and p.sent_at - p.before_at <= interval '168 hours';
end
$$;
-- <<< 0012-analytics:analytics/window_replies.sql

-- >>> 0012-analytics:api/answer_window.sql
create or replace function inboxdb.answer_window(
  read_name text, asked inboxdb.analytics_window, figures jsonb
)
returns inboxdb.analytics_answer
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the answer of a read of analytics, tagged by its figures: the same figures of the same days have the same
--   tag, whatever the version, because a new version alone is no reason to send figures again.
-- Parameters: read_name; asked, the window; figures.
-- Returns: the answer. computed_at is now, and nothing is stale, because figures are read live.
-- Reads: cache_version.
-- INVOKER: called by our DEFINER functions only.
declare
  answer constant inboxdb.analytics_answer := (
    figures, asked.from_day, asked.to_day, asked.time_zone, inboxdb.clock(),
    (select v.version from inboxdb.newest_version(asked.client_id, 'analytics') as v), false
  );
begin
  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(
      pg_catalog.jsonb_build_array(
        read_name, asked.client_id, asked.scope, asked.from_day, asked.to_day, asked.time_zone, figures
      )
    );
  end if;
  return answer;
end
$$;
-- <<< 0012-analytics:api/answer_window.sql

-- >>> 0012-analytics:api/read_analytics_days.sql
create or replace function inboxdb.read_analytics_days(target_client_id inboxdb.client_id, from_day date, to_day date)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: each day of a window, for a user with access.
-- Parameters: as of inbox_api.analytics_days.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_days; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day);
begin
  return inboxdb.answer_window('analytics_days', asked, inboxdb.live_days(asked));
end
$$;
-- <<< 0012-analytics:api/read_analytics_days.sql

-- >>> 0012-analytics:api/read_analytics_email_campaigns.sql
create or replace function inboxdb.read_analytics_email_campaigns(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: a window by e-mail campaign, for a user with access.
-- Parameters: as of inbox_api.analytics_email_campaigns.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_email_campaigns; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(
    target_client_id, from_day, to_day, 'email campaigns'
  );
begin
  return inboxdb.answer_window('analytics_email_campaigns', asked, inboxdb.live_email_campaigns(asked));
end
$$;
-- <<< 0012-analytics:api/read_analytics_email_campaigns.sql

-- >>> 0012-analytics:api/read_analytics_overview.sql
create or replace function inboxdb.read_analytics_overview(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the overview of a window of days, for a user with access.
-- Parameters: as of inbox_api.analytics_overview.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_overview; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day);
begin
  return inboxdb.answer_window('analytics_overview', asked, inboxdb.live_overview(asked));
end
$$;
-- <<< 0012-analytics:api/read_analytics_overview.sql

-- >>> 0012-analytics:api/read_analytics_reactivations.sql
create or replace function inboxdb.read_analytics_reactivations(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the reactivations sent in a window by campaign, for a user with access.
-- Parameters: as of inbox_api.analytics_reactivations.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_reactivations; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(
    target_client_id, from_day, to_day, 'reactivations'
  );
begin
  return inboxdb.answer_window('analytics_reactivations', asked, inboxdb.live_reactivations(asked));
end
$$;
-- <<< 0012-analytics:api/read_analytics_reactivations.sql

-- >>> 0012-analytics:api/read_analytics_response_times.sql
create or replace function inboxdb.read_analytics_response_times(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the replies of a window by who replied, for a user with access.
-- Parameters: as of inbox_api.analytics_response_times.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_response_times; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day);
begin
  return inboxdb.answer_window('analytics_response_times', asked, inboxdb.live_response_times(asked));
end
$$;
-- <<< 0012-analytics:api/read_analytics_response_times.sql

-- >>> 0012-analytics:api/read_analytics_sentiments.sql
create or replace function inboxdb.read_analytics_sentiments(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the responders of a window by their present tag, for a user with access.
-- Parameters: as of inbox_api.analytics_sentiments.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_sentiments; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day);
begin
  return inboxdb.answer_window('analytics_sentiments', asked, inboxdb.live_sentiments(asked));
end
$$;
-- <<< 0012-analytics:api/read_analytics_sentiments.sql

-- >>> 0012-analytics:api/read_analytics_sms_campaigns.sql
create or replace function inboxdb.read_analytics_sms_campaigns(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: a window by SMS campaign, for a user with access.
-- Parameters: as of inbox_api.analytics_sms_campaigns.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_sms_campaigns; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day);
begin
  return inboxdb.answer_window('analytics_sms_campaigns', asked, inboxdb.live_sms_campaigns(asked));
end
$$;
-- <<< 0012-analytics:api/read_analytics_sms_campaigns.sql

-- >>> 0012-analytics:api/read_analytics_statuses.sql
create or replace function inboxdb.read_analytics_statuses(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the leads created in a window by their present status, for a user with access.
-- Parameters: as of inbox_api.analytics_statuses.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_statuses; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day);
begin
  return inboxdb.answer_window('analytics_statuses', asked, inboxdb.live_statuses(asked));
end
$$;
-- <<< 0012-analytics:api/read_analytics_statuses.sql

-- >>> 0012-analytics:api/read_analytics_workflows.sql
create or replace function inboxdb.read_analytics_workflows(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the meetings of a window by the sequence before them, for a user with access.
-- Parameters: as of inbox_api.analytics_workflows.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_workflows; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day, 'workflows');
begin
  return inboxdb.answer_window('analytics_workflows', asked, inboxdb.live_workflows(asked));
end
$$;
-- <<< 0012-analytics:api/read_analytics_workflows.sql

-- >>> 0012-analytics:api/read_crm_summary.sql
create or replace function inboxdb.read_crm_summary(target_client_id inboxdb.client_id, from_day date, to_day date)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the meetings of leads whose interest was registered in a window, for a user with access.
-- Parameters: as of inbox_api.crm_summary.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_crm_summary; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day, 'CRM');
begin
  return inboxdb.answer_window('crm_summary', asked, inboxdb.live_crm_summary(asked));
end
$$;
-- <<< 0012-analytics:api/read_crm_summary.sql

-- >>> 0015-flags:api/analytics_days.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_days(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: each day of a window, of the current user's leads in a workspace. For the application,
  --   and for PostgREST's GET /rpc/analytics_days?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects, a day each: day, inbound, outbound, leads_created,
  --   meetings_booked; the days and the time zone; computed_at; version, the analytics family's cache version;
  --   is_stale. Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_days checks access, then reads.
  select * from inboxdb.read_analytics_days(client_id, from_day, to_day)
$$;
-- <<< 0015-flags:api/analytics_days.sql

-- >>> 0015-flags:api/analytics_overview.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_overview(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the overview of a window of days, of the current user's leads in a workspace. For the application,
  --   and for PostgREST's GET /rpc/analytics_overview?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an object: leads_created, contacted, responses, response_rate, meetings_booked,
  --   meetings_kept, our_response_ms, our_response_samples, their_response_ms, their_response_samples; the days and the
  --   time zone; computed_at; version, the analytics family's cache version; is_stale. Under PostgREST also an ETag,
  --   and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_overview checks access, then reads.
  select * from inboxdb.read_analytics_overview(client_id, from_day, to_day)
$$;
-- <<< 0015-flags:api/analytics_overview.sql

-- >>> 0015-flags:api/analytics_response_times.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_response_times(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the replies of a window by who replied, of the current user's leads in a workspace. For the application,
  --   and for PostgREST's GET /rpc/analytics_response_times?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: side, sender, user_id, replies, mean_ms, p50_ms, p90_ms,
  --   p95_ms, business_mean_ms; the days and the time zone; computed_at; version, the analytics family's cache version;
  --   is_stale. Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_response_times checks access, then reads.
  select * from inboxdb.read_analytics_response_times(client_id, from_day, to_day)
$$;
-- <<< 0015-flags:api/analytics_response_times.sql

-- >>> 0015-flags:api/analytics_sentiments.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_sentiments(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the responders of a window by their present tag, of the current user's leads in a workspace. For the
  --   application, and for PostgREST's GET /rpc/analytics_sentiments?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: sentiment_tag, responses, share;
  --   the days and the time zone; computed_at; version, the analytics family's cache version; is_stale.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_sentiments checks access, then reads.
  select * from inboxdb.read_analytics_sentiments(client_id, from_day, to_day)
$$;
-- <<< 0015-flags:api/analytics_sentiments.sql

-- >>> 0015-flags:api/analytics_sms_campaigns.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_sms_campaigns(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: a window by SMS campaign, of the current user's leads in a workspace. For the application,
  --   and for PostgREST's GET /rpc/analytics_sms_campaigns?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: sms_campaign_id, name, leads_created, responses,
  --   positive_responses, meetings_booked; the days and the time zone; computed_at; version, the analytics family's
  --   cache version; is_stale. Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_sms_campaigns checks access, then reads.
  select * from inboxdb.read_analytics_sms_campaigns(client_id, from_day, to_day)
$$;
-- <<< 0015-flags:api/analytics_sms_campaigns.sql

-- >>> 0015-flags:api/analytics_statuses.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_statuses(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the leads created in a window by their present status, of the current user's leads in a workspace. For the
  --   application, and for PostgREST's GET /rpc/analytics_statuses?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: status, leads_created;
  --   the days and the time zone; computed_at; version, the analytics family's cache version; is_stale.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_statuses checks access, then reads.
  select * from inboxdb.read_analytics_statuses(client_id, from_day, to_day)
$$;
-- <<< 0015-flags:api/analytics_statuses.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;

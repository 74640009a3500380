-- inboxdb 0021: aggregates of analytics: tables, what keeps them, and reads that answer from them.
-- Drains fill them afterwards, a quarter of a worker's time, some minutes per million leads; until then reads answer live.
-- Size: some 500 bytes a lead of five messages.
-- Locks: none on the host's tables. Duration: milliseconds.
-- Undo: 0021-analytics-aggregates.rollback.sql puts back what was before.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0021-analytics-aggregates.sql (one transaction).
-- depends: 0020-rollout-state

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-function
drop function inboxdb.window_messages(inboxdb.analytics_window, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.require_window(inboxdb.client_id, date, date, text);
-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;
-- squawk-ignore ban-drop-view
drop view inboxdb.job_status_copy;
-- squawk-ignore ban-drop-function
drop function inboxdb.after_maintenance(jsonb, inboxdb.maintenance, text, double precision);
-- squawk-ignore ban-drop-function
drop function inboxdb.maintenance_credit(jsonb, inboxdb.maintenance, double precision);
-- squawk-ignore ban-drop-view
drop view inboxdb.job;
-- squawk-ignore ban-drop-view
drop view inboxdb.maintenance;
-- squawk-ignore ban-drop-view
drop view inboxdb.setting_definition;

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> sql/base/lock_class.sql
create or replace function inboxdb.lock_class(what text) returns integer
language sql immutable
set search_path = ''
as $$
  -- Purpose: the class of an advisory lock of ours, as pg_locks.classid shows it.
  -- Parameters: what, workspace (objid: hashtext of its id), analytics (the same), collector, analytics collector,
  --   grants, migration or texts (objid: 0),
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
    when what = 'analytics' then 1768841855
    when what = 'analytics collector' then 1768841856
  end
$$;
-- <<< sql/base/lock_class.sql

-- >>> sql/base/setting_definition.view.sql
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
-- <<< sql/base/setting_definition.view.sql

-- >>> sql/log/analytics_change.table.sql
-- The third log: leads whose figures may be others. Built as text_change, and apart from it, because each reader takes
-- what it reads (D132). The index is for taking the changes of a single workspace.
create table inboxdb.analytics_change (
  xid xid8 not null default pg_catalog.pg_current_xact_id(),
  id bigint generated always as identity (cache 100),
  client_id inboxdb.client_id,
  lead_id inboxdb.lead_id,
  changed smallint not null default 0,
  noted_at timestamptz not null default inboxdb.clock(),
  primary key (xid, id, noted_at)
)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);

create index analytics_change_client_id_xid_idx on inboxdb.analytics_change (client_id, xid)
where client_id is not null;

-- as for the change log: statistics would be of changes taken by now
alter table inboxdb.analytics_change alter column xid set statistics 0;

comment on table inboxdb.analytics_change is
'Leads whose figures of analytics may be others: handed on by whoever takes changes, or noted by a trigger.';
comment on column inboxdb.analytics_change.xid is 'The writing transaction, or the refresh that handed the lead on.';
comment on column inboxdb.analytics_change.client_id is 'The workspace; null for every workspace.';
comment on column inboxdb.analytics_change.lead_id is
'The lead; null for all leads of the workspace: a walk through them is due then.';
comment on column inboxdb.analytics_change.changed is
'As in the change log. 64: an UPDATE named a column that analytics read, and counts do not.';
comment on column inboxdb.analytics_change.noted_at is 'When the change was noted.';
-- <<< sql/log/analytics_change.table.sql

-- >>> sql/log/has_analytics.sql
create or replace function inboxdb.has_analytics() returns boolean
language sql stable
set search_path = ''
as $$
  -- Purpose: whether aggregates of analytics are kept here: their trigger is made where the host has the columns.
  -- Returns: true or false.
  -- Reads: the system catalog.
  -- INVOKER: called by our DEFINER functions only.
  select exists (
    select
    from pg_catalog.pg_trigger as t
    where t.tgrelid = pg_catalog.to_regclass('public."Lead"') and t.tgname = 'inboxdb_note_analytics'
  )
$$;
-- <<< sql/log/has_analytics.sql

-- >>> sql/log/is_for_analytics.sql
create or replace function inboxdb.is_for_analytics(
  client_id inboxdb.client_id, lead_id inboxdb.lead_id, changed smallint
)
returns boolean
language sql immutable
as $$
  -- Purpose: whether a change taken for the counts may be one of analytics, too.
  -- Parameters: as in the change log.
  -- Returns: true for what a writer of "Lead" did, and for a change of a whole workspace or of everything; false for a
  --   draft's.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: called by take_changes only.
  select changed <> 0 or lead_id is null
$$;
-- <<< sql/log/is_for_analytics.sql

-- >>> sql/log/take_changes.sql
create or replace function inboxdb.take_changes(slices integer[], tids tid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: delete changes from the log. None is taken twice: readers of a workspace's changes hold its lock, and
--   changes without a workspace are taken under the collector's lock.
-- Hands changes on to the logs of other readers, in the statements that delete: no other statement takes a change out
-- of the log, so none is lost for them (D132). To text_change leads made, gone or moved, and changes of everything; to
-- analytics_change, where there is such a reader, all that is_for_analytics says.
-- Parameters: slices and tids, the place of each change, from changes_of or view change.
-- Writes: the change log, text_change, analytics_change.
-- INVOKER: called by remember_leads, fill_leads, remember_changed, collapse_changes and assign_changes only.
declare
  has_analytics constant boolean := inboxdb.has_analytics();
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
      returning c.client_id, c.lead_id, c.changed, c.noted_at
    ),
    for_analytics as (
      insert into inboxdb.analytics_change (client_id, lead_id, changed, noted_at)
      select t.client_id, t.lead_id, t.changed, t.noted_at
      from taken as t
      where has_analytics and inboxdb.is_for_analytics(t.client_id, t.lead_id, t.changed)
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
      returning c.client_id, c.lead_id, c.changed, c.noted_at
    ),
    for_analytics as (
      insert into inboxdb.analytics_change (client_id, lead_id, changed, noted_at)
      select t.client_id, t.lead_id, t.changed, t.noted_at
      from taken as t
      where has_analytics and inboxdb.is_for_analytics(t.client_id, t.lead_id, t.changed)
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
      returning c.client_id, c.lead_id, c.changed, c.noted_at
    ),
    for_analytics as (
      insert into inboxdb.analytics_change (client_id, lead_id, changed, noted_at)
      select t.client_id, t.lead_id, t.changed, t.noted_at
      from taken as t
      where has_analytics and inboxdb.is_for_analytics(t.client_id, t.lead_id, t.changed)
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
      returning c.client_id, c.lead_id, c.changed, c.noted_at
    ),
    for_analytics as (
      insert into inboxdb.analytics_change (client_id, lead_id, changed, noted_at)
      select t.client_id, t.lead_id, t.changed, t.noted_at
      from taken as t
      where has_analytics and inboxdb.is_for_analytics(t.client_id, t.lead_id, t.changed)
    )
    insert into inboxdb.text_change (client_id, lead_id)
    select t.client_id, t.lead_id from taken as t where inboxdb.is_for_texts(t.client_id, t.lead_id, t.changed);
  end if;
end
$$;
-- <<< sql/log/take_changes.sql

-- >>> sql/log/floor_above.sql
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
-- INVOKER: called by raise_floor, refresh_texts and collect_analytics only.
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
-- <<< sql/log/floor_above.sql

-- >>> sql/jobs/job.view.sql
create or replace view inboxdb.job as
-- The jobs per workspace, a row each. A new job adds a row here, and a function that takes the workspace's lock, does
-- the work, and calls record_job and bump_versions with the name of the job; then a line in docs/contracts.md. Nothing
-- else is touched: record_job, time_limit, failure, bump_versions, unpublished and job_status read this view.
select j.job_name, j.run_name, j.function_name, j.families, j.seconds_per_lead, j.has_modes
from (
  values
  (
    'recompute-inbox-counts', 'refresh', 'inboxdb.recompute_inbox_counts',
    case
      -- as has_analytics: then the other job says when figures are others
      when exists (
          select
          from pg_catalog.pg_trigger as t
          where t.tgrelid = pg_catalog.to_regclass('public."Lead"') and t.tgname = 'inboxdb_note_analytics'
        ) then array['inbox']
      else array['inbox', 'analytics']
    end,
    0.00002::double precision, true
  ),
  (
    'recompute-analytics-aggregates', 'refresh of aggregates', 'inboxdb.recompute_analytics', array['analytics'],
    0.001, false
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
-- <<< sql/jobs/job.view.sql

-- >>> sql/jobs/maintenance.view.sql
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
  ('keep-analytics', '20 s', '5 s', null, null, null, 'inboxdb.keep_analytics'),
  ('refresh-analytics', '5 s', '60 s', null, null, 'inboxdb.next_analytics', 'inboxdb.refresh_analytics'),
  (
    'refresh-analytics-at-rest', '0', '60 s', 0.25, '0.25 s', 'inboxdb.next_analytics', 'inboxdb.refresh_analytics'
  ),
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

-- >>> sql/announce/new_versions.sql
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
-- INVOKER: called by apply_changes, bump_versions, recount_workspace, refresh_analytics and recompute_analytics only.
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
-- <<< sql/announce/new_versions.sql

-- >>> sql/announce/job_status_copy.view.sql
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
-- <<< sql/announce/job_status_copy.view.sql

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

-- >>> sql/access/apply_grants.sql
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
      where n.nspname in ('inboxdb', 'inbox_api') and (t.typtype in ('d', 'e') or c.relkind = 'c')
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
-- <<< sql/access/apply_grants.sql

-- >>> sql/analytics/local_day.sql
create or replace function inboxdb.local_day(instant timestamptz, time_zone text) returns date
language sql immutable parallel safe
as $$
  -- Purpose: the day of an instant that a window may ask for: the local date (D141).
  -- Parameters: instant, time_zone.
  -- Returns: the day; null for infinite and null instants, and for days before 0001-01-01 and after 9999-12-31.
  -- The bounds first, because the local time of an instant at the end of all time is an error.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case
    when instant >= '0001-01-03 00:00:00+00' and instant < '9999-12-30 00:00:00+00'
      then (instant at time zone time_zone)::pg_catalog.date
  end
$$;
-- <<< sql/analytics/local_day.sql

-- >>> sql/analytics/word_key.sql
create or replace function inboxdb.word_key(word text) returns bigint
language sql immutable parallel safe
as $$
  -- Purpose: the key that aggregates have for a word: a tag, a status, a campaign or a user.
  -- Parameters: word.
  -- Returns: its hash of 64 bits; 0 for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select coalesce(pg_catalog.hashtextextended(word collate "C", 0), 0)
$$;
-- <<< sql/analytics/word_key.sql

-- >>> sql/analytics/figure.type.sql
create type inboxdb.figure as enum (
  'created', 'booked', 'kept', 'inbound', 'outbound', 'contacted', 'responded', 'campaign_created', 'campaign_booked',
  'campaign_responded', 'campaign_positive'
);

comment on type inboxdb.figure is
'What a row of analytics_count counts: leads created; meetings booked, and kept; messages received, and sent; leads '
'with an active day of sending, and of receiving; and by SMS campaign leads created, meetings booked, leads that '
'responded, and of these the positive ones.';
-- <<< sql/analytics/figure.type.sql

-- >>> sql/analytics/lead_fact.table.sql
-- Columns in this order, keys for words and no nulls make a row compact: 130 bytes and 12 for each message.
create table inboxdb.lead_fact (
  created_at timestamptz not null,
  booked_at timestamptz not null,
  status_key bigint not null,
  tag_key bigint not null,
  campaign_key bigint not null,
  user_key bigint not null,
  workspace integer not null,
  is_kept boolean not null,
  lead_key bytea not null,
  sent_at timestamptz[] not null,
  info integer[] not null,
  senders bigint[] not null,
  primary key (workspace, lead_key)
)
with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

comment on table inboxdb.lead_fact is
'What the aggregates of analytics were last made of, a row for each lead: a refresh adds what differs.';
comment on column inboxdb.lead_fact.created_at is
'When the lead was created; infinite where analytics have no day of it.';
comment on column inboxdb.lead_fact.booked_at is 'When a meeting was booked, likewise; infinite for none.';
comment on column inboxdb.lead_fact.status_key is 'word_key of the status.';
comment on column inboxdb.lead_fact.tag_key is 'word_key of the tag.';
comment on column inboxdb.lead_fact.campaign_key is 'word_key of the SMS campaign.';
comment on column inboxdb.lead_fact.user_key is 'word_key of the user; 0 for an unassigned lead.';
comment on column inboxdb.lead_fact.workspace is 'analytics_workspace.number.';
comment on column inboxdb.lead_fact.is_kept is 'Whether the meeting, if any, was not canceled.';
comment on column inboxdb.lead_fact.lead_key is 'The lead: id_key of its id.';
comment on column inboxdb.lead_fact.sent_at is
'When each message was sent, in the order of replies: see window_replies.';
comment on column inboxdb.lead_fact.info is
'Of each message: 1 inbound, 2 outbound, 0 other; 4 times sender_number; and '
'28 bits of the channel''s hash.';
comment on column inboxdb.lead_fact.senders is 'word_key of the user of each message sent by a user, in order.';
-- <<< sql/analytics/lead_fact.table.sql

-- >>> sql/analytics/analytics_count.table.sql
-- The next day before the month in the key: of a window that ends today only the rows without a next day are read.
-- A row is a month: a row for each day took more than twice the room, and of all days a change would write them all.
create table inboxdb.analytics_count (
  scope_key bigint not null,
  word_key bigint not null,
  workspace integer not null,
  figure inboxdb.figure not null,
  on_month date not null,
  next_day date not null,
  day_counts integer[] not null,
  primary key (workspace, figure, scope_key, next_day, on_month, word_key)
)
with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

comment on table inboxdb.analytics_count is
'Aggregates of analytics: the sums of lead_counts over lead_fact, packed by month. A lead that was active on several '
'days of a window counts once: of the days after which it was next active beyond the window there is one (D162).';
comment on column inboxdb.analytics_count.scope_key is
'0 for the whole workspace; word_key of a user for the leads assigned to them, apart from 0.';
comment on column inboxdb.analytics_count.word_key is
'Of the whole workspace alone: of created the status, of responded the tag, of figures by campaign the SMS campaign; '
'else 0.';
comment on column inboxdb.analytics_count.workspace is 'analytics_workspace.number.';
comment on column inboxdb.analytics_count.on_month is
'The first day of the month of the days, in the time zone of analytics_workspace.';
comment on column inboxdb.analytics_count.next_day is
'Of figures that count leads by active days the next day on which the lead was active so, infinity for none; else '
'infinity.';
comment on column inboxdb.analytics_count.day_counts is
'Of each day of the month that counts, in order: the day of the month, and 32 times how many, at most 67,108,863; '
'never 0 of them.';
-- <<< sql/analytics/analytics_count.table.sql

-- >>> sql/analytics/reply_detail.type.sql
create type inboxdb.reply_detail as enum ('day', 'sender_day', 'sender_month');

comment on type inboxdb.reply_detail is
'What a row of analytics_reply adds up: the replies of a day; of a day by sender and class; of a month likewise.';
-- <<< sql/analytics/reply_detail.type.sql

-- >>> sql/analytics/analytics_reply.table.sql
create table inboxdb.analytics_reply (
  scope_key bigint not null,
  sender_key bigint not null,
  wait_us bigint not null,
  business_us bigint not null,
  workspace integer not null,
  on_day date not null,
  n integer not null,
  wait_class smallint not null,
  is_ours boolean not null,
  detail inboxdb.reply_detail not null,
  primary key (workspace, scope_key, detail, is_ours, on_day, sender_key, wait_class)
)
with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);

comment on table inboxdb.analytics_reply is 'Aggregates of replies: the sums of lead_replies over lead_fact.';
comment on column inboxdb.analytics_reply.scope_key is 'As in analytics_count.';
comment on column inboxdb.analytics_reply.sender_key is
'sender_number of an ai, a campaign or unknown; 4 the lead; else word_key of a user; 0 where detail is day.';
comment on column inboxdb.analytics_reply.wait_us is 'The sum of the waits, in microseconds.';
comment on column inboxdb.analytics_reply.business_us is 'The sum of the parts of them within business hours.';
comment on column inboxdb.analytics_reply.workspace is 'analytics_workspace.number.';
comment on column inboxdb.analytics_reply.on_day is
'The day of the reply; the first of its month where detail is sender_month.';
comment on column inboxdb.analytics_reply.n is 'How many replies; never 0.';
comment on column inboxdb.analytics_reply.wait_class is 'As of function wait_class; 0 where detail is day.';
comment on column inboxdb.analytics_reply.is_ours is 'Whether we replied, or the lead.';
comment on column inboxdb.analytics_reply.detail is
'Whether replies are added up by sender and class, of the whole workspace alone, and by day or by month.';
-- <<< sql/analytics/analytics_reply.table.sql

-- >>> sql/analytics/analytics_word.table.sql
create table inboxdb.analytics_word (
  word_key bigint not null,
  workspace integer not null,
  word text not null,
  primary key (workspace, word_key)
);

comment on table inboxdb.analytics_word is
'What the keys in aggregates stand for, of each workspace apart, so that no workspace sees another''s words.';
comment on column inboxdb.analytics_word.word_key is 'Function word_key of the word.';
comment on column inboxdb.analytics_word.workspace is 'analytics_workspace.number.';
comment on column inboxdb.analytics_word.word is 'A status, a tag, or the id of a campaign or a user.';
-- <<< sql/analytics/analytics_word.table.sql

-- >>> sql/analytics/analytics_workspace.table.sql
create table inboxdb.analytics_workspace (
  number integer generated by default as identity primary key,
  client_id inboxdb.client_id unique,
  time_zone text,
  zone_data text,
  definitions text,
  due_at timestamptz not null,
  attempts integer not null default 0,
  last_error text,
  noted_since timestamptz,
  refreshed_at timestamptz,
  walk_began_at timestamptz,
  walked_to bytea,
  walked_at timestamptz,
  leads bigint not null default 0,
  counted bigint not null default 0,
  replies bigint not null default 0
)
with (fillfactor = 70);

create index analytics_workspace_due_at_idx on inboxdb.analytics_workspace (due_at);

comment on table inboxdb.analytics_workspace is
'The workspaces with aggregates of analytics: what is to be done for each, and how far it is.';
comment on column inboxdb.analytics_workspace.number is
'The workspace in the tables of aggregates; one that is built anew, or made anew by the host, gets another number.';
comment on column inboxdb.analytics_workspace.client_id is
'The workspace; null where the rows of this number are out of use, and are being deleted.';
comment on column inboxdb.analytics_workspace.time_zone is 'The time zone of all days; null before the first step.';
comment on column inboxdb.analytics_workspace.zone_data is 'Function zone_data of the time zone, when it was built.';
comment on column inboxdb.analytics_workspace.definitions is 'The definitions (analytics_definitions) of all rows.';
comment on column inboxdb.analytics_workspace.due_at is
'When there is something to do next: for changes at once, for a walk, or after a failure; infinity in quarantine.';
comment on column inboxdb.analytics_workspace.attempts is 'Failed and lost attempts since the last success.';
comment on column inboxdb.analytics_workspace.last_error is 'SQLSTATE and our own sentence; never a server message.';
comment on column inboxdb.analytics_workspace.noted_since is 'When the oldest waiting change was noted; null for none.';
comment on column inboxdb.analytics_workspace.refreshed_at is 'When changes were last taken, or a walk was last at it.';
comment on column inboxdb.analytics_workspace.walk_began_at is 'When the walk under way began; null for none.';
comment on column inboxdb.analytics_workspace.walked_to is 'The key of the last lead walked past.';
comment on column inboxdb.analytics_workspace.walked_at is
'When the last finished walk began; null while aggregates are not to be trusted: until a walk has ended.';
comment on column inboxdb.analytics_workspace.leads is 'How many rows lead_fact has, as the refreshes know.';
comment on column inboxdb.analytics_workspace.counted is 'What analytics_count sums up to, as refreshes know.';
comment on column inboxdb.analytics_workspace.replies is 'The sum of analytics_reply.n, as the refreshes know.';
-- <<< sql/analytics/analytics_workspace.table.sql

-- >>> sql/analytics/analytics_state.table.sql
create table inboxdb.analytics_state (
  revision bigint primary key default 0,
  server_started_at timestamptz not null,
  read_from xid8 not null,
  also_read xid8[] not null default '{}'
);

insert into inboxdb.analytics_state (read_from, server_started_at)
values ('0', pg_catalog.pg_postmaster_start_time());

comment on table inboxdb.analytics_state is 'One row: the floor of analytics_change.';
comment on column inboxdb.analytics_state.revision is
'How often the row was written. In the key, so that the live row is found first, as in drain_state.';
comment on column inboxdb.analytics_state.server_started_at is 'The server that the floor was found on.';
comment on column inboxdb.analytics_state.read_from is 'No change waits from a lower transaction, also_read excepted.';
comment on column inboxdb.analytics_state.also_read is 'The transactions before read_from that may yet have changes.';
-- <<< sql/analytics/analytics_state.table.sql

-- >>> sql/analytics/analytics_state_now.view.sql
create or replace view inboxdb.analytics_state_now as
-- the newest revision first, past dead rows that a held snapshot keeps (D35)
select
  s.revision, s.server_started_at,
  -- another server may count transactions anew (D12)
  case when verdict.is_so then s.read_from else '0' end as trusted_from,
  case when verdict.is_so then s.also_read else '{}' end as trusted_also
from inboxdb.analytics_state as s
cross join
  lateral (
    select
      s.server_started_at = pg_catalog.pg_postmaster_start_time()
      and s.read_from <= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) as is_so
  ) as verdict
order by s.revision desc
limit 1;

comment on view inboxdb.analytics_state_now is
'The row of analytics_state, found first among its dead rows, and from where on analytics_change is to be read.';
-- <<< sql/analytics/analytics_state_now.view.sql

-- >>> sql/analytics/kept_from.sql
create or replace function inboxdb.kept_from() returns date
language sql stable
set search_path = ''
as $$
  -- Purpose: from which day on aggregates of analytics are kept, by the setting analytics_days. Windows that begin
  --   before are answered live.
  -- Returns: a day, the same in every time zone; -infinity where all days are kept.
  -- Reads: setting.
  -- INVOKER: called by our DEFINER functions only.
  select case
    when s.days = 'all' then '-infinity'
    else (inboxdb.clock() at time zone 'UTC')::pg_catalog.date - s.days::integer
  end
  from (select inboxdb.setting('analytics_days') as days) as s
$$;
-- <<< sql/analytics/kept_from.sql

-- >>> sql/analytics/analytics_definitions.sql
create or replace function inboxdb.analytics_definitions() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: tell aggregates that were made otherwise from today's: by another function, or another hash.
  -- Returns: a hash.
  -- Reads: the system catalog.
  -- INVOKER: called by our DEFINER functions only.
  select pg_catalog.md5(pg_catalog.concat_ws(
    '/',
    (
      select pg_catalog.string_agg(p.prosrc, '/' order by p.proname, p.prosrc collate "C")
      from pg_catalog.pg_proc as p
      where p.pronamespace = pg_catalog.to_regnamespace('inboxdb')
        and p.proname in (
          'business_us', 'facts_now', 'lead_counts', 'lead_replies', 'local_day', 'office_us', 'positive_tags',
          'sender_number', 'utc', 'wait_class', 'word_key'
        )
    ),
    inboxdb.word_key('a word'), pg_catalog.hashtext('a word' collate "C")
  ))
$$;
-- <<< sql/analytics/analytics_definitions.sql

-- >>> sql/analytics/zone_data.sql
create or replace function inboxdb.zone_data(time_zone text) returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: tell versions of the data of a time zone apart: by its local hour of each day of forty years.
  -- Parameters: time_zone.
  -- Returns: a hash.
  -- INVOKER: reads nothing.
  select pg_catalog.md5(
    pg_catalog.string_agg(
      pg_catalog.to_char(
        (timestamptz '2000-01-01 12:00:00+00' + d * interval '24 hours') at time zone time_zone, 'HH24MI'
      ), '' order by d
    )
  )
  from pg_catalog.generate_series(0, 14610) as d
$$;
-- <<< sql/analytics/zone_data.sql

-- >>> sql/analytics/choose_source.sql
create or replace function inboxdb.choose_source(asked inboxdb.analytics_window, stored_for text)
returns inboxdb.analytics_window
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
as $$
-- Purpose: choose from where a window is answered: from aggregates where they are trusted, of the window's time zone
--   and of today's definitions, and have all its days; else live, where a setter's leads are not too many.
-- Parameters: asked, the window; stored_for, of whom there are aggregates: everybody, members who see the whole
--   workspace, or nobody.
-- Returns: the window, with the number of the workspace where aggregates answer.
-- Errors: IB021 for a setter with too many leads.
-- Reads: analytics_workspace, setting; a setter's leads by the host's index.
-- INVOKER: called by require_window only.
declare
  -- how many leads of a setter are read live
  most constant integer := 200000;
begin
  if stored_for = 'everybody' or (stored_for = 'members' and asked.scope = inboxdb.sentinel()) then
    asked.number := (
      select w.number
      from inboxdb.analytics_workspace as w
      where w.client_id = asked.client_id
        and w.walked_at is not null
        and w.time_zone = asked.time_zone
        and w.definitions = inboxdb.analytics_definitions()
        and asked.from_day >= inboxdb.kept_from()
        and inboxdb.setting('analytics_source') = 'stored'
        and inboxdb.has_analytics()
    );
  end if;
  if asked.number is null and asked.scope <> inboxdb.sentinel() and (
    select pg_catalog.count(*) > most
    from (
      select from public."Lead" as l
      where l."clientId" = asked.client_id and l."assignedToUserId" = asked.scope
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
-- <<< sql/analytics/choose_source.sql

-- >>> sql/analytics/require_window.sql
create or replace function inboxdb.require_window(
  target_client_id inboxdb.client_id, from_day date, to_day date, part text, stored_for text
)
returns inboxdb.analytics_window
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
as $$
-- Purpose: refuse callers without access, then what the host lacks, then arguments, and say what is asked.
-- Parameters: target_client_id; from_day, to_day; part, of missing_for_analytics; stored_for, as of choose_source.
-- Returns: the window, with the caller's scope, and from where it is answered.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for days
--   without a window, and for a setter with too many leads.
-- Reads: "Client", "ClientMember", by key; a setter's leads by the host's index.
-- INVOKER: called by our DEFINER functions only.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id, 'analytics_read');
begin
  perform inboxdb.require_analytics(part);
  return inboxdb.choose_source(inboxdb.make_window(target_client_id, scope, from_day, to_day), stored_for);
end
$$;
-- <<< sql/analytics/require_window.sql

-- >>> sql/analytics/sender_number.sql
create or replace function inboxdb.sender_number(source text, sent_by text, user_id text) returns integer
language sql immutable parallel safe
as $$
  -- Purpose: who sent an outbound message, known here alone.
  -- Parameters: source, sent_by and user_id, as of "Message".
  -- Returns: 0 the user, 1 an ai, 2 a campaign, 3 unknown.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case
    when source = 'inboxxia_campaign' then 2
    when sent_by = 'ai' then 1
    when nullif(user_id, inboxdb.sentinel()::pg_catalog.text) is not null then 0
    else 3
  end
$$;
-- <<< sql/analytics/sender_number.sql

-- >>> sql/analytics/office_us.sql
create or replace function inboxdb.office_us(local_time timestamp) returns bigint
language sql immutable parallel safe
as $$
  -- Purpose: how much of a calendar's business hours, Monday to Friday, 9 to 17, lies before a local time.
  -- Parameters: local_time.
  -- Returns: microseconds since Monday, 2000-01-03; negative before.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select
    -- whole weeks, rounded down, and whole days of the week begun
    (
      pg_catalog.floor((local_time::pg_catalog.date - '2000-01-03'::pg_catalog.date) / 7.0)::bigint * 5
      + least((extract(isodow from local_time) - 1)::integer, 5)
    ) * 28800000000
    + case
      when extract(isodow from local_time) <= 5
        then least(
          greatest((pg_catalog.date_part('epoch', local_time::pg_catalog.time) * 1000000)::bigint - 32400000000, 0),
          28800000000
        )
      else 0
    end
$$;
-- <<< sql/analytics/office_us.sql

-- >>> sql/analytics/business_us.sql
create or replace function inboxdb.business_us(since timestamptz, until timestamptz, time_zone text) returns bigint
language plpgsql immutable parallel safe
set search_path = ''
as $$
-- Purpose: the part of a wait within business hours, defined here alone: Monday to Friday, 9 to 17 by the clock of a
--   time zone.
-- Parameters: since, until, not before since; time_zone.
-- Returns: microseconds.
-- By the calendar where the clock went as time did: no zone's clock was ever changed within business hours and changed
-- back within days. Else day by day.
-- INVOKER: reads nothing.
declare
  local_since constant pg_catalog.timestamp := since at time zone time_zone;
  local_until constant pg_catalog.timestamp := until at time zone time_zone;
begin
  if local_until - local_since = until - since then
    return inboxdb.office_us(local_until) - inboxdb.office_us(local_since);
  end if;
  return (
    select
      coalesce(
        pg_catalog.sum(
          pg_catalog.date_part('epoch', least(until, hours.closing) - greatest(since, hours.opening)) * 1000000
        ), 0
      )::bigint
    from (
      select
        (d.day + time '09:00') at time zone time_zone as opening,
        (d.day + time '17:00') at time zone time_zone as closing
      from (
        select local_since::pg_catalog.date + n as day
        from pg_catalog.generate_series(0, local_until::pg_catalog.date - local_since::pg_catalog.date) as n
      ) as d
      where extract(isodow from d.day) <= 5
        -- a day that a zone skipped has no hours
        and ((d.day + time '09:00') at time zone time_zone at time zone time_zone)::pg_catalog.date = d.day
    ) as hours
    where least(until, hours.closing) > greatest(since, hours.opening)
  );
end
$$;
-- <<< sql/analytics/business_us.sql

-- >>> sql/analytics/window_messages.sql
create or replace function inboxdb.window_messages(
  asked inboxdb.analytics_window, hours_earlier integer default 0, only_direction text default null
)
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
-- Parameters: asked, the window; the caller has checked access; hours_earlier, how long before the window to begin;
--   only_direction, inbound or outbound, null for all.
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
    select (array['user', 'ai', 'campaign', 'unknown'])[1 + inboxdb.sender_number(
      m.source::pg_catalog.text, m."sentBy"::pg_catalog.text, m."sentByUserId"::pg_catalog.text
    )] as sender
  ) as s
  where l."clientId" = asked.client_id
    and (asked.scope = inboxdb.sentinel() or l."assignedToUserId" = asked.scope)
    and m."sentAt" >= inboxdb.host_time(asked.not_before - pg_catalog.make_interval(hours => hours_earlier), m."sentAt")
    and m."sentAt" < inboxdb.host_time(asked.before, m."sentAt")
    and (only_direction is null or m.direction::pg_catalog.text = only_direction);
end
$$;
-- <<< sql/analytics/window_messages.sql

-- >>> sql/analytics/window_replies.sql
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
    inboxdb.business_us(p.before_at, p.sent_at, asked.time_zone)::numeric / 1000
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
  where p.side is not null and p.sent_on is not null and p.sent_at - p.before_at <= interval '168 hours';
end
$$;
-- <<< sql/analytics/window_replies.sql

-- >>> sql/analytics/live_figures.sql
create or replace function inboxdb.live_figures(
  asked inboxdb.analytics_window, figures inboxdb.figure[], by_day boolean
)
returns table (figure inboxdb.figure, day date, word text, n bigint)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: what is counted of a window, from the host's tables: the truth that stored_figures is held to.
-- Parameters: asked, the window; the caller has checked access; figures, which to count;
--   by_day, whether by day, else by word.
-- Returns: n of each figure. day: none of figures of leads that were active, which are leads of the whole window; word:
--   of created the status, of responded the tag, of figures by campaign the SMS campaign; else null.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads and window_messages.
-- INVOKER: called by window_figures only.
begin
  return query
  with
  lead as materialized (
    select l.* from inboxdb.window_leads(asked) as l
  ),

  message as materialized (
    select m.lead_id, m.direction, m.sent_on, pg_catalog.count(*) as n
    from inboxdb.window_messages(
      asked, 0, case when not figures && '{inbound, outbound, contacted}' then 'inbound' end
    ) as m
    where figures && array[
        'inbound', 'outbound', 'contacted', 'responded', 'campaign_responded', 'campaign_positive'
      ]::inboxdb.figure[]
      and m.sent_on is not null and m.direction in ('inbound', 'outbound')
    group by m.lead_id, m.direction, m.sent_on
  ),

  found as (
    select d.figure, d.day, d.word, pg_catalog.count(*) as n
    from lead as l
    cross join lateral (
      values
      ('created', l.created_on, l.status),
      ('campaign_created', l.created_on, l.sms_campaign_id),
      ('booked', l.booked_on, null),
      ('campaign_booked', l.booked_on, l.sms_campaign_id),
      ('kept', case when l.is_kept then l.booked_on end, null)
    ) as d (figure, day, word)
    where d.day is not null
    group by d.figure, d.day, d.word
    union all
    select m.direction, m.sent_on, null, pg_catalog.sum(m.n)
    from message as m
    group by m.direction, m.sent_on
    union all
    select d.figure, null, d.word, pg_catalog.count(*)
    from (select distinct m.lead_id, m.direction from message as m) as a
    inner join lead as l on a.lead_id = l.lead_id
    cross join lateral (
      values
      ('contacted', 'outbound', null, true),
      ('responded', 'inbound', l.sentiment_tag, true),
      ('campaign_responded', 'inbound', l.sms_campaign_id, true),
      ('campaign_positive', 'inbound', l.sms_campaign_id, inboxdb.is_positive(l.sentiment_tag))
    ) as d (figure, direction, word, is_so)
    where a.direction = d.direction and d.is_so
    group by d.figure, d.word
  )

  select
    f.figure::inboxdb.figure, case when by_day then f.day end, case when not by_day then f.word end,
    pg_catalog.sum(f.n)::bigint
  from found as f
  where f.figure::inboxdb.figure = any (figures)
  group by 1, 2, 3;
end
$$;
-- <<< sql/analytics/live_figures.sql

-- >>> sql/analytics/stored_figures.sql
create or replace function inboxdb.stored_figures(
  asked inboxdb.analytics_window, figures inboxdb.figure[], by_day boolean
)
returns table (figure inboxdb.figure, day date, word text, n bigint)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
-- along the key, which has each figure's days together
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: what is counted of a window, from aggregates.
-- Parameters: asked, the window, with the number of the workspace; the caller has checked access; figures, which to
--   count; by_day, as of live_figures.
-- Returns: as live_figures; words of the whole workspace alone.
-- Reads: analytics_count, analytics_word.
-- INVOKER: called by window_figures only.
declare
  asked_key constant bigint := case when asked.scope = inboxdb.sentinel() then 0
    else inboxdb.word_key(asked.scope::pg_catalog.text) end;
  from_month constant pg_catalog.date := pg_catalog.date_trunc('month', asked.from_day::pg_catalog.timestamp);
begin
  return query
  with recursive
  -- Of a figure the days next to which there are rows for this window: a lead that is active again within the window is
  -- one of its next day. From infinity down, a look into the index each; behind today there is none.
  behind as (
    select f.figure, 'infinity'::pg_catalog.date as next_day
    from pg_catalog.unnest(figures) as f (figure)
    union all
    select
      b.figure,
      (
        select c.next_day
        from inboxdb.analytics_count as c
        where c.workspace = asked.number and c.figure = b.figure and c.scope_key = asked_key
          and c.next_day > asked.to_day and c.next_day < b.next_day
        order by c.next_day desc
        limit 1
      )
    from behind as b
    where b.next_day is not null
  )

  select
    s.figure,
    s.day,
    (select w.word from inboxdb.analytics_word as w where w.workspace = asked.number and w.word_key = s.word_key),
    s.n
  from (
    select
      b.figure, case when by_day then d.day end as day, case when not by_day then c.word_key end as word_key,
      pg_catalog.sum(d.n) as n
    from behind as b
    cross join lateral (
      select c.on_month, c.word_key, c.day_counts
      from inboxdb.analytics_count as c
      where c.workspace = asked.number and c.figure = b.figure and c.scope_key = asked_key
        and c.next_day = b.next_day and c.on_month between from_month and asked.to_day
      offset 0
    ) as c
    cross join lateral (
      select c.on_month + (p.packed & 31) - 1 as day, p.packed >> 5 as n
      from pg_catalog.unnest(c.day_counts) as p (packed)
    ) as d
    where d.day between asked.from_day and asked.to_day
    group by 1, 2, 3
  ) as s;
end
$$;
-- <<< sql/analytics/stored_figures.sql

-- >>> sql/analytics/window_figures.sql
create or replace function inboxdb.window_figures(
  asked inboxdb.analytics_window, figures inboxdb.figure[], by_day boolean
)
returns table (figure inboxdb.figure, day date, word text, n bigint)
language plpgsql stable
set search_path = ''
as $$
-- Purpose: what is counted of a window, from where the window is answered.
-- Parameters: as of live_figures.
-- Returns: see there.
-- Errors: those of live_figures.
-- Reads: as stored_figures, or as live_figures.
-- INVOKER: called by our DEFINER functions only.
begin
  if asked.number is not null then
    return query select s.* from inboxdb.stored_figures(asked, figures, by_day) as s;
  else
    return query select l.* from inboxdb.live_figures(asked, figures, by_day) as l;
  end if;
end
$$;
-- <<< sql/analytics/window_figures.sql

-- >>> sql/analytics/reply_sums.sql
create or replace function inboxdb.reply_sums(asked inboxdb.analytics_window)
returns table (side text, n bigint, wait_ms numeric)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the replies of a window, added up, from where the window is answered.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: a row of each side: how many, and the sum of their waits.
-- Errors: those of window_replies.
-- Reads: analytics_reply, or as window_replies.
-- INVOKER: called by overview only.
begin
  if asked.number is null then
    return query
    select r.side, pg_catalog.count(*), pg_catalog.sum(r.wait_ms)
    from inboxdb.window_replies(asked) as r
    group by r.side;
    return;
  end if;
  return query
  select
    case when r.is_ours then 'ours' else 'theirs' end, pg_catalog.sum(r.n), pg_catalog.sum(r.wait_us) / 1000
  from (values (true), (false)) as side (is_ours)
  inner join inboxdb.analytics_reply as r on side.is_ours = r.is_ours
  where r.workspace = asked.number and r.detail = 'day' and r.on_day between asked.from_day and asked.to_day
    and r.scope_key = case when asked.scope = inboxdb.sentinel() then 0
      else inboxdb.word_key(asked.scope::pg_catalog.text) end
  group by r.is_ours;
end
$$;
-- <<< sql/analytics/reply_sums.sql

-- >>> sql/analytics/reply_classes.sql
create or replace function inboxdb.reply_classes(asked inboxdb.analytics_window)
returns table (
  side text, sender text, user_id text, wait_class integer, n bigint, wait_ms numeric, business_ms numeric
)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the replies of a window, added up by who replied and how long it took, from where the window is answered.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: a row of each class of waits; wait_ms and business_ms, sums.
-- Errors: those of window_replies.
-- Reads: analytics_reply, analytics_word; or as window_replies.
-- INVOKER: called by response_times only.
declare
  -- the whole months of the window, from the one until before the other; none where the first is not before
  first_month constant pg_catalog.date := pg_catalog.date_trunc(
    'month', asked.from_day::pg_catalog.timestamp + interval '1 month' - interval '1 day'
  );
  behind_months constant pg_catalog.date := greatest(
    pg_catalog.date_trunc('month', asked.to_day::pg_catalog.timestamp + interval '1 day')::pg_catalog.date, first_month
  );
begin
  if asked.number is null then
    return query
    select
      r.side, r.sender, r.user_id, inboxdb.wait_class(r.wait_ms), pg_catalog.count(*), pg_catalog.sum(r.wait_ms),
      pg_catalog.sum(r.business_ms)
    from inboxdb.window_replies(asked) as r
    group by r.side, r.sender, r.user_id, inboxdb.wait_class(r.wait_ms);
    return;
  end if;
  return query
  select
    case when s.is_ours then 'ours' else 'theirs' end,
    case
      when s.sender_key between 1 and 4 then (array['ai', 'campaign', 'unknown', 'lead'])[s.sender_key]
      else 'user'
    end,
    w.word,
    s.wait_class::integer,
    s.n::bigint,
    s.wait_us / 1000,
    s.business_us / 1000
  from (
    select
      r.is_ours, r.sender_key, r.wait_class, pg_catalog.sum(r.n) as n, pg_catalog.sum(r.wait_us) as wait_us,
      pg_catalog.sum(r.business_us) as business_us
    from (
      values
      ('sender_month'::inboxdb.reply_detail, first_month, behind_months),
      ('sender_day', asked.from_day, least(first_month, asked.to_day + 1)),
      ('sender_day', greatest(behind_months, asked.from_day), asked.to_day + 1)
    ) as part (detail, since, until)
    cross join (values (true), (false)) as side (is_ours)
    cross join lateral (
      select r.*
      from inboxdb.analytics_reply as r
      where r.workspace = asked.number and r.scope_key = 0 and r.detail = part.detail and r.is_ours = side.is_ours
        and r.on_day >= part.since and r.on_day < part.until
      offset 0
    ) as r
    group by r.is_ours, r.sender_key, r.wait_class
  ) as s
  left join inboxdb.analytics_word as w on w.workspace = asked.number and s.sender_key = w.word_key;
end
$$;
-- <<< sql/analytics/reply_classes.sql

-- >>> sql/analytics/overview.sql
create or replace function inboxdb.overview(asked inboxdb.analytics_window) returns jsonb
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the overview of a window.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an object: see docs/contracts.md.
-- Errors: those of window_figures.
-- Reads: as window_figures and reply_sums.
-- INVOKER: called by read_analytics_overview only.
begin
  return (
    select pg_catalog.jsonb_build_object(
      'leads_created', f.created,
      'contacted', f.contacted,
      'responses', f.responded,
      'response_rate', f.responded::double precision / nullif(f.contacted, 0),
      'meetings_booked', f.booked,
      'meetings_kept', f.kept,
      'our_response_ms', r.ours_ms,
      'our_response_samples', r.ours,
      'their_response_ms', r.theirs_ms,
      'their_response_samples', r.theirs
    )
    from (
      select
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'created'), 0) as created,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'booked'), 0) as booked,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'kept'), 0) as kept,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'contacted'), 0) as contacted,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'responded'), 0) as responded
      from inboxdb.window_figures(asked, '{created, booked, kept, contacted, responded}', false) as f
    ) as f
    cross join (
      select
        coalesce(pg_catalog.sum(c.n) filter (where c.side = 'ours'), 0) as ours,
        coalesce(pg_catalog.sum(c.n) filter (where c.side = 'theirs'), 0) as theirs,
        (
          pg_catalog.sum(c.wait_ms) filter (where c.side = 'ours') / pg_catalog.sum(c.n) filter (where c.side = 'ours')
        )::double precision as ours_ms,
        (
          pg_catalog.sum(c.wait_ms) filter (where c.side = 'theirs')
          / pg_catalog.sum(c.n) filter (where c.side = 'theirs')
        )::double precision as theirs_ms
      from inboxdb.reply_sums(asked) as c
    ) as r
  );
end
$$;
-- <<< sql/analytics/overview.sql

-- >>> sql/analytics/days.sql
create or replace function inboxdb.days(asked inboxdb.analytics_window) returns jsonb
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the days of a window.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects, one of each day in order: see docs/contracts.md.
-- Errors: those of window_figures.
-- Reads: as window_figures.
-- INVOKER: called by read_analytics_days only.
begin
  return (
    select pg_catalog.jsonb_agg(
      pg_catalog.jsonb_build_object(
        'day', d.day, 'inbound', d.inbound, 'outbound', d.outbound, 'leads_created', d.created,
        'meetings_booked', d.booked
      ) order by d.day
    )
    from (
      select
        each_day.day,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'inbound'), 0) as inbound,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'outbound'), 0) as outbound,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'created'), 0) as created,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'booked'), 0) as booked
      from (
        select asked.from_day + n as day
        from pg_catalog.generate_series(0, asked.to_day - asked.from_day) as n
      ) as each_day
      left join inboxdb.window_figures(asked, '{inbound, outbound, created, booked}', true) as f on each_day.day = f.day
      group by each_day.day
    ) as d
  );
end
$$;
-- <<< sql/analytics/days.sql

-- >>> sql/analytics/sentiments.sql
create or replace function inboxdb.sentiments(asked inboxdb.analytics_window) returns jsonb
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the responders of a window by their present tag.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects, most responders first: see docs/contracts.md.
-- Errors: those of window_figures.
-- Reads: as window_figures.
-- INVOKER: called by read_analytics_sentiments only.
begin
  return (
    select coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'sentiment_tag', t.tag, 'responses', t.responses, 'share', t.responses::double precision / t.in_all
        ) order by t.responses desc, t.tag collate "C" nulls last
      ), '[]'
    )
    from (
      select
        nullif(f.word, 'New') as tag,
        pg_catalog.sum(f.n) as responses,
        pg_catalog.sum(pg_catalog.sum(f.n)) over () as in_all
      from inboxdb.window_figures(asked, '{responded}', false) as f
      group by nullif(f.word, 'New')
    ) as t
  );
end
$$;
-- <<< sql/analytics/sentiments.sql

-- >>> sql/analytics/statuses.sql
create or replace function inboxdb.statuses(asked inboxdb.analytics_window) returns jsonb
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the leads created in a window by their present status.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects, most leads first: see docs/contracts.md.
-- Errors: those of window_figures.
-- Reads: as window_figures.
-- INVOKER: called by read_analytics_statuses only.
begin
  return (
    select coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object('status', s.status, 'leads_created', s.created)
        order by s.created desc, s.status collate "C"
      ), '[]'
    )
    from (
      select f.word as status, pg_catalog.sum(f.n) as created
      from inboxdb.window_figures(asked, '{created}', false) as f
      group by f.word
    ) as s
  );
end
$$;
-- <<< sql/analytics/statuses.sql

-- >>> sql/analytics/sms_campaigns.sql
create or replace function inboxdb.sms_campaigns(asked inboxdb.analytics_window) returns jsonb
language plpgsql stable
set search_path = ''
set row_security = off
as $$
-- Purpose: a window by SMS campaign. Campaigns of other workspaces have no name here.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects by name, of campaigns with any figure, and of leads without: see docs/contracts.md.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_figures; "SmsCampaign".
-- INVOKER: called by read_analytics_sms_campaigns only.
begin
  return (
    select coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'sms_campaign_id', c.sms_campaign_id, 'name', c.name, 'leads_created', c.created, 'responses', c.responses,
          'positive_responses', c.positive, 'meetings_booked', c.booked
        ) order by c.name collate "C" nulls last, c.sms_campaign_id collate "C" nulls last
      ), '[]'
    )
    from (
      select
        g.*,
        (
          select s.name::pg_catalog.text
          from public."SmsCampaign" as s
          where s.id::pg_catalog.text = g.sms_campaign_id
            -- null for a campaign of nobody's, and where the host has no such column
            and coalesce((pg_catalog.to_jsonb(s) ->> 'clientId') = asked.client_id::pg_catalog.text, true)
        ) as name
      from (
        select
          f.word as sms_campaign_id,
          coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'campaign_created'), 0) as created,
          coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'campaign_responded'), 0) as responses,
          coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'campaign_positive'), 0) as positive,
          coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'campaign_booked'), 0) as booked
        from inboxdb.window_figures(
          asked, '{campaign_created, campaign_responded, campaign_positive, campaign_booked}', false
        ) as f
        group by f.word
      ) as g
      where g.created + g.responses + g.booked > 0
    ) as c
  );
end
$$;
-- <<< sql/analytics/sms_campaigns.sql

-- >>> sql/analytics/response_times.sql
create or replace function inboxdb.response_times(asked inboxdb.analytics_window) returns jsonb
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the replies of a window by who replied.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects, by side, then most replies first: see docs/contracts.md.
-- Errors: those of reply_classes.
-- Reads: as reply_classes.
-- INVOKER: called by read_analytics_response_times only.
begin
  return (
    with ranked as (
      -- replies as quick as the class, or quicker
      select
        c.*,
        pg_catalog.sum(c.n) over (partition by c.side, c.sender, c.user_id order by c.wait_class) as reached,
        pg_catalog.sum(c.n) over (partition by c.side, c.sender, c.user_id) as in_all
      from inboxdb.reply_classes(asked) as c
    )

    select coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'side', w.side, 'sender', w.sender, 'user_id', w.user_id, 'replies', w.n, 'mean_ms', w.mean_ms,
          'p50_ms', inboxdb.class_ms(w.p50), 'p90_ms', inboxdb.class_ms(w.p90), 'p95_ms', inboxdb.class_ms(w.p95),
          'business_mean_ms', w.business_mean_ms
        ) order by w.side, w.n desc, w.sender, w.user_id collate "C"
      ), '[]'
    )
    from (
      select
        r.side,
        r.sender,
        r.user_id,
        pg_catalog.sum(r.n) as n,
        (pg_catalog.sum(r.wait_ms) / pg_catalog.sum(r.n))::double precision as mean_ms,
        (pg_catalog.sum(r.business_ms) / pg_catalog.sum(r.n))::double precision as business_mean_ms,
        -- the class in which the share is reached
        pg_catalog.min(r.wait_class) filter (where r.reached * 100 >= r.in_all * 50) as p50,
        pg_catalog.min(r.wait_class) filter (where r.reached * 100 >= r.in_all * 90) as p90,
        pg_catalog.min(r.wait_class) filter (where r.reached * 100 >= r.in_all * 95) as p95
      from ranked as r
      group by r.side, r.sender, r.user_id
    ) as w
  );
end
$$;
-- <<< sql/analytics/response_times.sql

-- >>> sql/analytics/lead_counts.sql
create or replace function inboxdb.lead_counts(facts inboxdb.lead_fact[], time_zone text)
returns table (
  figure inboxdb.figure, scope_key bigint, day date, next_day date, word_key bigint, n integer
)
language plpgsql immutable
set search_path = ''
set jit = off
as $$
-- Purpose: what leads add to analytics_count, defined here alone; the live definitions are its truth.
-- Parameters: facts, of leads; time_zone, of the days.
-- Returns: figures by day, as analytics_count has them by month; several of a key.
-- INVOKER: called by add_figures only.
declare
  positive_keys constant bigint[] := array(
    select inboxdb.word_key(t.tag) from pg_catalog.unnest(inboxdb.positive_tags()) as t (tag)
  );
begin
  return query
  with
  lead as (
    select f.*
    from pg_catalog.unnest(facts) with ordinality as f (
      created_at, booked_at, status_key, tag_key, campaign_key, user_key, workspace, is_kept, lead_key, sent_at, info,
      senders, place
    )
  ),

  active as (
    select
      a.*,
      coalesce(
        pg_catalog.lead(a.day) over (partition by a.place, a.is_inbound order by a.day), 'infinity'::pg_catalog.date
      ) as next_day
    from (
      select
        l.place, l.user_key, l.tag_key, l.campaign_key, m.info & 3 = 1 as is_inbound,
        inboxdb.local_day(m.sent_at, time_zone) as day, pg_catalog.count(*)::integer as n
      from lead as l
      cross join lateral rows from (pg_catalog.unnest(l.sent_at), pg_catalog.unnest(l.info)) as m (sent_at, info)
      where m.info & 3 <> 0
      group by l.place, l.user_key, l.tag_key, l.campaign_key, m.info & 3 = 1, inboxdb.local_day(m.sent_at, time_zone)
    ) as a
    where a.day is not null
  ),

  added as (
    select
      case when a.is_inbound then 'inbound' else 'outbound' end as figure, a.user_key, a.day,
      'infinity'::pg_catalog.date as next_day, 0::bigint as word_key, a.n
    from active as a
    union all
    select d.figure, a.user_key, a.day, a.next_day, d.word_key, 1
    from active as a
    cross join lateral (
      select 'contacted' as figure, 0 as word_key where not a.is_inbound
      union all
      select 'responded', a.tag_key where a.is_inbound
      union all
      select 'campaign_responded', a.campaign_key where a.is_inbound
      union all
      select 'campaign_positive', a.campaign_key where a.is_inbound and a.tag_key = any (positive_keys)
    ) as d
    union all
    select d.figure, l.user_key, d.day, 'infinity', d.word_key, 1
    from lead as l
    cross join lateral (
      values
      ('created', inboxdb.local_day(l.created_at, time_zone), l.status_key),
      ('campaign_created', inboxdb.local_day(l.created_at, time_zone), l.campaign_key),
      ('booked', inboxdb.local_day(l.booked_at, time_zone), 0),
      ('campaign_booked', inboxdb.local_day(l.booked_at, time_zone), l.campaign_key),
      ('kept', case when l.is_kept then inboxdb.local_day(l.booked_at, time_zone) end, 0)
    ) as d (figure, day, word_key)
    where d.day is not null
  )

  -- each lead is one of the whole workspace, and without words one of its user
  select a.figure::inboxdb.figure, s.scope_key, a.day, a.next_day, s.word_key, a.n
  from added as a
  cross join lateral (
    select 0::bigint as scope_key, a.word_key
    union all
    select a.user_key, 0 where a.user_key <> 0 and a.figure not like 'campaign%'
  ) as s;
end
$$;
-- <<< sql/analytics/lead_counts.sql

-- >>> sql/analytics/lead_replies.sql
create or replace function inboxdb.lead_replies(facts inboxdb.lead_fact[], time_zone text)
returns table (
  scope_key bigint, detail inboxdb.reply_detail, is_ours boolean, day date, sender_key bigint, wait_class smallint,
  n integer, wait_us bigint, business_us bigint
)
language plpgsql immutable
set search_path = ''
set jit = off
as $$
-- Purpose: what leads add to analytics_reply, defined here alone; the live window_replies is its truth.
-- Parameters: facts, of leads; time_zone, of the days and of business hours.
-- Returns: rows as of analytics_reply, several of a key.
-- INVOKER: called by add_figures only.
begin
  return query
  with
  message as (
    select
      f.place, f.user_key, f.senders, m.sent_at, m.info, m.number, m.info & 3 as direction, m.info & -16 as channel,
      -- 0 is the user
      pg_catalog.sum((m.info & 12 = 0)::integer) over (partition by f.place order by m.number) as sender_number
    from pg_catalog.unnest(facts) with ordinality as f (
      created_at, booked_at, status_key, tag_key, campaign_key, user_key, workspace, is_kept, lead_key, sent_at, info,
      senders, place
    )
    cross join lateral
      rows from (pg_catalog.unnest(f.sent_at), pg_catalog.unnest(f.info)) with ordinality as m (sent_at, info, number)
  ),

  pair as (
    select
      m.*,
      pg_catalog.lag(m.direction) over in_order as direction_before,
      pg_catalog.lag(m.sent_at) over in_order as before_at
    from message as m
    window in_order as (partition by m.place, m.channel order by m.number)
  ),

  reply as materialized (
    select
      p.user_key,
      p.direction = 2 as is_ours,
      inboxdb.local_day(p.sent_at, time_zone) as day,
      case
        when p.direction = 1 then 4
        when p.info & 12 = 0 then p.senders[p.sender_number]
        else (p.info & 12) >> 2
      end as sender_key,
      (pg_catalog.date_part('epoch', p.sent_at - p.before_at) * 1000000)::bigint as wait_us,
      inboxdb.business_us(p.before_at, p.sent_at, time_zone) as business_us
    from pair as p
    where p.direction + p.direction_before = 3 and p.sent_at - p.before_at <= interval '168 hours'
  )

  select
    d.scope_key, d.detail, r.is_ours, d.day, case when d.detail <> 'day' then r.sender_key else 0 end,
    case when d.detail <> 'day' then inboxdb.wait_class(r.wait_us::numeric / 1000) else 0 end::smallint, 1, r.wait_us,
    r.business_us
  from reply as r
  cross join lateral (
    select 0::bigint as scope_key, v.detail, v.day
    from (
      values
      ('day'::inboxdb.reply_detail, r.day),
      ('sender_day', r.day),
      ('sender_month', pg_catalog.date_trunc('month', r.day::pg_catalog.timestamp)::pg_catalog.date)
    ) as v (detail, day)
    union all
    select r.user_key, 'day', r.day where r.user_key <> 0
  ) as d
  where r.day is not null;
end
$$;
-- <<< sql/analytics/lead_replies.sql

-- >>> sql/analytics/facts_now.sql
create or replace function inboxdb.facts_now(
  target_number integer, target_client_id inboxdb.client_id, lead_ids inboxdb.lead_id[],
  remembered inboxdb.lead_fact[]
)
returns setof inboxdb.lead_fact
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
-- a policy hiding a lead or a message would take it for gone: raise instead (D37)
set row_security = off
-- by key, however many leads there are (D8, D9)
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: what is to be remembered of leads, from the host's tables as they are now.
-- Parameters: target_number and target_client_id, the workspace; lead_ids; remembered, of each lead the fact whose
--   messages are still right, null where messages are to be read: a tag's change reads no messages.
-- Returns: a fact of each lead that the workspace has.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Lead", "Message".
-- INVOKER: called by compare_facts only.
declare
  -- a reply of the first day that is kept answers a message of 7 days before
  kept_since constant pg_catalog.timestamptz := inboxdb.kept_from()::pg_catalog.timestamp at time zone 'UTC'
    - interval '9 days';
begin
  return query
  select
    l.created_at, l.booked_at, l.status_key, l.tag_key, l.campaign_key, l.user_key, target_number, l.is_kept,
    inboxdb.id_key(u.lead_id), coalesce(r.sent_at, m.sent_at, '{}'), coalesce(r.info, m.info, '{}'),
    coalesce(r.senders, m.senders, '{}')
  from rows from (pg_catalog.unnest(lead_ids), pg_catalog.unnest(remembered)) as u (
    lead_id, created_at, booked_at, status_key, tag_key, campaign_key, user_key, workspace, is_kept, lead_key, sent_at,
    info, senders
  )
  cross join lateral (
    select
      case when inboxdb.utc(h."createdAt") >= kept_since then inboxdb.utc(h."createdAt") else 'infinity' end
        as created_at,
      case when inboxdb.utc(h."appointmentBookedAt") >= kept_since then inboxdb.utc(h."appointmentBookedAt")
        else 'infinity' end as booked_at,
      h."appointmentStatus"::pg_catalog.text is distinct from 'canceled' and h."appointmentCanceledAt" is null
        as is_kept,
      inboxdb.word_key(h.status::pg_catalog.text) as status_key,
      inboxdb.word_key(h."sentimentTag"::pg_catalog.text) as tag_key,
      inboxdb.word_key(h."smsCampaignId"::pg_catalog.text) as campaign_key,
      inboxdb.word_key(
        nullif(h."assignedToUserId"::pg_catalog.text, inboxdb.sentinel()::pg_catalog.text)
      ) as user_key
    from public."Lead" as h
    where h.id = u.lead_id and h."clientId" = target_client_id
    offset 0
  ) as l
  left join lateral (select u.sent_at, u.info, u.senders where u.sent_at is not null) as r on true
  left join lateral (
    select
      pg_catalog.array_agg(s.sent_at) as sent_at,
      pg_catalog.array_agg(s.info) as info,
      pg_catalog.array_agg(s.sender_key) filter (where s.info & 12 = 0) as senders
    from (
      select
        inboxdb.utc(g."sentAt") as sent_at,
        pg_catalog.hashtext(g.channel::pg_catalog.text collate "C") & -16
        | case g.direction::pg_catalog.text when 'inbound' then 1 when 'outbound' then 2 else 0 end
        | 4 * inboxdb.sender_number(
          g.source::pg_catalog.text, g."sentBy"::pg_catalog.text, g."sentByUserId"::pg_catalog.text
        ) as info,
        inboxdb.word_key(g."sentByUserId"::pg_catalog.text) as sender_key
      from public."Message" as g
      where u.sent_at is null
        and g."leadId" = u.lead_id
        and pg_catalog.isfinite(g."sentAt")
        and inboxdb.utc(g."sentAt") >= kept_since
      order by g."sentAt", g.id::pg_catalog.text collate "C"
    ) as s
  ) as m on true;
end
$$;
-- <<< sql/analytics/facts_now.sql

-- >>> sql/analytics/learn_words.sql
create or replace function inboxdb.learn_words(target_number integer, lead_ids inboxdb.lead_id[]) returns void
language plpgsql volatile
set search_path = ''
set row_security = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: remember what the keys of leads stand for.
-- Parameters: target_number, of the workspace; lead_ids, of leads with a key not yet known.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Lead", "Message". Writes: analytics_word.
-- INVOKER: called by compare_facts only, under the workspace's lock.
begin
  insert into inboxdb.analytics_word (word_key, workspace, word)
  select distinct inboxdb.word_key(w.word), target_number, w.word
  from pg_catalog.unnest(lead_ids) as u (lead_id)
  cross join lateral (
    select v.word
    from public."Lead" as l
    cross join lateral (
      values
      (l.status::pg_catalog.text), (l."sentimentTag"::pg_catalog.text), (l."smsCampaignId"::pg_catalog.text)
    ) as v (word)
    where l.id = u.lead_id
    union all
    select m."sentByUserId"::pg_catalog.text from public."Message" as m where m."leadId" = u.lead_id
  ) as w
  where w.word is not null
  on conflict do nothing;
end
$$;
-- <<< sql/analytics/learn_words.sql

-- >>> sql/analytics/cut_messages.sql
create or replace function inboxdb.cut_messages(inout gone inboxdb.lead_fact, inout come inboxdb.lead_fact)
language plpgsql immutable
set search_path = ''
as $$
-- Purpose: take out of a lead's facts the messages that add the same before and after: all that come before the first
--   that differs, but for the last of each direction and channel, because pairs and replies go on from them.
-- Parameters: gone and come, the facts of a lead of the same user before and after.
-- Returns: facts whose figures differ by as much as those of the whole facts. The users who sent what is left of the
--   messages before are 0 in both.
-- INVOKER: called by cut_facts only.
declare
  same integer := 0;
  too_many integer := least(pg_catalog.cardinality(gone.info), pg_catalog.cardinality(come.info)) + 1;
  middle integer;
  last_numbers integer[];
  sent_by_users integer;
  last_at pg_catalog.timestamptz[];
  last_info integer[];
  last_senders bigint[];
begin
  while same + 1 < too_many loop
    middle := (same + too_many) / 2;
    if gone.sent_at[same + 1:middle] = come.sent_at[same + 1:middle]
      and gone.info[same + 1:middle] = come.info[same + 1:middle]
    then
      same := middle;
    else
      too_many := middle;
    end if;
  end loop;
  select
    pg_catalog.array_agg(l.number order by l.number),
    coalesce(pg_catalog.sum(l.sent_by_users), 0)
  into last_numbers, sent_by_users
  from (
    select
      pg_catalog.max(m.number) as number,
      -- 0 is the user
      pg_catalog.count(*) filter (where m.info & 12 = 0) as sent_by_users
    from pg_catalog.unnest(gone.info[:same]) with ordinality as m (info, number)
    group by m.info & 3, m.info & -16
  ) as l;
  -- not where a message is now another user's, because the arrays no longer tell from which message on
  if gone.senders[:sent_by_users] = come.senders[:sent_by_users] then
    select
      pg_catalog.array_agg(gone.sent_at[k.number] order by k.number),
      pg_catalog.array_agg(gone.info[k.number] order by k.number),
      pg_catalog.array_agg(0::bigint) filter (where gone.info[k.number] & 12 = 0)
    into last_at, last_info, last_senders
    from pg_catalog.unnest(last_numbers) as k (number);
    gone.sent_at := last_at || gone.sent_at[same + 1:];
    come.sent_at := last_at || come.sent_at[same + 1:];
    gone.info := last_info || gone.info[same + 1:];
    come.info := last_info || come.info[same + 1:];
    gone.senders := last_senders || gone.senders[sent_by_users + 1:];
    come.senders := last_senders || come.senders[sent_by_users + 1:];
  end if;
end
$$;
-- <<< sql/analytics/cut_messages.sql

-- >>> sql/analytics/cut_facts.sql
create or replace function inboxdb.cut_facts(
  gone inboxdb.lead_fact[], come inboxdb.lead_fact[],
  out gone_counts inboxdb.lead_fact[], out come_counts inboxdb.lead_fact[],
  out gone_replies inboxdb.lead_fact[], out come_replies inboxdb.lead_fact[]
)
language plpgsql immutable
set search_path = ''
set jit = off
as $$
-- Purpose: cut leads' facts down to what adds otherwise than before, so that one more message of a lead costs one
--   message, however many the lead has.
-- Parameters: gone and come, the facts of leads before and after.
-- Returns: the same leads, those with many messages cut: for counts, where its tag and campaign are the same, and for
--   replies, which neither is of.
-- INVOKER: called by add_figures only.
declare
  -- cutting fewer messages costs more than adding them up
  most constant integer := 16;
begin
  if not exists (select from pg_catalog.unnest(gone) as g where pg_catalog.cardinality(g.info) > most) then
    gone_counts := gone;
    come_counts := come;
    gone_replies := gone;
    come_replies := come;
    return;
  end if;
  select
    coalesce(pg_catalog.array_agg(case when d.are_cut then d.less_gone else d.gone end) filter (where d.was), '{}'),
    coalesce(pg_catalog.array_agg(case when d.are_cut then d.less_come else d.come end) filter (where d.is), '{}'),
    coalesce(pg_catalog.array_agg(coalesce(d.less_gone, d.gone)) filter (where d.was), '{}'),
    coalesce(pg_catalog.array_agg(coalesce(d.less_come, d.come)) filter (where d.is), '{}')
  into gone_counts, come_counts, gone_replies, come_replies
  from (
    select
      g as gone,
      c as come,
      less.gone as less_gone,
      less.come as less_come,
      less.gone is not null and (g.tag_key, g.campaign_key) = (c.tag_key, c.campaign_key) as are_cut,
      g.lead_key is not null as was,
      c.lead_key is not null as is
    from pg_catalog.unnest(gone) as g
    full join pg_catalog.unnest(come) as c on g.lead_key = c.lead_key
    left join lateral inboxdb.cut_messages(g, c) as less
      on pg_catalog.cardinality(g.info) > most and g.user_key = c.user_key
  ) as d;
end
$$;
-- <<< sql/analytics/cut_facts.sql

-- >>> sql/analytics/add_figures.sql
create or replace function inboxdb.add_figures(
  target_number integer, time_zone text, gone inboxdb.lead_fact[], come inboxdb.lead_fact[],
  out counted bigint, out replies bigint
)
language plpgsql volatile
set search_path = ''
set jit = off
as $$
-- Purpose: subtract from aggregates what leads added before, and add what they add now.
-- Parameters: target_number, of the workspace; time_zone, of all its days; gone and come, the facts of leads as they
--   were remembered, and as they are to be.
-- Returns: by how much the sums of analytics_count and of analytics_reply moved.
-- Errors: IB014 where a sum would fall below zero, because facts or aggregates were lost; 22003 where one would be
--   above what analytics_count.day_counts can hold.
-- Writes: analytics_count, analytics_reply.
-- INVOKER: called by compare_facts only, under the workspace's lock.
declare
  cut constant pg_catalog.record := inboxdb.cut_facts(gone, come);
  count_rows inboxdb.analytics_count[] := array(
    select
      (
        m.scope_key, m.word_key, target_number, m.figure, m.day - m.day_of_month + 1, m.next_day,
        pg_catalog.array_agg((m.n * 32 + m.day_of_month)::integer order by m.day)
      )::inboxdb.analytics_count
    from (
      select
        d.figure, d.scope_key, d.day, d.next_day, d.word_key,
        pg_catalog.date_part('day', d.day)::integer as day_of_month, pg_catalog.sum(d.n) as n
      from (
        select c.figure, c.scope_key, c.day, c.next_day, c.word_key, c.n
        from inboxdb.lead_counts(cut.come_counts, time_zone) as c
        union all
        select c.figure, c.scope_key, c.day, c.next_day, c.word_key, -c.n
        from inboxdb.lead_counts(cut.gone_counts, time_zone) as c
      ) as d
      group by d.figure, d.scope_key, d.day, d.next_day, d.word_key
      having pg_catalog.sum(d.n) <> 0
    ) as m
    group by m.figure, m.scope_key, m.day - m.day_of_month + 1, m.next_day, m.word_key
    -- as in the key, so that neighbours are written together
    order by m.figure, m.scope_key, m.next_day, m.day - m.day_of_month + 1, m.word_key
  );
  reply_rows inboxdb.analytics_reply[] := array(
    select
      (
        d.scope_key, d.sender_key, pg_catalog.sum(d.wait_us), pg_catalog.sum(d.business_us), target_number, d.day,
        pg_catalog.sum(d.n), d.wait_class, d.is_ours, d.detail
      )::inboxdb.analytics_reply
    from (
      select r.scope_key, r.detail, r.is_ours, r.day, r.sender_key, r.wait_class, r.n, r.wait_us, r.business_us
      from inboxdb.lead_replies(cut.come_replies, time_zone) as r
      union all
      select r.scope_key, r.detail, r.is_ours, r.day, r.sender_key, r.wait_class, -r.n, -r.wait_us, -r.business_us
      from inboxdb.lead_replies(cut.gone_replies, time_zone) as r
    ) as d
    group by d.scope_key, d.detail, d.is_ours, d.day, d.sender_key, d.wait_class
    having (pg_catalog.sum(d.n), pg_catalog.sum(d.wait_us), pg_catalog.sum(d.business_us)) <> (0, 0, 0)
  );
  does_fit boolean;
  empty pg_catalog.tid[];
begin
  with
  put as (
    insert into inboxdb.analytics_count as c
    select d.* from pg_catalog.unnest(count_rows) as d
    on conflict (workspace, figure, scope_key, next_day, on_month, word_key)
    do update
    set
      day_counts = array(
        select (pg_catalog.sum(d.packed >> 5) * 32 + (d.packed & 31))::integer
        from pg_catalog.unnest(c.day_counts || excluded.day_counts) as d (packed)
        group by d.packed & 31
        having pg_catalog.sum(d.packed >> 5) <> 0
        order by d.packed & 31
      )
    returning c.day_counts, c.ctid
  )
  select
    coalesce(pg_catalog.bool_and(0 < all (p.day_counts)), true),
    pg_catalog.array_agg(p.ctid) filter (where pg_catalog.cardinality(p.day_counts) = 0)
  into does_fit, empty
  from put as p;
  -- by place, because a planner without statistics would read all rows of the workspace for the few empty ones
  delete from inboxdb.analytics_count as c where c.ctid = any (empty);

  with
  put as (
    insert into inboxdb.analytics_reply as r
    select d.* from pg_catalog.unnest(reply_rows) as d
    on conflict (workspace, scope_key, detail, is_ours, on_day, sender_key, wait_class)
    do update
    set
      n = r.n + excluded.n,
      wait_us = r.wait_us + excluded.wait_us,
      business_us = r.business_us + excluded.business_us
    returning r.n, r.ctid
  )
  select does_fit and coalesce(pg_catalog.bool_and(p.n >= 0), true), pg_catalog.array_agg(p.ctid) filter (where p.n = 0)
  into does_fit, empty
  from put as p;
  delete from inboxdb.analytics_reply as r where r.ctid = any (empty);

  if not does_fit then
    raise exception using
      errcode = 'IB014',
      message = 'the changes of a workspace do not fit its aggregates of analytics',
      detail = 'A sum would fall below zero. Nothing was changed.',
      hint = 'The workspace''s aggregates are built anew by the drain.';
  end if;
  counted := coalesce(
    (
      select pg_catalog.sum(d.packed >> 5)
      from pg_catalog.unnest(count_rows) as c
      cross join lateral pg_catalog.unnest(c.day_counts) as d (packed)
    ),
    0
  );
  replies := coalesce((select pg_catalog.sum(d.n) from pg_catalog.unnest(reply_rows) as d), 0);
end
$$;
-- <<< sql/analytics/add_figures.sql

-- >>> sql/analytics/compare_facts.sql
create or replace function inboxdb.compare_facts(
  target_number integer, target_client_id inboxdb.client_id, time_zone text, lead_ids inboxdb.lead_id[],
  reads_messages boolean[]
)
returns boolean
language plpgsql volatile
set search_path = ''
-- by key, however many leads and dead rows there are (D8, D9); facts before and now are merged, because a nested loop
-- over a thousand of each takes as long as adding them up
set enable_seqscan = off
set enable_hashjoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: look at leads, and bring lead_fact and the aggregates up to date with them: aggregates are the sums over
--   lead_fact before and after. Only what differs is written.
-- Parameters: target_number, target_client_id and time_zone, of the workspace; lead_ids, each once; reads_messages, of
--   each, whether its messages may be others. A lead that the workspace no longer has is forgotten. The caller took the
--   workspace's lock in an EARLIER statement (D14).
-- Returns: whether anything differed.
-- Errors: those of facts_now and add_figures.
-- Reads: facts_now. Writes: lead_fact, analytics_workspace; as learn_words and add_figures.
-- INVOKER: called by fold_analytics, walk_analytics and recompute_analytics only.
declare
  gone inboxdb.lead_fact[];
  come inboxdb.lead_fact[];
  unknown_ids inboxdb.lead_id[];
  lost_keys pg_catalog.bytea[];
begin
  -- ONE statement, so one snapshot
  with
  asked as materialized (
    select u.lead_id, inboxdb.id_key(u.lead_id) as lead_key, f.fact, u.reads_messages
    from rows from (pg_catalog.unnest(lead_ids), pg_catalog.unnest(compare_facts.reads_messages))
      as u (lead_id, reads_messages)
    left join lateral (
      select f as fact
      from inboxdb.lead_fact as f
      where f.workspace = target_number and f.lead_key = inboxdb.id_key(u.lead_id)
      offset 0
    ) as f on true
  ),
  arrays as (
    select
      pg_catalog.array_agg(a.lead_id) as lead_ids,
      pg_catalog.array_agg(case when not a.reads_messages then a.fact end) as remembered
    from asked as a
  ),
  now as materialized (
    select n
    from arrays as r
    cross join lateral inboxdb.facts_now(target_number, target_client_id, r.lead_ids, r.remembered) as n
  ),
  differing as (
    select a.lead_id, a.fact, w.n
    from asked as a
    left join now as w on a.lead_key = (w.n).lead_key
    where a.fact is distinct from w.n
  )
  select
    coalesce(pg_catalog.array_agg(d.fact) filter (where (d.fact).lead_key is not null), '{}'),
    coalesce(pg_catalog.array_agg(d.n) filter (where (d.n).lead_key is not null), '{}'),
    pg_catalog.array_agg(d.lead_id) filter (
      where exists (
        select
        from (
          select (d.n).status_key as word_key
          union all
          select (d.n).tag_key
          union all
          select (d.n).campaign_key
          union all
          select pg_catalog.unnest((d.n).senders)
        ) as k
        where k.word_key <> 0
          and (
            select true
            from inboxdb.analytics_word as w
            where w.workspace = target_number and w.word_key = k.word_key
          ) is null
      )
    ),
    pg_catalog.array_agg((d.fact).lead_key) filter (where (d.n).lead_key is null)
  into gone, come, unknown_ids, lost_keys
  from differing as d;
  if pg_catalog.cardinality(gone) + pg_catalog.cardinality(come) = 0 then
    return false;
  end if;

  perform inboxdb.checkpoint('facts compared', target_client_id::pg_catalog.text);
  if unknown_ids is not null then
    perform inboxdb.learn_words(target_number, unknown_ids);
  end if;
  delete from inboxdb.lead_fact as f where f.workspace = target_number and f.lead_key = any (lost_keys);
  insert into inboxdb.lead_fact as f
  select c.* from pg_catalog.unnest(come) as c
  on conflict (workspace, lead_key) do update
  set
    created_at = excluded.created_at, booked_at = excluded.booked_at, status_key = excluded.status_key,
    tag_key = excluded.tag_key, campaign_key = excluded.campaign_key, user_key = excluded.user_key,
    is_kept = excluded.is_kept, sent_at = excluded.sent_at, info = excluded.info, senders = excluded.senders;
  update inboxdb.analytics_workspace as w
  set
    leads = w.leads + pg_catalog.cardinality(come) - pg_catalog.cardinality(gone),
    counted = w.counted + a.counted,
    replies = w.replies + a.replies
  from inboxdb.add_figures(target_number, compare_facts.time_zone, gone, come) as a
  where w.number = target_number;
  return true;
end
$$;
-- <<< sql/analytics/compare_facts.sql

-- >>> sql/analytics/try_lock_analytics.sql
create or replace function inboxdb.try_lock_analytics(target_client_id inboxdb.client_id) returns boolean
language sql volatile
set search_path = ''
as $$
  -- Purpose: lock a workspace's aggregates for this transaction, without waiting: in a statement of its own, before the
  --   statement reading leads (D14). Refreshes of counts have another lock, and neither waits for the other.
  -- Parameters: target_client_id.
  -- Returns: whether they were free.
  -- INVOKER: an advisory lock, see lock_class.
  select pg_catalog.pg_try_advisory_xact_lock(
    inboxdb.lock_class('analytics'), pg_catalog.hashtext(target_client_id::pg_catalog.text)
  )
$$;
-- <<< sql/analytics/try_lock_analytics.sql

-- >>> sql/analytics/noted_analytics.sql
create or replace function inboxdb.noted_analytics(most integer)
returns table (tid tid, xid xid8, client_id inboxdb.client_id, noted_at timestamptz)
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
-- along the key, which has the order, however many rows there are, dead ones too (D8, D9)
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: the changes of analytics not yet taken, from the floor on and in the exceptions below: the oldest and the
--   newest, without reading the others.
-- Parameters: most, how many of the oldest, and of the newest.
-- Returns: the place of each, for deleting it; the writer's transaction; the workspace, null for a change of
--   everything; when it was noted. In no order.
-- Reads: analytics_change, analytics_state.
-- INVOKER: called by collect_analytics only.
declare
  state constant inboxdb.analytics_state_now := (select n from inboxdb.analytics_state_now as n);
begin
  return query
  (
    select c.ctid, c.xid, c.client_id, c.noted_at
    from inboxdb.analytics_change as c
    where c.xid = any (state.trusted_also)
    order by c.xid
    limit most
  )
  union
  (
    select c.ctid, c.xid, c.client_id, c.noted_at
    from inboxdb.analytics_change as c
    where c.xid >= state.trusted_from
    order by c.xid
    limit most
  )
  union
  (
    select c.ctid, c.xid, c.client_id, c.noted_at
    from inboxdb.analytics_change as c
    where c.xid >= state.trusted_from
    order by c.xid desc
    limit most
  );
end
$$;
-- <<< sql/analytics/noted_analytics.sql

-- >>> sql/analytics/collect_analytics.sql
create or replace function inboxdb.collect_analytics() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: make due the workspaces with changes of analytics, from the oldest and the newest 2,000 changes: at once, or
--   beside a run that stays 10 seconds after the last refresh, because each has a new version, which empties the
--   caches of readers (D172). A change of everything has every workspace walked through, and not trusted meanwhile.
--   Changes of a workspace that is not there yet, or in quarantine, are thrown away: its next walk finds what they
--   tell. In quarantine, where answers are live, 100 workspaces at most get a new version, each every 10 seconds.
--   Then raise the floor of analytics_change (D10).
-- Nothing is done beside another session doing the same.
-- Reads: noted_analytics, run. Writes: analytics_change, analytics_workspace, analytics_state, cache_version.
-- Locks: advisory locks, see lock_class: the collector's, and of workspaces in quarantine.
-- INVOKER: called by next_analytics only.
declare
  most constant integer := 2000;
  now constant pg_catalog.timestamptz := inboxdb.clock();
  quarantined inboxdb.client_id[] := '{}';
  is_everything boolean;
  is_any boolean;
begin
  if not pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('analytics collector'), 0) then
    return;
  end if;
  if exists (select from inboxdb.analytics_workspace as w where w.due_at = 'infinity' and w.client_id is not null) then
    quarantined := array(
      select q.client_id
      from (
        select distinct w.client_id
        from inboxdb.noted_analytics(most) as n
        inner join inboxdb.analytics_workspace as w on n.client_id = w.client_id
        where w.due_at = 'infinity' and w.refreshed_at between now - interval '10 seconds' and now is not true
        limit 100
      ) as q
      where inboxdb.try_lock_analytics(q.client_id)
    );
  end if;
  with
  noted as materialized (
    select n.tid, n.client_id, n.noted_at from inboxdb.noted_analytics(most) as n
  ),
  gone as (
    delete from inboxdb.analytics_change as c
    where c.ctid = any (array(
      select n.tid
      from noted as n
      left join inboxdb.analytics_workspace as w on n.client_id = w.client_id
      -- still in quarantine, after locking
      where w.client_id is null or (w.client_id = any (quarantined) and w.due_at = 'infinity')
    ))
  ),
  due as (
    update inboxdb.analytics_workspace as w
    set
      noted_since = d.noted_at,
      -- now + pause: a clock that went back holds nothing up
      due_at = least(w.due_at, now + p.pause, greatest(now, w.refreshed_at + p.pause))
    from (
      select n.client_id, pg_catalog.min(n.noted_at) as noted_at from noted as n group by n.client_id
    ) as d
    cross join (
      -- a single run hands changes on behind its first refreshes, and may be the last for a minute
      select
        case
          when exists (
            select
            from inboxdb.run as r
            where r.kind in ('watch', 'for') and r.ended_at is null and r.seen_at > now - interval '30 seconds'
          ) then interval '10 seconds'
          else interval '0'
        end
    ) as p (pause)
    where w.client_id = d.client_id and w.noted_since is null and w.attempts = 0 and w.due_at < 'infinity'
  )
  select coalesce(pg_catalog.bool_or(n.client_id is null), false), pg_catalog.count(*) > 0
  into is_everything, is_any
  from noted as n;
  if quarantined <> '{}' then
    perform inboxdb.new_versions('recompute-analytics-aggregates', quarantined);
    update inboxdb.analytics_workspace as w set refreshed_at = now where w.client_id = any (quarantined);
  end if;
  if is_everything then
    update inboxdb.analytics_workspace as w
    set walked_at = null, walk_began_at = null, walked_to = null, due_at = least(w.due_at, now)
    where w.client_id is not null and w.due_at < 'infinity';
  end if;

  -- not while nothing has happened, since each row of analytics_state leaves a dead row that a held snapshot keeps
  update inboxdb.analytics_state as s
  set
    revision = s.revision + 1,
    server_started_at = pg_catalog.pg_postmaster_start_time(),
    read_from = f.read_from,
    also_read = f.also_read
  from (
    select b.read_from, b.also_read
    from (select array(select n.xid from inboxdb.noted_analytics(256) as n order by n.xid limit 256) as xids) as u
    cross join lateral inboxdb.floor_above(u.xids, 256) as b
  ) as f
  where s.revision = (select n.revision from inboxdb.analytics_state_now as n)
    and (is_any or s.server_started_at <> pg_catalog.pg_postmaster_start_time());
end
$$;
-- <<< sql/analytics/collect_analytics.sql

-- >>> sql/analytics/renew_analytics.sql
create or replace function inboxdb.renew_analytics(old_number integer) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: have a workspace's aggregates built anew, under another number. The rows of the old number are out of use
--   from now on, and deleted bit by bit by keep_analytics.
-- Parameters: old_number, of the workspace, which the caller has locked.
-- Writes: analytics_workspace.
-- INVOKER: called by keep_analytics and refresh_analytics only.
declare
  renewed inboxdb.client_id;
begin
  update inboxdb.analytics_workspace as w
  set client_id = null, due_at = 'infinity'
  from (select k.client_id from inboxdb.analytics_workspace as k where k.number = old_number) as was
  where w.number = old_number
  returning was.client_id into renewed;
  insert into inboxdb.analytics_workspace (client_id, due_at) values (renewed, inboxdb.clock());
end
$$;
-- <<< sql/analytics/renew_analytics.sql

-- >>> sql/analytics/keep_analytics.sql
create or replace function inboxdb.keep_analytics() returns void
language plpgsql volatile
set search_path = ''
-- a policy hiding a workspace would take it for gone: raise instead (D37)
set row_security = off
as $$
-- Purpose: bring analytics_workspace in line with the host: a row for each new workspace; another number where the time
--   zone or the definitions are others by now; the number of a workspace that is gone out of use. Then delete some rows
--   of numbers out of use, 5,000 of each table.
-- Workspaces at work in another session are left for the next time.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Client"; as workspace_time_zones. Writes: analytics_workspace, lead_fact, analytics_count, analytics_reply,
--   analytics_word.
-- INVOKER: called by maintain, by its name in view maintenance.
declare
  most constant integer := 5000;
  today constant pg_catalog.text := inboxdb.analytics_definitions();
  found_workspace pg_catalog.record;
  unused integer;
  deleted integer;
  in_all integer := 0;
begin
  if inboxdb.suspended_since() is not null or not inboxdb.has_analytics() then
    return;
  end if;
  insert into inboxdb.analytics_workspace (client_id, due_at)
  select c.id::inboxdb.client_id, inboxdb.clock()
  from public."Client" as c
  where not inboxdb.is_too_long(c.id::inboxdb.client_id)
    and not exists (select from inboxdb.analytics_workspace as w where w.client_id = c.id)
  on conflict do nothing;

  for found_workspace in
    select w.number, w.client_id, c.is_here
    from inboxdb.analytics_workspace as w
    left join lateral (select true as is_here from public."Client" as c where c.id = w.client_id offset 0) as c on true
    left join inboxdb.workspace_time_zones(
        array(
          select k.client_id
          from inboxdb.analytics_workspace as k
          where k.client_id is not null and k.time_zone is not null
        )
      ) as t on w.client_id = t.client_id
    left join lateral (
      select
        (w.time_zone, w.definitions) <> (t.time_zone, today)
        -- once for each walk, because it takes milliseconds; CASE, because null AND evaluates what follows
        or case
          when w.walk_began_at > inboxdb.clock() - interval '1 minute'
            then w.zone_data <> inboxdb.zone_data(w.time_zone)
        end
        as is_another
      where w.time_zone is not null and c.is_here
    ) as z on true
    where w.client_id is not null and (c.is_here is null or z.is_another)
  loop
    if inboxdb.try_lock_analytics(found_workspace.client_id) then
      if found_workspace.is_here then
        perform inboxdb.renew_analytics(found_workspace.number);
      else
        update inboxdb.analytics_workspace as w
        set client_id = null, due_at = 'infinity'
        where w.number = found_workspace.number;
      end if;
    end if;
  end loop;

  -- rows of a number that was lost by hand, or left out of a dump, found by chance
  insert into inboxdb.analytics_workspace (number, due_at)
  select f.workspace, 'infinity'
  from (
    select f.workspace
    from inboxdb.lead_fact as f
    where f.workspace >= (
        select (pg_catalog.random() * coalesce(pg_catalog.max(w.number), 0))::integer
        from inboxdb.analytics_workspace as w
      )
    order by f.workspace
    limit 1
  ) as f
  on conflict do nothing;

  select pg_catalog.min(w.number) into unused from inboxdb.analytics_workspace as w where w.client_id is null;
  if unused is not null then
    delete from inboxdb.lead_fact as t
    where t.ctid = any (array(select o.ctid from inboxdb.lead_fact as o where o.workspace = unused limit most));
    get diagnostics deleted = row_count;
    in_all := in_all + deleted;
    delete from inboxdb.analytics_count as t
    where t.ctid = any (array(select o.ctid from inboxdb.analytics_count as o where o.workspace = unused limit most));
    get diagnostics deleted = row_count;
    in_all := in_all + deleted;
    delete from inboxdb.analytics_reply as t
    where t.ctid = any (array(select o.ctid from inboxdb.analytics_reply as o where o.workspace = unused limit most));
    get diagnostics deleted = row_count;
    in_all := in_all + deleted;
    delete from inboxdb.analytics_word as t
    where t.ctid = any (array(select o.ctid from inboxdb.analytics_word as o where o.workspace = unused limit most));
    get diagnostics deleted = row_count;
    in_all := in_all + deleted;
    if in_all = 0 then
      delete from inboxdb.analytics_workspace as w where w.number = unused;
    end if;
  end if;
end
$$;
-- <<< sql/analytics/keep_analytics.sql

-- >>> sql/analytics/fold_analytics.sql
create or replace function inboxdb.fold_analytics(target_number integer, most integer) returns integer
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: take a workspace's changes of analytics, and look at their leads. A change of the whole workspace has the
--   walk begin anew.
-- Parameters: target_number, of the workspace; most, how many changes to take. The caller took the workspace's lock in
--   an EARLIER statement.
-- Returns: how many were taken: fewer than most where none is left.
-- Errors: those of compare_facts.
-- Reads: analytics_state. Writes: analytics_change, analytics_workspace; as compare_facts.
-- INVOKER: called by refresh_analytics and recompute_analytics only.
declare
  state constant inboxdb.analytics_state_now := (select n from inboxdb.analytics_state_now as n);
  this constant inboxdb.analytics_workspace := (
    select w from inboxdb.analytics_workspace as w where w.number = target_number
  );
  taken pg_catalog.record;
begin
  -- Each condition can be answered by a single index: see changes_of.
  with
  chosen as (
    (
      select c.ctid as tid
      from inboxdb.analytics_change as c
      where (c.client_id, c.xid) >= (this.client_id, state.trusted_from) and c.client_id <= this.client_id
      limit most
    )
    union all
    (
      select c.ctid
      from inboxdb.analytics_change as c
      where c.xid = any (state.trusted_also) and (c.client_id = this.client_id) is true
      limit most
    )
  ),
  gone as (
    delete from inboxdb.analytics_change as c
    where c.ctid = any (array(select n.tid from chosen as n limit most))
    returning c.lead_id, c.changed
  ),
  lead as (
    select
      g.lead_id,
      -- a message was sent, or the lead was made, deleted or moved
      pg_catalog.bool_or(g.changed & 58 <> 0) as reads_messages,
      pg_catalog.count(*) as changes
    from gone as g
    group by g.lead_id
  )
  select
    coalesce(pg_catalog.sum(l.changes), 0) as changes,
    coalesce(pg_catalog.bool_or(l.lead_id is null), false) as of_all,
    pg_catalog.array_agg(l.lead_id) filter (where l.lead_id is not null) as lead_ids,
    pg_catalog.array_agg(l.reads_messages) filter (where l.lead_id is not null) as reads_messages
  into taken
  from lead as l;

  if taken.of_all then
    update inboxdb.analytics_workspace as w
    set walk_began_at = inboxdb.clock(), walked_to = ''
    where w.number = target_number;
  end if;
  perform inboxdb.checkpoint('analytics taken', this.client_id::pg_catalog.text);
  if taken.lead_ids is not null then
    -- a later snapshot than the taking's: the lead is at least as new as the change taken, and a change committed since
    -- has a row of its own, not taken
    perform inboxdb.compare_facts(
      target_number, this.client_id, this.time_zone, taken.lead_ids, taken.reads_messages
    );
  end if;
  return taken.changes;
end
$$;
-- <<< sql/analytics/fold_analytics.sql

-- >>> sql/analytics/begin_walk.sql
create or replace function inboxdb.begin_walk(target_number integer) returns boolean
language sql volatile
set search_path = ''
as $$
  -- Purpose: begin the walk of a workspace that was never walked through, or a day ago; not before the counts know its
  --   leads, and not while another is under way.
  -- Parameters: target_number, of the workspace, which the caller has locked.
  -- Returns: true where a walk began, else null.
  -- Reads: workspace. Writes: analytics_workspace.
  -- INVOKER: called by refresh_analytics only.
  update inboxdb.analytics_workspace as w
  set walk_began_at = inboxdb.clock(), walked_to = ''
  where w.number = target_number
    and w.walk_began_at is null
    and coalesce(w.walked_at not between inboxdb.clock() - interval '1 day' and inboxdb.clock(), true)
    and exists (
      select from inboxdb.workspace as k where k.client_id = w.client_id and k.definitions is not null
    )
  returning true
$$;
-- <<< sql/analytics/begin_walk.sql

-- >>> sql/analytics/walk_analytics.sql
create or replace function inboxdb.walk_analytics(
  target_number integer, most integer, out has_more boolean, out has_differed boolean
)
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: a step of the walk through all leads of a workspace, by key: the first fill, and once a day the audit, which
--   finds what no writer announced. Leads are found in counted_lead, which has them all, and in lead_fact, which may
--   have some that are gone. A lead that changes behind the walk is noted, and looked at by fold_analytics.
-- Parameters: target_number, of the workspace; most, how many leads to look at. The caller took the workspace's lock in
--   an EARLIER statement.
-- Returns: whether there is more to do: false at once where no walk is under way; whether a lead differed.
-- Errors: those of compare_facts; IB014 where rows of aggregates were lost, found at the end of a walk by their sums.
-- Reads: counted_lead, workspace. Writes: analytics_workspace; as compare_facts.
-- INVOKER: called by refresh_analytics and recompute_analytics only.
declare
  this constant inboxdb.analytics_workspace := (
    select w from inboxdb.analytics_workspace as w where w.number = target_number
  );
  counts_number constant integer := (
    select w.number from inboxdb.workspace as w where w.client_id = this.client_id
  );
  keys pg_catalog.bytea[];
begin
  has_more := false;
  has_differed := false;
  if this.walk_began_at is null then
    return;
  end if;
  keys := array(
    select k.lead_key
    from (
      (
        select c.lead_key
        from inboxdb.counted_lead as c
        where c.workspace = counts_number and c.lead_key > this.walked_to
        order by c.lead_key
        limit most
      )
      union
      (
        select f.lead_key
        from inboxdb.lead_fact as f
        where f.workspace = target_number and f.lead_key > this.walked_to
        order by f.lead_key
        limit most
      )
    ) as k
    order by k.lead_key
    limit most
  );
  perform inboxdb.checkpoint('walking', this.client_id::pg_catalog.text);
  if pg_catalog.cardinality(keys) > 0 then
    has_differed := inboxdb.compare_facts(
      target_number, this.client_id, this.time_zone,
      array(
        select inboxdb.key_id(k.lead_key)::inboxdb.lead_id
        from pg_catalog.unnest(keys) with ordinality as k (lead_key, place)
        order by k.place
      ),
      pg_catalog.array_fill(true, array[pg_catalog.cardinality(keys)])
    );
  end if;
  has_more := pg_catalog.cardinality(keys) = most;
  if not has_more and exists (
    select
    from inboxdb.analytics_workspace as w
    where w.number = target_number
      and (w.leads, w.counted, w.replies) <> (
        (select pg_catalog.count(*) from inboxdb.lead_fact as f where f.workspace = target_number),
        (
          select coalesce(pg_catalog.sum(d.packed >> 5), 0)
          from inboxdb.analytics_count as c
          cross join lateral pg_catalog.unnest(c.day_counts) as d (packed)
          where c.workspace = target_number
        ),
        (
          select coalesce(pg_catalog.sum(r.n), 0) from inboxdb.analytics_reply as r where r.workspace = target_number
        )
      )
  ) then
    raise exception using
      errcode = 'IB014',
      message = 'rows of a workspace''s aggregates of analytics were lost',
      detail = 'Their sums are not what the refreshes added.',
      hint = 'The workspace''s aggregates are built anew by the drain.';
  end if;
  update inboxdb.analytics_workspace as w
  set
    walked_to = keys[pg_catalog.cardinality(keys)],
    walked_at = case when has_more then w.walked_at else w.walk_began_at end,
    walk_began_at = case when has_more then w.walk_began_at end
  where w.number = target_number;
end
$$;
-- <<< sql/analytics/walk_analytics.sql

-- >>> sql/analytics/refresh_analytics.sql
create or replace function inboxdb.refresh_analytics(
  claimed inboxdb.client_id, out outcome text, out version bigint, out changed_scopes inboxdb.user_id[]
)
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: bring a workspace's aggregates of analytics up to date: first by its changes, then by a walk where one is
--   due; for some 50 ms, so that no other work of the caller is late. What is left is due at once.
-- Parameters: claimed, by next_analytics in an earlier, committed transaction.
-- Returns: the outcome: refreshed, more where there is more to do, failed (recorded; the changes stay), or skipped; the
--   version of family analytics, where it is new; no scopes, since nobody is told.
-- Where sums do not fit, because rows were lost, and where the server has other data of the time zone by now, the
-- aggregates are built anew.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled.
-- Reads, writes: as fold_analytics and walk_analytics; cache_version, job_status.
-- INVOKER: called by maintain, by its name in view maintenance.
declare
  -- so many leads at a time: some 20 ms
  most constant integer := 100;
  began_at constant pg_catalog.timestamptz := inboxdb.clock();
  stop_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '50 ms';
  this inboxdb.analytics_workspace;
  taken integer;
  has_taken boolean := false;
  has_differed boolean := false;
  is_walking boolean := false;
  step pg_catalog.record;
  error_code pg_catalog.text;
  said pg_catalog.text;
begin
  perform inboxdb.require_read_committed();
  outcome := 'skipped';
  if inboxdb.suspended_since() is not null or not inboxdb.try_lock_analytics(claimed) then
    return;
  end if;
  select w.* into this from inboxdb.analytics_workspace as w where w.client_id = claimed;
  if not found then
    return;
  end if;

  begin
    if this.time_zone is null then
      update inboxdb.analytics_workspace as w
      set
        time_zone = z.time_zone, zone_data = inboxdb.zone_data(z.time_zone),
        definitions = inboxdb.analytics_definitions()
      from inboxdb.workspace_time_zones(array[claimed]) as z
      where w.number = this.number;
    end if;
    loop
      taken := inboxdb.fold_analytics(this.number, most);
      has_taken := has_taken or taken > 0;
      exit when taken < most or pg_catalog.clock_timestamp() > stop_at;
    end loop;
    if taken < most then
      -- the data of the zone are read once for each walk, because that takes 7 ms
      if inboxdb.begin_walk(this.number) is true and this.zone_data <> inboxdb.zone_data(this.time_zone) then
        perform inboxdb.renew_analytics(this.number);
        outcome := 'more';
        return;
      end if;
      loop
        select w.* into step from inboxdb.walk_analytics(this.number, most) as w;
        has_differed := has_differed or step.has_differed;
        is_walking := step.has_more;
        exit when not is_walking or pg_catalog.clock_timestamp() > stop_at;
      end loop;
    end if;
    -- also of a new number: answers may be of another time zone
    if has_taken or has_differed or this.time_zone is null then
      version := (
        select n.version from inboxdb.new_versions('recompute-analytics-aggregates', array[claimed]) as n
      );
    end if;
    update inboxdb.analytics_workspace as w
    set
      attempts = 0,
      last_error = null,
      noted_since = case when taken < most then null else w.noted_since end,
      refreshed_at = began_at,
      due_at = case
        when taken = most or w.walk_began_at is not null then inboxdb.clock()
        else coalesce(w.walked_at + interval '1 day', inboxdb.clock() + interval '5 seconds')
      end
    where w.number = this.number;
    perform inboxdb.record_job('recompute-analytics-aggregates', claimed, began_at, this.attempts, null);
    outcome := case when taken = most or is_walking then 'more' else 'refreshed' end;
  exception when others then
    get stacked diagnostics error_code = returned_sqlstate;
    if error_code = 'IB014' then
      perform inboxdb.renew_analytics(this.number);
    else
      said := (inboxdb.failure('recompute-analytics-aggregates', error_code)).sentence;
      update inboxdb.analytics_workspace as w set last_error = said where w.number = this.number;
      perform inboxdb.record_job('recompute-analytics-aggregates', claimed, began_at, this.attempts, said);
    end if;
    outcome := 'failed';
  end;
end
$$;
-- <<< sql/analytics/refresh_analytics.sql

-- >>> sql/analytics/next_analytics.sql
create or replace function inboxdb.next_analytics() returns inboxdb.client_id
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: choose the workspace whose aggregates are due longest, for refresh_analytics, and count the attempt. To be
--   committed before the work, so that a workspace killing its backend is put off. A workspace without attempts left is
--   put in quarantine: its changes are thrown away, and a walk stands for them.
-- Returns: the workspace, null when none is due, inboxdb is suspended, or the host has no analytics.
-- Errors: IB004 above READ COMMITTED.
-- Reads: as collect_analytics. Writes: analytics_workspace; as collect_analytics.
-- DEFINER: its callers have no rights in inboxdb.
declare
  now pg_catalog.timestamptz := inboxdb.clock();
  candidate inboxdb.analytics_workspace;
  busy integer[] := '{}';
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null or not inboxdb.has_analytics() then
    return null;
  end if;
  perform inboxdb.collect_analytics();
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

-- >>> sql/analytics/recompute_analytics.sql
create or replace function inboxdb.recompute_analytics(
  target_client_id inboxdb.client_id, since_day date default null, goes_on boolean default false
)
returns boolean
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: bring a workspace's aggregates of analytics up to date now, by hand: look at all its leads, for 5 seconds
--   at a time, and take it out of quarantine. Each call wants a transaction of its own, because the dead rows of a
--   transaction stay until its end.
-- Parameters: target_client_id; since_day, to look at leads with a message sent since then alone, null for all;
--   goes_on, to go on from where the call before ended.
-- Returns: whether there is more to do.
-- Errors: IB002 for an unknown workspace, IB019 for an id that is too long; IB003 where it stayed locked for 5 seconds;
--   IB004 above READ COMMITTED; IB012 while suspended; IB020 where the host lacks columns; those of fold_analytics and
--   walk_analytics.
-- Reads: "Message"; as fold_analytics and walk_analytics. Writes: as they; cache_version, job_status.
-- DEFINER: its callers have no rights in inboxdb.
declare
  -- many at a time, because the sums of busy days are written once for all of them
  most constant integer := 4000;
  began_at constant pg_catalog.timestamptz := inboxdb.clock();
  give_up_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '5 seconds';
  stop_at constant pg_catalog.timestamptz := give_up_at;
  this inboxdb.analytics_workspace;
  has_more boolean := true;
  lead_ids inboxdb.lead_id[];
begin
  perform inboxdb.require_read_committed();
  perform inboxdb.require_resumed();
  perform inboxdb.require_workspace(target_client_id);
  perform inboxdb.require_analytics('figures');
  perform inboxdb.keep_analytics();
  while not inboxdb.try_lock_analytics(target_client_id) loop
    if pg_catalog.clock_timestamp() >= give_up_at then
      raise exception using
        errcode = 'IB003',
        message = pg_catalog.format('workspace %L stayed locked for 5 seconds', target_client_id),
        detail = 'A drain or another recompute is at work on its analytics. Nothing was changed.',
        hint = 'Try again; pg_locks shows the holder under classid ' || inboxdb.lock_class('analytics');
    end if;
    perform pg_catalog.pg_sleep(0.05);
  end loop;

  update inboxdb.analytics_workspace as w
  set
    attempts = 0,
    last_error = null,
    due_at = began_at,
    time_zone = z.time_zone,
    zone_data = coalesce(w.zone_data, inboxdb.zone_data(z.time_zone)),
    definitions = coalesce(w.definitions, inboxdb.analytics_definitions()),
    walk_began_at = case
      when goes_on then w.walk_began_at
      when since_day is null or w.walked_at is null then began_at
    end,
    walked_to = case when goes_on then w.walked_to else '' end
  from inboxdb.workspace_time_zones(array[target_client_id]) as z
  where w.client_id = target_client_id
  returning w.* into this;
  while inboxdb.fold_analytics(this.number, most) = most loop
    null;
  end loop;
  if since_day is not null and this.walk_began_at is null then
    -- along the index by time, or the workspace's leads: the planner knows the days
    lead_ids := array(
      select distinct l.id::inboxdb.lead_id
      from public."Message" as m
      inner join public."Lead" as l on m."leadId" = l.id
      where l."clientId" = target_client_id
        and m."sentAt" >= inboxdb.host_time((since_day - 1)::pg_catalog.timestamp at time zone 'UTC', m."sentAt")
    );
    for place in 1 .. pg_catalog.cardinality(lead_ids) by most loop
      perform inboxdb.compare_facts(
        this.number, target_client_id, this.time_zone, s.lead_ids,
        pg_catalog.array_fill(true, array[pg_catalog.cardinality(s.lead_ids)])
      )
      from (select lead_ids[place : place + most - 1]) as s (lead_ids);
    end loop;
    has_more := false;
  end if;
  while has_more and pg_catalog.clock_timestamp() < stop_at loop
    has_more := (inboxdb.walk_analytics(this.number, most)).has_more;
  end loop;
  perform inboxdb.new_versions('recompute-analytics-aggregates', array[target_client_id]);
  update inboxdb.analytics_workspace as w
  set
    noted_since = null,
    refreshed_at = began_at,
    due_at = case when has_more then began_at else w.walked_at + interval '1 day' end
  where w.number = this.number;
  perform inboxdb.record_job('recompute-analytics-aggregates', target_client_id, began_at, 1, null);
  return has_more;
end
$$;
-- <<< sql/analytics/recompute_analytics.sql

-- >>> sql/analytics/note_analytics_change.sql
create or replace function inboxdb.note_analytics_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Lead": note a lead in analytics_change. Without an argument for an UPDATE naming a column
--   that analytics read, and counts do not; none of them is read, so that a renamed column fails no write. With an
--   argument for an UPDATE changing such a column: for hosts with BEFORE triggers (D121), and hosts naming every column
--   always (D125).
-- What counts read, too, is handed on by their refresh (take_changes).
-- Writes: analytics_change.
-- DEFINER: the writer has no rights in inboxdb.
declare
  may_note pg_catalog.bool := true;
begin
  -- The handler encloses reading alone: a write in it would take a transaction id for each row (D101).
  begin
    if tg_nargs > 0 then
      may_note := old."createdAt" is distinct from new."createdAt"
        or old."smsCampaignId" is distinct from new."smsCampaignId"
        or old."appointmentBookedAt" is distinct from new."appointmentBookedAt"
        or old."appointmentStatus" is distinct from new."appointmentStatus"
        or old."appointmentCanceledAt" is distinct from new."appointmentCanceledAt";
    end if;
    -- may the owner of this function append, as can_note_in asks for the change log (D116)
    may_note := may_note
      and pg_catalog.has_table_privilege('inboxdb.analytics_change'::pg_catalog.regclass, 'insert')
      and not pg_catalog.row_security_active('inboxdb.analytics_change'::pg_catalog.regclass)
      and inboxdb.clock() is not null
      and pg_catalog.num_nulls(new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id) = 0
      and not inboxdb.is_too_long(new."clientId"::inboxdb.client_id);
  exception when others then
    may_note := false; -- the next walk finds the lead
  end;
  if may_note then
    insert into inboxdb.analytics_change (client_id, lead_id, changed)
    values (new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id, 64);
  end if;
  return null;
end
$$;
-- <<< sql/analytics/note_analytics_change.sql

-- >>> sql/operations/analytics_status.sql
create or replace function inboxdb.analytics_status(
  out workspaces integer, out unbuilt integer, out late integer, out oldest_seconds double precision,
  out failing integer, out quarantined integer, out oldest_walk_seconds double precision, out last_error text
)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how far behind the aggregates of analytics are.
  -- Returns: workspaces with aggregates; those not yet built, whose reads are answered live; those with a change that
  --   has waited for more than a minute; how long the oldest change has waited, 0 without any; failing ones, to be
  --   tried again, and quarantined ones; how long ago the last walk through all its leads was of the workspace walked
  --   through the longest ago, null without any; an error of a failing or quarantined one, SQLSTATE and our sentence.
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
    pg_catalog.min(w.last_error)
  from inboxdb.analytics_workspace as w
  where w.client_id is not null
$$;
-- <<< sql/operations/analytics_status.sql

-- >>> sql/api/answer_window.sql
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
-- Returns: the answer. Read live, computed_at is now, and nothing is stale; else when the aggregates were last brought
--   up to date, and stale where a change has waited for a minute, or nobody has looked for changes for as long.
-- Reads: cache_version; analytics_workspace, drain_state, inbox_counts_dirty.
-- INVOKER: called by our DEFINER functions only.
declare
  answer inboxdb.analytics_answer := (
    figures, asked.from_day, asked.to_day, asked.time_zone, inboxdb.clock(),
    (select v.version from inboxdb.newest_version(asked.client_id, 'analytics') as v), false
  );
begin
  if asked.number is not null then
    select
      w.refreshed_at,
      least(w.noted_since, d.dirty_since, coalesce(s.collected_at, '-infinity'))
      < answer.computed_at - interval '60 seconds'
    into answer.computed_at, answer.is_stale
    from inboxdb.analytics_workspace as w
    cross join inboxdb.drain_state_now as s
    left join inboxdb.inbox_counts_dirty as d on w.client_id = d.client_id and d.next_attempt_at >= s.claim_from
    where w.number = asked.number;
  end if;
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
-- <<< sql/api/answer_window.sql

-- >>> sql/api/read_analytics_days.sql
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
-- Reads: as days; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(
    target_client_id, from_day, to_day, 'figures', 'everybody'
  );
begin
  return inboxdb.answer_window('analytics_days', asked, inboxdb.days(asked));
end
$$;
-- <<< sql/api/read_analytics_days.sql

-- >>> sql/api/read_analytics_email_campaigns.sql
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
    target_client_id, from_day, to_day, 'email campaigns', 'nobody'
  );
begin
  return inboxdb.answer_window('analytics_email_campaigns', asked, inboxdb.live_email_campaigns(asked));
end
$$;
-- <<< sql/api/read_analytics_email_campaigns.sql

-- >>> sql/api/read_analytics_overview.sql
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
-- Reads: as overview; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(
    target_client_id, from_day, to_day, 'figures', 'everybody'
  );
begin
  return inboxdb.answer_window('analytics_overview', asked, inboxdb.overview(asked));
end
$$;
-- <<< sql/api/read_analytics_overview.sql

-- >>> sql/api/read_analytics_reactivations.sql
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
    target_client_id, from_day, to_day, 'reactivations', 'nobody'
  );
begin
  return inboxdb.answer_window('analytics_reactivations', asked, inboxdb.live_reactivations(asked));
end
$$;
-- <<< sql/api/read_analytics_reactivations.sql

-- >>> sql/api/read_analytics_response_times.sql
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
-- Reads: as response_times; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(
    target_client_id, from_day, to_day, 'figures', 'members'
  );
begin
  return inboxdb.answer_window('analytics_response_times', asked, inboxdb.response_times(asked));
end
$$;
-- <<< sql/api/read_analytics_response_times.sql

-- >>> sql/api/read_analytics_sentiments.sql
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
-- Reads: as sentiments; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(
    target_client_id, from_day, to_day, 'figures', 'members'
  );
begin
  return inboxdb.answer_window('analytics_sentiments', asked, inboxdb.sentiments(asked));
end
$$;
-- <<< sql/api/read_analytics_sentiments.sql

-- >>> sql/api/read_analytics_sms_campaigns.sql
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
-- Reads: as sms_campaigns; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(
    target_client_id, from_day, to_day, 'figures', 'members'
  );
begin
  return inboxdb.answer_window('analytics_sms_campaigns', asked, inboxdb.sms_campaigns(asked));
end
$$;
-- <<< sql/api/read_analytics_sms_campaigns.sql

-- >>> sql/api/read_analytics_statuses.sql
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
-- Reads: as statuses; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(
    target_client_id, from_day, to_day, 'figures', 'members'
  );
begin
  return inboxdb.answer_window('analytics_statuses', asked, inboxdb.statuses(asked));
end
$$;
-- <<< sql/api/read_analytics_statuses.sql

-- >>> sql/api/read_analytics_workflows.sql
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
  asked constant inboxdb.analytics_window := inboxdb.require_window(
    target_client_id, from_day, to_day, 'workflows', 'nobody'
  );
begin
  return inboxdb.answer_window('analytics_workflows', asked, inboxdb.live_workflows(asked));
end
$$;
-- <<< sql/api/read_analytics_workflows.sql

-- >>> sql/api/read_crm_summary.sql
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
  asked constant inboxdb.analytics_window := inboxdb.require_window(
    target_client_id, from_day, to_day, 'CRM', 'nobody'
  );
begin
  return inboxdb.answer_window('crm_summary', asked, inboxdb.live_crm_summary(asked));
end
$$;
-- <<< sql/api/read_crm_summary.sql

-- >>> sql/api/analytics_days.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_days(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: each day of a window, of the current user's leads in a workspace. For the application,
  --   and for PostgREST's GET /rpc/analytics_days?client_id=... .
  --   From aggregates; live where there are none for the caller, or not yet.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects, a day each: day, inbound, outbound, leads_created,
  --   meetings_booked; the days and the time zone; computed_at; version, the analytics family's cache version;
  --   is_stale. Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_days checks access, then reads.
  select * from inboxdb.read_analytics_days(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_days.sql

-- >>> sql/api/analytics_overview.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_overview(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the overview of a window of days, of the current user's leads in a workspace. For the application,
  --   and for PostgREST's GET /rpc/analytics_overview?client_id=... .
  --   From aggregates; live where there are none for the caller, or not yet.
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
-- <<< sql/api/analytics_overview.sql

-- >>> sql/api/analytics_response_times.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_response_times(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the replies of a window by who replied, of the current user's leads in a workspace. For the application,
  --   and for PostgREST's GET /rpc/analytics_response_times?client_id=... .
  --   From aggregates; live where there are none for the caller, or not yet.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: side, sender, user_id, replies, mean_ms, p50_ms, p90_ms,
  --   p95_ms, business_mean_ms; the days and the time zone; computed_at; version, the analytics family's cache version;
  --   is_stale. Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_response_times checks access, then reads.
  select * from inboxdb.read_analytics_response_times(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_response_times.sql

-- >>> sql/api/analytics_sentiments.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_sentiments(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the responders of a window by their present tag, of the current user's leads in a workspace. For the
  --   application, and for PostgREST's GET /rpc/analytics_sentiments?client_id=... .
  --   From aggregates; live where there are none for the caller, or not yet.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: sentiment_tag, responses, share;
  --   the days and the time zone; computed_at; version, the analytics family's cache version; is_stale.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_sentiments checks access, then reads.
  select * from inboxdb.read_analytics_sentiments(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_sentiments.sql

-- >>> sql/api/analytics_sms_campaigns.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_sms_campaigns(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: a window by SMS campaign, of the current user's leads in a workspace. For the application,
  --   and for PostgREST's GET /rpc/analytics_sms_campaigns?client_id=... .
  --   From aggregates; live where there are none for the caller, or not yet.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: sms_campaign_id, name, leads_created, responses,
  --   positive_responses, meetings_booked; the days and the time zone; computed_at; version, the analytics family's
  --   cache version; is_stale. Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_sms_campaigns checks access, then reads.
  select * from inboxdb.read_analytics_sms_campaigns(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_sms_campaigns.sql

-- >>> sql/api/analytics_statuses.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_statuses(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the leads created in a window by their present status, of the current user's leads in a workspace. For the
  --   application, and for PostgREST's GET /rpc/analytics_statuses?client_id=... .
  --   From aggregates; live where there are none for the caller, or not yet.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: status, leads_created;
  --   the days and the time zone; computed_at; version, the analytics family's cache version; is_stale.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_statuses checks access, then reads.
  select * from inboxdb.read_analytics_statuses(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_statuses.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;

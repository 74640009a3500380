-- inboxdb 0018: canaries, which roll reads out by stages: three tables, and their functions; an item of maintenance.
-- Locks: none on the host's tables. Duration: milliseconds.
-- Undo: 0018-canary.rollback.sql puts back what was before.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0018-canary.sql (one transaction).
-- depends: 0017-upkeep

set local lock_timeout = '2s';
set local search_path = '';

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

-- >>> sql/rollout/read_target.view.sql
create or replace view inboxdb.read_target as
select t.flag_name, t.named_like, t.warm_ms::double precision as warm_ms, t.cold_ms::double precision as cold_ms
from (
  values
  ('counts_read', 'inbox!_%', 50, 50),
  ('inbox_read', 'conversation%', 300, 300),
  ('analytics_read', 'analytics!_%', 1500, 3000),
  ('analytics_read', 'crm!_%', 1500, 3000)
) as t (flag_name, named_like, warm_ms, cold_ms);

comment on view inboxdb.read_target is
'How long reads may take, 95 of a hundred, by the flag that they are behind and how their names begin (LIKE, escape '
'!): warm_ms where a cache of the application answered, cold_ms where not; the same where the two do not differ.';
-- <<< sql/rollout/read_target.view.sql

-- >>> sql/rollout/canary.table.sql
create table inboxdb.canary (
  canary_number integer primary key,
  flag_name text collate "C" not null,
  percentages integer[] not null,
  observe interval not null,
  at_most interval not null,
  window_length interval not null,
  started_at timestamptz not null,
  started_by text not null default session_user,
  ended_at timestamptz,
  ended_as text,
  why text,
  constraint canary_end_check check (
    (ended_at is null) = (ended_as is null)
    and ended_as in ('complete', 'taken_back', 'aborted', 'overtaken')
  )
);

-- a single canary at a time for each flag
create unique index canary_flag_name_idx on inboxdb.canary (flag_name) where ended_at is null;

comment on table inboxdb.canary is
'Rollouts of reads by stages: a flag that is on for more and more workspaces, as long as all gates are passed. Kept '
'for good.';
comment on column inboxdb.canary.percentages is 'For how many workspaces of a hundred the flag is on, stage by stage.';
comment on column inboxdb.canary.observe is 'For how long a stage is observed at least.';
comment on column inboxdb.canary.at_most is 'After how long a stage that was not passed is undecided.';
comment on column inboxdb.canary.window_length is
'How long a window is: two in a row are a breach, of gates of which one may pass by itself.';
comment on column inboxdb.canary.ended_as is
'complete; taken_back, after a breach; aborted, by hand; overtaken, because the flag was set to something else.';
-- <<< sql/rollout/canary.table.sql

-- >>> sql/rollout/canary_stage.table.sql
create table inboxdb.canary_stage (
  canary_number integer,
  stage_number integer,
  percentage integer not null,
  began_at timestamptz not null,
  constraint canary_stage_pkey primary key (canary_number, stage_number)
);

comment on table inboxdb.canary_stage is
'The stages that canaries came to, from 1. A stage ends as the next one begins, or with the canary.';
-- <<< sql/rollout/canary_stage.table.sql

-- >>> sql/rollout/canary_look.table.sql
create table inboxdb.canary_look (
  canary_number integer,
  look integer,
  stage_number integer not null,
  looked_at timestamptz not null,
  seen pg_snapshot not null,
  oldest_change_seconds double precision not null,
  drifted integer not null,
  quarantined integer not null,
  verdict text,
  constraint canary_look_pkey primary key (canary_number, look)
);

comment on table inboxdb.canary_look is
'What each look at a canary found besides samples, and how the stage was judged. Kept for good.';
comment on column inboxdb.canary_look.seen is
'Which samples the look saw, so that it can be judged again, whatever was noted since.';
comment on column inboxdb.canary_look.oldest_change_seconds is 'The age of the oldest change that waits.';
comment on column inboxdb.canary_look.drifted is 'How often drift was found since the canary began.';
comment on column inboxdb.canary_look.quarantined is 'Workspaces quarantined since the canary began.';
comment on column inboxdb.canary_look.verdict is
'observing, passed, undecided or breached; null where the canary was overtaken.';
-- <<< sql/rollout/canary_look.table.sql

-- >>> sql/rollout/canary_samples.sql
create or replace function inboxdb.canary_samples(
  this_canary integer, this_stage integer, as_of timestamptz, seen pg_snapshot
)
returns table (
  function_name text, class text, allowed_ms double precision, is_cohort boolean, read_at timestamptz,
  ms double precision, outcome text, kind text, client_id text
)
language sql stable
set search_path = ''
as $$
  -- Purpose: the samples of the reads behind a canary's flag, while a stage lasted.
  -- Parameters: this_canary; this_stage; as_of, up to when; seen, a snapshot: samples noted later count for nothing.
  -- Returns: the read; warm or cold where targets differ, else null; how long the read may take; whether the
  --   workspace's place is in the stage's percentage, whatever its own state; when, how long and how the read ended;
  --   in a word: answered, refused, switched_off, mistaken (by the caller), or failed; the workspace.
  -- Reads: canary, canary_stage, read_sample by time, read_target.
  -- INVOKER: called by judge_canary and canary_evidence only.
  with
  noted as materialized (
    select
      n.client_id, n.function_name, n.cache_hit, n.read_at, n.ms, n.outcome, t.warm_ms, t.cold_ms, c.flag_name,
      s.percentage
    from inboxdb.canary_stage as s
    inner join inboxdb.canary as c on s.canary_number = c.canary_number
    left join inboxdb.canary_stage as after
      on s.canary_number = after.canary_number and s.stage_number + 1 = after.stage_number
    inner join inboxdb.read_sample as n
      on n.read_at > s.began_at and n.read_at <= least(as_of, after.began_at)
    inner join inboxdb.read_target as t on c.flag_name = t.flag_name and n.function_name like t.named_like escape '!'
    where s.canary_number = this_canary
      and s.stage_number = this_stage
      and pg_catalog.pg_visible_in_snapshot(n.noted_by, seen)
  ),
  -- each workspace once (OFFSET 0), because a hash for each sample took most of a look's time
  cohort as materialized (
    select w.client_id
    from (select distinct n.client_id, n.flag_name, n.percentage from noted as n offset 0) as w
    where inboxdb.flag_cohort(w.flag_name, w.client_id) < w.percentage
  )
  select
    n.function_name,
    case when n.warm_ms < n.cold_ms then case when n.cache_hit then 'warm' else 'cold' end end,
    case when n.cache_hit then n.warm_ms else n.cold_ms end,
    n.client_id in (select w.client_id from cohort as w),
    n.read_at,
    n.ms,
    n.outcome,
    case
      when n.outcome = 'ok' then 'answered'
      when n.outcome in ('IB006', 'IB007') then 'refused'
      when n.outcome = 'IB015' then 'switched_off'
      when n.outcome in ('IB016', 'IB017', 'IB021') then 'mistaken'
      else 'failed'
    end,
    n.client_id
  from noted as n
$$;
-- <<< sql/rollout/canary_samples.sql

-- >>> sql/rollout/judge_canary.sql
create or replace function inboxdb.judge_canary(
  this_canary integer, this_stage integer, as_of timestamptz, seen pg_snapshot
)
returns table (
  gate text, function_name text, class text, samples bigint, measured double precision, allowed double precision,
  verdict text
)
language sql stable
set search_path = ''
set work_mem = '64MB'
as $$
  -- Purpose: judge a stage of a canary as of a look, by samples and looks alone, which do not change: the judgement is
  --   the same at any later time.
  -- Parameters: as of canary_samples.
  -- Returns: a row of each gate, of latency a row for each read: passed, breached or undecided. Undecided with fewer
  --   than 30 samples, and if too slow or too old now, or over the whole stage, without being a breach.
  --   refusals, failures: the share of IB006 and IB007, of errors besides callers' mistakes; breached in the last
  --   window or the stage above 1 % and above twice the stage before.
  --   latency: the 95th percentile of answered reads, in ms, over the stage, or the last window if the last is too
  --   slow; breached in the last two windows.
  --   freshness: the age of the oldest change, in seconds; breached by the least age in each of the last two windows.
  --   drift, quarantine: how many since the canary began; any is a breach.
  -- Reads: canary, canary_stage, canary_look; as canary_samples.
  -- INVOKER: called by look_at_canary and canary_evidence, and for the owner.
  with
  at_hand as (
    select
      as_of - c.window_length as last_from,
      as_of - 2 * c.window_length as before_from,
      s.began_at <= as_of - 2 * c.window_length as has_two
    from inboxdb.canary as c
    inner join inboxdb.canary_stage as s on c.canary_number = s.canary_number
    where c.canary_number = this_canary and s.stage_number = this_stage
  ),
  noted as materialized (
    select n.function_name, n.class, n.allowed_ms, n.read_at, n.ms, n.kind
    from inboxdb.canary_samples(this_canary, this_stage, as_of, seen) as n
    where n.is_cohort and n.kind <> 'switched_off'
  ),
  compared as (
    select n.kind, true as is_now, n.read_at > h.last_from as is_last
    from noted as n
    cross join at_hand as h
    union all
    select b.kind, false, false
    from inboxdb.canary_samples(this_canary, this_stage - 1, as_of, seen) as b
    where b.is_cohort and b.kind <> 'switched_off'
  ),
  shares as (
    select
      g.gate,
      pg_catalog.count(*) filter (where c.is_now) as samples,
      greatest(
        pg_catalog.avg((c.kind = g.kind)::integer) filter (where c.is_now),
        case
          when pg_catalog.count(*) filter (where c.is_last) >= 30
            then pg_catalog.avg((c.kind = g.kind)::integer) filter (where c.is_last)
        end
      ) as measured,
      greatest(
        0.01,
        case
          when pg_catalog.count(*) filter (where not c.is_now) >= 30
            then 2 * pg_catalog.avg((c.kind = g.kind)::integer) filter (where not c.is_now)
        end
      ) as allowed
    from (values ('refusals', 'refused'), ('failures', 'failed')) as g (gate, kind)
    left join compared as c on true
    group by g.gate, g.kind
  ),
  reads as (
    select
      n.function_name, n.class,
      pg_catalog.count(*) as samples,
      pg_catalog.min(n.allowed_ms) as allowed,
      pg_catalog.percentile_cont(0.95) within group (order by n.ms) as p95,
      pg_catalog.percentile_cont(0.95) within group (order by n.ms) filter (where n.read_at > h.last_from) as last_p95,
      pg_catalog.count(*) filter (where n.read_at > h.last_from) as last_samples,
      pg_catalog.percentile_cont(0.95) within group (order by n.ms) filter (
        where n.read_at > h.before_from and n.read_at <= h.last_from
      ) as before_p95,
      pg_catalog.count(*) filter (where n.read_at > h.before_from and n.read_at <= h.last_from) as before_samples
    from noted as n
    cross join at_hand as h
    where n.kind = 'answered'
    group by n.function_name, n.class
  ),
  looks as (
    select
      pg_catalog.count(*) as samples,
      (pg_catalog.array_agg(l.oldest_change_seconds order by l.look desc))[1] as age,
      pg_catalog.min(l.oldest_change_seconds) filter (where l.looked_at > h.last_from) as last_age,
      pg_catalog.min(l.oldest_change_seconds) filter (
        where l.looked_at > h.before_from and l.looked_at <= h.last_from
      ) as before_age,
      pg_catalog.max(l.drifted) as drifted,
      pg_catalog.max(l.quarantined) as quarantined,
      pg_catalog.date_part('epoch', inboxdb.promised_freshness()) as allowed
    from inboxdb.canary_look as l
    cross join at_hand as h
    where l.canary_number = this_canary and l.stage_number = this_stage and l.looked_at <= as_of
  )
  select
    s.gate, null, null, s.samples, s.measured, s.allowed,
    case when s.samples < 30 then 'undecided' when s.measured > s.allowed then 'breached' else 'passed' end
  from shares as s
  union all
  select
    'latency', r.function_name, r.class, r.samples, case when s.is_slow then r.last_p95 else r.p95 end, r.allowed,
    case
      when h.has_two and s.is_slow and s.was_slow then 'breached'
      when r.samples < 30 or s.is_slow or r.p95 > r.allowed then 'undecided'
      else 'passed'
    end
  from reads as r
  cross join at_hand as h
  cross join lateral (
    select
      r.last_samples >= 30 and r.last_p95 > r.allowed as is_slow,
      r.before_samples >= 30 and r.before_p95 > r.allowed as was_slow
  ) as s
  union all
  select 'latency', null, null, 0, null, null, 'undecided'
  where not exists (select from reads)
  union all
  select
    'freshness', null, null, l.samples, l.age, l.allowed,
    case
      when h.has_two and least(l.last_age, l.before_age) > l.allowed and l.before_age is not null then 'breached'
      when l.age <= l.allowed then 'passed'
      else 'undecided'
    end
  from looks as l
  cross join at_hand as h
  union all
  select
    g.gate, null, null, l.samples, g.found, 0,
    case when g.found > 0 then 'breached' when g.found = 0 then 'passed' else 'undecided' end
  from looks as l
  cross join lateral (values ('drift', l.drifted), ('quarantine', l.quarantined)) as g (gate, found)
$$;
-- <<< sql/rollout/judge_canary.sql

-- >>> sql/rollout/refuse_canary.sql
create or replace function inboxdb.refuse_canary(problem text, remedy text) returns void
language plpgsql immutable
set search_path = ''
as $$
-- Purpose: refuse what cannot be done with a canary.
-- Parameters: problem, in words; remedy, in words.
-- Errors: IB025, always.
-- INVOKER: called by start_canary, advance_canary and abort_canary only.
begin
  raise exception using
    errcode = 'IB025',
    message = problem,
    detail = 'Nothing was changed.',
    hint = remedy;
end
$$;
-- <<< sql/rollout/refuse_canary.sql

-- >>> sql/rollout/start_canary.sql
create or replace function inboxdb.start_canary(
  -- no defaults of intervals, because the catalog shows them as IntervalStyle has it
  flag text, stages integer[], observe interval, at_most interval, window_length interval
) returns integer
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: begin a canary: the flag is on for the first stage's workspaces, and off for all others, from the commit on.
-- Parameters: flag, of flag_definition; stages, growing percentages; observe and at_most, for how long a stage is
--   observed at least, and at most until undecided; window_length.
-- Returns: its number, from 1.
-- Errors: IB025 for impossible stages or times, and while another canary of the flag is at work; IB017 for an unknown
--   flag. Nothing is changed then.
-- Locks: canary, against another start.
-- Writes: canary, canary_stage; as set_flag.
-- INVOKER: for the owner.
declare
  number integer;
  now pg_catalog.timestamptz;
begin
  perform inboxdb.require_read_committed();
  if stages is null or pg_catalog.cardinality(stages) not between 1 and 20
    or not coalesce(1 <= all (stages) and 100 >= all (stages), false)
    or stages <> array(select distinct s.percentage from pg_catalog.unnest(stages) as s (percentage) order by 1)
  then
    perform inboxdb.refuse_canary(
      'a canary cannot have such stages',
      'Up to 20 percentages from 1 to 100, each greater than the one before: 5,25,100.'
    );
  elsif window_length is null or observe is null or at_most is null
    or window_length not between interval '1 millisecond' and interval '1 hour'
  then
    perform inboxdb.refuse_canary(
      'a canary cannot have such a window', 'A window (--window) has from a millisecond to an hour.'
    );
  elsif observe < 2 * window_length then
    perform inboxdb.refuse_canary(
      pg_catalog.format(
        'a stage cannot be observed for %s s (--observe), which is less than two windows of %s s (--window)',
        pg_catalog.date_part('epoch', observe), pg_catalog.date_part('epoch', window_length)
      ),
      pg_catalog.format(
        'Give windows of %s s or less, or observe for %s s or longer.',
        pg_catalog.date_part('epoch', observe) / 2, 2 * pg_catalog.date_part('epoch', window_length)
      )
    );
  elsif at_most not between observe and interval '30 days' then
    perform inboxdb.refuse_canary(
      pg_catalog.format('a stage cannot be undecided after %s s (--at-most)', pg_catalog.date_part('epoch', at_most)),
      pg_catalog.format(
        'From %s s, for which a stage is observed at least (--observe), up to 30 days.',
        pg_catalog.date_part('epoch', observe)
      )
    );
  end if;

  lock table inboxdb.canary in share row exclusive mode;
  if exists (select from inboxdb.canary as c where c.flag_name = flag collate "C" and c.ended_at is null) then
    perform inboxdb.refuse_canary(
      pg_catalog.format('a canary of flag %s is at work', flag), 'Let it end, or abort it: inboxdb canary status.'
    );
  end if;
  number := coalesce((select pg_catalog.max(c.canary_number) from inboxdb.canary as c), 0) + 1;
  perform inboxdb.set_flag(flag, stages[1] || '%', pg_catalog.format('canary %s, stage 1', number));
  -- after the flag, whose row may have been waited for
  now := inboxdb.clock();
  insert into inboxdb.canary (canary_number, flag_name, percentages, observe, at_most, window_length, started_at)
  values (number, flag, stages, observe, at_most, window_length, now);
  insert into inboxdb.canary_stage (canary_number, stage_number, percentage, began_at)
  values (number, 1, stages[1], now);
  return number;
end
$$;
-- <<< sql/rollout/start_canary.sql

-- >>> sql/rollout/end_canary.sql
create or replace function inboxdb.end_canary(this_canary integer, ended_as text, why text) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: end a canary; its flag is taken back unless the canary is complete, or somebody set the flag.
-- Parameters: this_canary; ended_as, of canary; why, in words.
-- Writes: canary; as set_flag.
-- INVOKER: called by hold_canary, look_at_canary, advance_canary and abort_canary only.
begin
  if ended_as in ('taken_back', 'aborted') then
    perform inboxdb.set_flag(
      (select c.flag_name from inboxdb.canary as c where c.canary_number = this_canary),
      'off',
      pg_catalog.left(pg_catalog.format('canary %s: %s', this_canary, why), 1000)
    );
  end if;
  update inboxdb.canary as c
  set ended_at = inboxdb.clock(), ended_as = end_canary.ended_as, why = end_canary.why
  where c.canary_number = this_canary;
end
$$;
-- <<< sql/rollout/end_canary.sql

-- >>> sql/rollout/hold_canary.sql
create or replace function inboxdb.hold_canary(this_canary integer) returns inboxdb.canary
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: lock a canary and its flag, and end the canary if its flag was set by somebody else meanwhile.
-- Parameters: this_canary.
-- Returns: the canary, as of then; null for an unknown number.
-- Errors: IB004 above READ COMMITTED.
-- Locks: the canary's row, then the flag's: two calls follow each other, and no flag is set in between.
-- Reads: canary_stage. Writes: canary, where the flag was set.
-- INVOKER: called by look_at_canary and abort_canary only.
declare
  held inboxdb.canary;
  is_now integer;
begin
  perform inboxdb.require_read_committed();
  select c.* into held from inboxdb.canary as c where c.canary_number = this_canary for update;
  if held.ended_at is not null or not found then
    return held;
  end if;
  select f.percentage into is_now from inboxdb.flag as f where f.flag_name = held.flag_name for update;
  if is_now is distinct from (
      select s.percentage
      from inboxdb.canary_stage as s
      where s.canary_number = this_canary
      order by s.stage_number desc
      limit 1
    )
  then
    perform inboxdb.end_canary(
      this_canary, 'overtaken', pg_catalog.format('flag %s was set by somebody: see its history', held.flag_name)
    );
    select c.* into held from inboxdb.canary as c where c.canary_number = this_canary;
  end if;
  return held;
end
$$;
-- <<< sql/rollout/hold_canary.sql

-- >>> sql/rollout/look_at_canary.sql
create or replace function inboxdb.look_at_canary(this_canary integer) returns text
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: look at a canary and judge its stage, and take the flag back if a gate is breached; all in this transaction.
-- Parameters: this_canary.
-- Returns: observing; passed, if the stage may end; undecided, if observed for as long as may be; else how the canary
--   has ended. Null for an unknown canary.
-- Errors: IB004 above READ COMMITTED.
-- Locks: as hold_canary.
-- Reads: waiting, drift, work_list; as judge_canary. Writes: canary_look; as end_canary.
-- INVOKER: for the owner, and called by look_at_canaries.
declare
  held constant inboxdb.canary := inboxdb.hold_canary(this_canary);
  now constant pg_catalog.timestamptz := inboxdb.clock();
  stage inboxdb.canary_stage;
  this_look integer;
  breaches pg_catalog.text;
  judged pg_catalog.text;
begin
  if held.ended_at is not null or held.canary_number is null then
    return held.ended_as;
  end if;
  select s.* into stage
  from inboxdb.canary_stage as s
  where s.canary_number = this_canary
  order by s.stage_number desc
  limit 1;
  this_look := coalesce(
    (select pg_catalog.max(l.look) from inboxdb.canary_look as l where l.canary_number = this_canary), 0
  ) + 1;
  insert into inboxdb.canary_look (
    canary_number, look, stage_number, looked_at, seen, oldest_change_seconds, drifted, quarantined
  )
  select
    this_canary, this_look, stage.stage_number, now, pg_catalog.pg_current_snapshot(),
    coalesce(
      greatest(
        pg_catalog.date_part('epoch', now - (
          select pg_catalog.min(w.since)
          from inboxdb.waiting as w
          -- quarantine has a gate of its own, for what happens since the start
          where not exists (
              select from inboxdb.work_list as q where q.client_id = w.client_id and q.quarantined_at is not null
            )
        )), 0
      ), 0
    ),
    (select pg_catalog.count(*) from inboxdb.drift as d where d.found_at >= held.started_at),
    (select pg_catalog.count(*) from inboxdb.work_list as w where w.quarantined_at >= held.started_at);
  perform inboxdb.checkpoint('look_at_canary: looked');

  with gates as (
    select g.*
    from inboxdb.canary_look as l
    cross join lateral inboxdb.judge_canary(this_canary, l.stage_number, l.looked_at, l.seen) as g
    where l.canary_number = this_canary and l.look = this_look
  )
  select
    pg_catalog.string_agg(
      pg_catalog.concat_ws(' ', g.gate, g.function_name, g.class)
      || pg_catalog.format(' %s, allowed %s', g.measured::numeric(20, 3), g.allowed::numeric(20, 3)), '; '
      order by g.gate, g.function_name, g.class
    ) filter (where g.verdict = 'breached'),
    case
      when pg_catalog.bool_or(g.verdict = 'breached') then 'breached'
      when now < stage.began_at + held.observe then 'observing'
      when pg_catalog.bool_and(g.verdict = 'passed') then 'passed'
      when now < stage.began_at + held.at_most then 'observing'
      else 'undecided'
    end
  into breaches, judged
  from gates as g;
  update inboxdb.canary_look as l
  set verdict = judged
  where l.canary_number = this_canary and l.look = this_look;
  perform inboxdb.checkpoint('look_at_canary: judged');

  if judged = 'breached' then
    perform inboxdb.end_canary(
      this_canary, 'taken_back', pg_catalog.format('stage %s breached: %s', stage.stage_number, breaches)
    );
    perform inboxdb.checkpoint('look_at_canary: taken back');
    return 'taken_back';
  end if;
  return judged;
end
$$;
-- <<< sql/rollout/look_at_canary.sql

-- >>> sql/rollout/look_at_canaries.sql
create or replace function inboxdb.look_at_canaries() returns jsonb
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: look at each canary at work without a look for half a minute: drains take flags back, too.
-- Returns: for the drain's log, an array with an object for each flag taken back; null where none was.
-- Reads: canary, canary_look. Writes: as look_at_canary; a canary held by another session is passed over.
-- INVOKER: called by maintain, by its name in view maintenance.
declare
  number integer;
  taken_back pg_catalog.jsonb;
begin
  for number in
    select c.canary_number
    from inboxdb.canary as c
    where c.ended_at is null
      and not exists (
        select
        from inboxdb.canary_look as l
        where l.canary_number = c.canary_number and l.looked_at > inboxdb.clock() - interval '30 seconds'
      )
    order by c.canary_number
    for update skip locked
  loop
    if inboxdb.look_at_canary(number) = 'taken_back' then
      taken_back := coalesce(taken_back, '[]') || (
        select
          pg_catalog.jsonb_build_object(
            'event', 'took a flag back', 'action', 'canary', 'flag', c.flag_name, 'canary', number, 'why', c.why
          )
        from inboxdb.canary as c
        where c.canary_number = number
      );
    end if;
  end loop;
  return taken_back;
end
$$;
-- <<< sql/rollout/look_at_canaries.sql

-- >>> sql/rollout/advance_canary.sql
create or replace function inboxdb.advance_canary(this_canary integer) returns text
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: go on to a canary's next stage, or complete the canary after its last, if a look right now passes the stage.
-- Parameters: this_canary.
-- Returns: observing, in the next stage; complete; or how the canary has ended, now or before.
-- Errors: IB025 for an unknown canary, or a stage not passed; IB004 above READ COMMITTED. Nothing is changed then.
-- Writes: canary_stage; as look_at_canary, end_canary and set_flag.
-- INVOKER: for the owner.
declare
  judged constant pg_catalog.text := inboxdb.look_at_canary(this_canary);
  held inboxdb.canary;
  next integer;
begin
  if judged is null then
    perform inboxdb.refuse_canary('there is no such canary', 'inboxdb canary status: those that there are.');
  elsif judged in ('observing', 'undecided') then
    perform inboxdb.refuse_canary(
      pg_catalog.format('the stage of canary %s is not passed: it is %s', this_canary, judged),
      'Wait until every gate is passed: inboxdb canary status. Or set the flag by hand, which ends the canary.'
    );
  elsif judged <> 'passed' then
    return judged;
  end if;
  select c.* into held from inboxdb.canary as c where c.canary_number = this_canary;
  next := (
    select pg_catalog.max(s.stage_number) + 1 from inboxdb.canary_stage as s where s.canary_number = this_canary
  );
  if next > pg_catalog.cardinality(held.percentages) then
    perform inboxdb.end_canary(this_canary, 'complete', 'every stage was passed');
    return 'complete';
  end if;
  perform inboxdb.set_flag(
    held.flag_name, held.percentages[next] || '%', pg_catalog.format('canary %s, stage %s', this_canary, next)
  );
  perform inboxdb.checkpoint('advance_canary: set');
  insert into inboxdb.canary_stage (canary_number, stage_number, percentage, began_at)
  values (this_canary, next, held.percentages[next], inboxdb.clock());
  perform inboxdb.checkpoint('advance_canary: advanced');
  return 'observing';
end
$$;
-- <<< sql/rollout/advance_canary.sql

-- >>> sql/rollout/abort_canary.sql
create or replace function inboxdb.abort_canary(this_canary integer, why text) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: end a canary and take its flag back, from the commit on.
-- Parameters: this_canary; why, in words.
-- Errors: IB025 for an unknown or ended canary, or no reason. Nothing is changed then.
-- Writes: as hold_canary and end_canary.
-- INVOKER: for the owner.
declare
  held constant inboxdb.canary := inboxdb.hold_canary(this_canary);
begin
  if held.canary_number is null or held.ended_at is not null then
    perform inboxdb.refuse_canary(
      coalesce(
        pg_catalog.format('canary %s has ended: %s', held.canary_number, held.ended_as), 'there is no such canary'
      ),
      'inboxdb canary status: those at work.'
    );
  elsif why is null or why !~ '[^[:space:]]' or pg_catalog.char_length(why) > 900 then
    perform inboxdb.refuse_canary('no canary is aborted without a reason', 'Up to 900 characters say why.');
  end if;
  perform inboxdb.end_canary(this_canary, 'aborted', why);
end
$$;
-- <<< sql/rollout/abort_canary.sql

-- >>> sql/rollout/canary_evidence.sql
create or replace function inboxdb.canary_evidence(this_canary integer) returns jsonb
language sql stable
set search_path = ''
as $$
  -- Purpose: everything for and against a canary, by samples and looks: the same at any later time, as long as the
  --   samples are kept.
  -- Parameters: this_canary.
  -- Returns: an object: canary; history of the flag until the canary's end, or its last look; stages, each as of its
  --   last look: gates, reads of the cohort and of the rest, windows (95th percentiles), the stage's first and last
  --   look; null for an unknown canary. No workspace is named.
  -- Reads: canary, canary_stage, canary_look, flag_history, flag_definition; as judge_canary.
  -- INVOKER: for the owner.
  with
  judged as (
    select s.stage_number, s.percentage, s.began_at, l.looked_at, l.seen, l.verdict, first.look as first_look, l.look
    from inboxdb.canary_stage as s
    left join lateral (
      select pg_catalog.min(one.look) as look, pg_catalog.max(one.look) as last_look
      from inboxdb.canary_look as one
      where one.canary_number = s.canary_number and one.stage_number = s.stage_number
    ) as first on true
    left join inboxdb.canary_look as l on s.canary_number = l.canary_number and first.last_look = l.look
    where s.canary_number = this_canary
  ),
  noted as materialized (
    select j.stage_number, n.*
    from judged as j
    cross join lateral inboxdb.canary_samples(this_canary, j.stage_number, j.looked_at, j.seen) as n
  ),
  codes as (
    select n.stage_number, n.function_name, n.class, n.is_cohort, n.outcome, pg_catalog.count(*) as number
    from noted as n
    where n.outcome <> 'ok'
    group by n.stage_number, n.function_name, n.class, n.is_cohort, n.outcome
  ),
  reads as (
    select
      n.stage_number, n.function_name, n.class, n.is_cohort,
      pg_catalog.count(*) as samples,
      pg_catalog.count(distinct n.client_id) as workspaces,
      pg_catalog.percentile_cont(array[0.5, 0.95, 0.99]) within group (order by n.ms)
      filter (where n.kind = 'answered') as at,
      pg_catalog.max(n.ms) filter (where n.kind = 'answered') as longest
    from noted as n
    group by n.stage_number, n.function_name, n.class, n.is_cohort
  ),
  windows as (
    select
      n.stage_number, n.function_name, n.class, w.number,
      pg_catalog.percentile_cont(0.95) within group (order by n.ms) as p95, pg_catalog.count(*) as samples
    from noted as n
    inner join judged as j on n.stage_number = j.stage_number
    inner join inboxdb.canary as c on c.canary_number = this_canary
    cross join lateral (
      select
        pg_catalog.floor(
          pg_catalog.date_part('epoch', n.read_at - j.began_at) / pg_catalog.date_part('epoch', c.window_length)
        )::integer as number
    ) as w
    where n.is_cohort and n.kind = 'answered'
    group by n.stage_number, n.function_name, n.class, w.number
  )
  select
    pg_catalog.jsonb_build_object(
      'canary', pg_catalog.jsonb_build_object(
        'number', c.canary_number, 'flag', c.flag_name, 'stages', c.percentages,
        'meaning', (select d.meaning from inboxdb.flag_definition as d where d.flag_name = c.flag_name),
        'observe_seconds', pg_catalog.date_part('epoch', c.observe),
        'at_most_seconds', pg_catalog.date_part('epoch', c.at_most),
        'window_seconds', pg_catalog.date_part('epoch', c.window_length),
        'started_at', inboxdb.iso(c.started_at), 'started_by', c.started_by,
        'ended_at', inboxdb.iso(c.ended_at), 'ended_as', c.ended_as, 'why', c.why
      ),
      'history', (
        select
          coalesce(
            pg_catalog.jsonb_agg(
              pg_catalog.jsonb_build_object(
                'at', inboxdb.iso(h.changed_at), 'state', h.state, 'by', h.changed_by, 'why', h.why,
                'for_one_workspace', h.client_id is not null
              ) order by h.number
            ), '[]'
          )
        from inboxdb.flag_history as h
        where h.flag_name = c.flag_name
          -- the entry of the start is older than the canary's row, by a moment
          and h.number >= (
            select coalesce(pg_catalog.max(b.number), 0)
            from inboxdb.flag_history as b
            where b.flag_name = c.flag_name and b.changed_at <= c.started_at
          )
          and h.changed_at <= coalesce(
            c.ended_at, (select pg_catalog.max(j.looked_at) from judged as j), c.started_at
          )
      ),
      'stages', (
        select
          pg_catalog.jsonb_agg(
            pg_catalog.jsonb_build_object(
              'stage', j.stage_number, 'percentage', j.percentage, 'from', inboxdb.iso(j.began_at),
              'to', inboxdb.iso(j.looked_at), 'verdict', j.verdict,
              'gates', (
                select
                  coalesce(
                    pg_catalog.jsonb_agg(
                      pg_catalog.jsonb_build_object(
                        'gate', g.gate, 'read', g.function_name, 'class', g.class, 'samples', g.samples,
                        'measured', pg_catalog.round(g.measured::numeric, 3),
                        'allowed', pg_catalog.round(g.allowed::numeric, 3), 'verdict', g.verdict
                      ) order by g.gate collate "C", g.function_name collate "C", g.class collate "C"
                    ), '[]'
                  )
                from inboxdb.judge_canary(this_canary, j.stage_number, j.looked_at, j.seen) as g
                where j.look is not null
              ),
              'reads', (
                select
                  coalesce(
                    pg_catalog.jsonb_agg(
                      pg_catalog.jsonb_build_object(
                        'read', r.function_name, 'class', r.class,
                        'of', case when r.is_cohort then 'cohort' else 'rest' end,
                        'workspaces', r.workspaces, 'samples', r.samples,
                        'other_outcomes', (
                          select coalesce(pg_catalog.jsonb_object_agg(o.outcome, o.number), '{}')
                          from codes as o
                          where o.stage_number = r.stage_number and o.function_name = r.function_name
                            and o.class is not distinct from r.class and o.is_cohort = r.is_cohort
                        ),
                        'p50', pg_catalog.round(r.at[1]::numeric, 3), 'p95', pg_catalog.round(r.at[2]::numeric, 3),
                        'p99', pg_catalog.round(r.at[3]::numeric, 3), 'max', pg_catalog.round(r.longest::numeric, 3)
                      ) order by r.is_cohort desc, r.function_name collate "C", r.class collate "C"
                    ), '[]'
                  )
                from reads as r
                where r.stage_number = j.stage_number
              ),
              'windows', (
                select
                  coalesce(
                    pg_catalog.jsonb_agg(
                      pg_catalog.jsonb_build_object(
                        'read', w.function_name, 'class', w.class, 'window', w.number, 'samples', w.samples,
                        'p95', pg_catalog.round(w.p95::numeric, 3)
                      ) order by w.function_name collate "C", w.class collate "C", w.number
                    ), '[]'
                  )
                from windows as w
                where w.stage_number = j.stage_number
              ),
              'looks', (
                select
                  coalesce(
                    pg_catalog.jsonb_agg(
                      pg_catalog.jsonb_build_object(
                        'at', inboxdb.iso(l.looked_at), 'verdict', l.verdict,
                        'oldest_change_seconds', pg_catalog.round(l.oldest_change_seconds::numeric, 3),
                        'drifted', l.drifted, 'quarantined', l.quarantined
                      ) order by l.look
                    ), '[]'
                  )
                from inboxdb.canary_look as l
                where l.canary_number = this_canary and l.look in (j.first_look, j.look)
              )
            ) order by j.stage_number
          )
        from judged as j
      )
    )
  from inboxdb.canary as c
  where c.canary_number = this_canary
$$;
-- <<< sql/rollout/canary_evidence.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;

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

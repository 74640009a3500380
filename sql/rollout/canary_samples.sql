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

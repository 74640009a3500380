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

-- Looks for: canaries that were taken back in the last day, are undecided, or have nobody who looks.
-- Why: a breach takes a flag back by itself, so that nobody may have noticed; without looks no breach is seen.
-- Evidence: canary, canary_look, for the role that installed inboxdb.
-- Source of the rule: sql/rollout/look_at_canary.sql.
with latest as (
  select distinct on (l.canary_number) l.canary_number, l.looked_at, l.verdict
  from inboxdb.canary_look as l
  order by l.canary_number asc, l.look desc
),

at_work as (
  select
    c.canary_number, c.flag_name, l.verdict,
    coalesce(l.looked_at, c.started_at) > inboxdb.clock() - interval '5 minutes' as is_watched
  from inboxdb.canary as c
  left join latest as l on c.canary_number = l.canary_number
  where c.ended_at is null
)

select
  'note' as severity,
  pg_catalog.format(
    'canary %s of flag %s was taken back at %s: %s', c.canary_number, c.flag_name,
    pg_catalog.date_trunc('second', c.ended_at), c.why
  ) as evidence,
  pg_catalog.format(
    '`inboxdb canary report %s --number %s --out .` says more%s', c.flag_name, c.canary_number,
    case when f.percentage = 0 then '; the flag is off until somebody sets it' end
  ) as remedy
from inboxdb.canary as c
left join inboxdb.flag as f on c.flag_name = f.flag_name
where c.ended_as = 'taken_back' and c.ended_at > inboxdb.clock() - interval '1 day'
union all
select
  'note' as severity,
  pg_catalog.format(
    'canary %s of flag %s is undecided: too few samples, or too slow for now', c.canary_number, c.flag_name
  ) as evidence,
  pg_catalog.format('`inboxdb canary status %s` says which gate; report more reads', c.flag_name) as remedy
from at_work as c
where c.is_watched and c.verdict = 'undecided'
union all
select
  'problem' as severity,
  pg_catalog.format(
    'canary %s of flag %s had no look for five minutes, so that no breach is seen', c.canary_number, c.flag_name
  ) as evidence,
  pg_catalog.format(
    '`inboxdb canary watch %1$s`, or a drain; `inboxdb canary abort %1$s --why "nobody looks"`', c.flag_name
  ) as remedy
from at_work as c
where not c.is_watched;

-- Looks for: flags that are off for a workspace.
-- Why: reads behind such a flag are refused (IB015), which looks like an outage to whoever did not switch them off.
-- Evidence: flag, flag_override, flag_history, and the canary that set the flag, for the role that installed inboxdb.
-- Source of the rule: sql/access/is_on_for.sql.
with own as (
  select o.flag_name, pg_catalog.count(*) as workspaces, pg_catalog.count(*) filter (where not o.is_on) as switched_off
  from inboxdb.flag_override as o
  group by o.flag_name
),

latest as (
  select distinct on (h.flag_name) h.flag_name, h.changed_at, h.changed_by
  from inboxdb.flag_history as h
  order by h.flag_name asc, h.number desc
),

at_work as (
  select distinct on (c.canary_number) c.flag_name, c.canary_number, s.stage_number, s.percentage
  from inboxdb.canary as c
  inner join inboxdb.canary_stage as s on c.canary_number = s.canary_number
  where c.ended_at is null
  order by c.canary_number asc, s.stage_number desc
)

select
  'note' as severity,
  pg_catalog.format(
    'flag %s is %s%s, %s', f.flag_name,
    case
      when f.percentage = 0 then 'off'
      when f.percentage < 100 then 'on for ' || f.percentage || '% of workspaces'
      else 'on'
    end,
    ', and ' || case when o.workspaces = 1 then '1 workspace has' else o.workspaces || ' workspaces have' end
    || ' a state of their own, ' || o.switched_off || ' of them off',
    case
      when w.canary_number is not null
        then pg_catalog.format('by canary %s, stage %s, which is at work', w.canary_number, w.stage_number)
      else pg_catalog.format('set last at %s by %s', pg_catalog.date_trunc('second', l.changed_at), l.changed_by)
    end
  ) as evidence,
  pg_catalog.format(
    case
      when w.canary_number is not null
        then '`inboxdb canary status %1$s` says how far it is; who sets the flag by hand ends it'
      else '`inboxdb flags history %1$s` says why; once it is to be on again: '
        || '`inboxdb flags set %1$s on --why "as before"`'
    end, f.flag_name
  ) as remedy
from inboxdb.flag as f
left join own as o on f.flag_name = o.flag_name
left join latest as l on f.flag_name = l.flag_name
left join at_work as w on f.flag_name = w.flag_name and f.percentage = w.percentage
where f.percentage < 100 or o.switched_off > 0
order by f.flag_name;

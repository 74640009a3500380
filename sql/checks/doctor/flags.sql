-- Looks for: flags that are off for a workspace.
-- Why: reads behind such a flag are refused (IB015), which looks like an outage to whoever did not switch them off.
-- Evidence: flag, flag_override, flag_history, for the role that installed inboxdb.
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
)

select
  'note' as severity,
  pg_catalog.format(
    'flag %s is %s%s, set last at %s by %s', f.flag_name,
    case
      when f.percentage = 0 then 'off'
      when f.percentage < 100 then 'on for ' || f.percentage || '% of workspaces'
      else 'on'
    end,
    ', and ' || o.workspaces || ' workspaces have a state of their own, ' || o.switched_off || ' of them off',
    pg_catalog.date_trunc('second', l.changed_at), l.changed_by
  ) as evidence,
  pg_catalog.format(
    '`inboxdb flags history %1$s` says why; once it is to be on again: `inboxdb flags set %1$s on --why "as before"`',
    f.flag_name
  ) as remedy
from inboxdb.flag as f
left join own as o on f.flag_name = o.flag_name
left join latest as l on f.flag_name = l.flag_name
where f.percentage < 100 or o.switched_off > 0
order by f.flag_name;

-- Looks for: settled workspaces whose stored counts differ from the live counts, in a random sample; and settled
-- workspaces without counts.
-- Why: a write went past our triggers and was not noted: a restore, a replica, a message moved by itself.
-- Evidence: verify_workspace(), for the role that installed inboxdb; reads only. Costs a scan of at most 20 workspaces
-- with 200,000 leads in all, as of their last refreshes; larger workspaces are left to `inboxdb verify`.
-- Source of the rule: stored counts equal live counts (sql/operations/verify_workspace.sql).
with settled as materialized (
  select k.client_id, w.leads
  from inboxdb.known_workspace as k
  left join inboxdb.workspace as w on k.client_id = w.client_id
  where not exists (
      select from inboxdb.waiting as q
      where q.client_id = k.client_id
    )
),

shuffled as (
  select
    s.client_id,
    pg_catalog.sum(s.leads) over drawn as leads_so_far,
    pg_catalog.row_number() over drawn as place
  from settled as s
  where s.leads <= 200000
  window drawn as (order by pg_catalog.random() rows unbounded preceding)
),

sample as materialized (
  select s.client_id
  from shuffled as s
  where s.place <= 20 and s.leads_so_far <= 200000
),

compared as materialized (
  select s.client_id, v.drifted, v.scopes
  from sample as s
  cross join lateral inboxdb.verify_workspace(s.client_id) as v
  where v.settled
)

select
  'problem' as severity,
  pg_catalog.format(
    'workspace %s: %s of %s scopes differ from the live counts, and nothing waits', c.client_id, c.drifted, c.scopes
  ) as evidence,
  '`inboxdb verify --repair`, which looks at every workspace; then find out who writes past the triggers' as remedy
from compared as c
where c.drifted > 0
union all
select
  'problem' as severity,
  pg_catalog.format('%s workspaces have never been counted, and nothing waits', pg_catalog.count(*)) as evidence,
  '`inboxdb mark --all`, then `inboxdb drain-dirty`' as remedy
from settled as s
where s.leads is null
having pg_catalog.count(*) > 0
union all
select
  'not looked at' as severity,
  'no workspace was small enough for a sample' as evidence,
  '`inboxdb verify --sample 1` takes the time it needs' as remedy
where exists (
    select from settled as s
    where s.leads > 200000
  )
  and not exists (
    select from settled as s
    where s.leads <= 200000
  );

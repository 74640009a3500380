-- Looks for: UPDATEs of "Lead" that name every column and change nothing counted, as those of many ORMs do, where
-- whatever is named is noted.
-- Why: each is two changes and a refresh for nothing; comparing in the trigger costs less.
-- Evidence: the changes that wait, 1,000 leads at most, compared with counted_lead by key; readable by the role that
-- installed inboxdb. Silent where fewer than 100 leads wait, because a host that writes little has nothing to save.
-- Source of the rule: D125.
with updated as (
  select c.client_id, c.lead_id, c.xid, c.changed
  from inboxdb.change_0 as c
  where c.changed & 3 > 0
  union all
  select c.client_id, c.lead_id, c.xid, c.changed
  from inboxdb.change_1 as c
  where c.changed & 3 > 0
  union all
  select c.client_id, c.lead_id, c.xid, c.changed
  from inboxdb.change_2 as c
  where c.changed & 3 > 0
  union all
  select c.client_id, c.lead_id, c.xid, c.changed
  from inboxdb.change_3 as c
  where c.changed & 3 > 0
),

noted as materialized (
  select n.client_id, n.lead_id, pg_catalog.bool_or(n.kinds = 3) as names_both_kinds
  from (
    select u.client_id, u.lead_id, pg_catalog.bit_or(u.changed & 3) as kinds
    from updated as u
    group by u.client_id, u.lead_id, u.xid
  ) as n
  where n.client_id is not null and n.lead_id is not null
  group by n.client_id, n.lead_id
  order by n.client_id, n.lead_id
  limit 1000
),

in_vain as materialized (
  select pg_catalog.count(*) as leads
  from (
    select pg_catalog.array_agg(n.client_id) as client_ids, pg_catalog.array_agg(n.lead_id) as lead_ids
    from noted as n
    where n.names_both_kinds
  ) as n
  cross join lateral inboxdb.changed_leads(n.client_ids, n.lead_ids, inboxdb.clock()) as c
  where (c.lead).is_here
    and ((c.lead).old_hash, (c.lead).old_user, (c.lead).old_counts, (c.lead).old_snooze)
    is not distinct from ((c.lead).new_hash, (c.lead).new_user, (c.lead).new_counts, (c.lead).new_snooze)
)

select
  'note' as severity,
  pg_catalog.format(
    'of the last %s leads noted by UPDATEs, %s %% were named with both kinds of counted columns, and count as before',
    s.noted, 100 * v.leads / s.noted
  ) as evidence,
  '`inboxdb noted-updates changed`, if the application saves whole rows: see its --help for what that leaves to audits'
    as remedy
from in_vain as v
cross join (select pg_catalog.count(*) as noted from noted) as s
where s.noted >= 100
  and 2 * v.leads >= s.noted
  and inboxdb.setting('noted_updates') = 'named';

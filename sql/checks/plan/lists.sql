-- Looks for: columns by which lists sort and filter, where the host lacks one.
-- Evidence: the catalog, readable by everybody.
-- Reads nothing of inboxdb.plan.
-- Source of the rule: sql/list/missing_for_lists.sql, from which `make migration` writes this list.
with needed (place, host_table, host_column, types) as (
  values
  -- list: list columns, as in list/missing_for_lists.sql
  (1, 'Lead', 'lastMessageAt', 'timestamp%'),
  (2, 'Lead', 'createdAt', 'timestamp%'),
  (3, 'Lead', 'updatedAt', 'timestamp%'),
  (4, 'Lead', 'overallScore', 'integer'),
  (5, 'Lead', 'smsCampaignId', '%'),
  (6, 'Message', 'id', '%'),
  (7, 'Message', 'sentAt', 'timestamp%'),
  (8, 'Message', 'body', '%'),
  (9, 'Message', 'subject', '%'),
  (10, 'Message', 'sentByUserId', '%'),
  (11, 'AIDraft', 'channel', '%'),
  (12, 'SmsCampaign', 'id', '%'),
  (13, 'SmsCampaign', 'name', '%')
  -- end
)

select
  'warning' as severity,
  null as migration,
  pg_catalog.format(
    'column public.%I.%I is missing%s', n.host_table, n.host_column,
    ', or of another type than ' || nullif(pg_catalog.rtrim(n.types, '%'), '')
  ) as evidence,
  'counts do without; lists come once the column is there, with `inboxdb migrate verify --repair`, then'
  ' `inboxdb lists build`' as remedy
from needed as n
where not exists (
    select
    from pg_catalog.pg_attribute as a
    where a.attrelid = pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table))
      and a.attname = n.host_column
      and not a.attisdropped
      and pg_catalog.format_type(a.atttypid, null) like n.types
  )
order by n.place;

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
union all
select
  'warning' as severity,
  null as migration,
  'column public."SmsCampaign".id is of another type than public."Lead"."smsCampaignId"' as evidence,
  'counts do without; lists come once both have one type, with `inboxdb migrate verify --repair`, then'
  ' `inboxdb lists build`' as remedy
from (
  select
    pg_catalog.count(
      distinct pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text')
    ) as different
  from pg_catalog.pg_attribute as a
  where not a.attisdropped
    and (
      a.attrelid = pg_catalog.to_regclass('public."SmsCampaign"') and a.attname = 'id'
      or a.attrelid = pg_catalog.to_regclass('public."Lead"') and a.attname = 'smsCampaignId'
    )
) as compared
where compared.different > 1;

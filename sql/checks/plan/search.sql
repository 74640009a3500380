-- Looks for: columns that are searched, where the host lacks one.
-- Evidence: the catalog, readable by everybody.
-- Reads nothing of inboxdb.plan.
-- Source of the rule: sql/search/missing_for_search.sql, from which `make migration` writes this list.
with needed (place, host_table, host_column, types) as (
  values
  -- list: searched columns, as in search/missing_for_search.sql
  (1, 'Lead', 'firstName', 'text'),
  (2, 'Lead', 'lastName', 'text'),
  (3, 'Lead', 'email', 'text'),
  (4, 'Lead', 'phone', 'text'),
  (5, 'Lead', 'companyName', 'text'),
  (6, 'Lead', 'alternateEmails', 'text[]'),
  (7, 'Lead', 'currentReplierEmail', 'text'),
  (8, 'Lead', 'smsCampaignId', '%'),
  (9, 'SmsCampaign', 'id', '%'),
  (10, 'SmsCampaign', 'name', 'text')
  -- end
)

select
  'warning' as severity,
  null as migration,
  pg_catalog.format(
    'column public.%I.%I is missing%s', n.host_table, n.host_column,
    ', or of another type than ' || nullif(n.types, '%')
  ) as evidence,
  'lists do without; their search comes once the column is there, with `inboxdb migrate verify --repair`' as remedy
from needed as n
where not exists (
    select
    from pg_catalog.pg_attribute as a
    where a.attrelid = pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table))
      and a.attname = n.host_column
      and not a.attisdropped
      and pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text') like n.types
  )
order by n.place;

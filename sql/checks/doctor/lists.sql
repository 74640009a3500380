-- Looks for: an index of the lists that is missing or invalid, where others are there, the host's own for the list by
-- update among them; columns that the host lacks for lists.
-- Why: pages are refused, and by update cost a scan of the workspace; without the columns there are no lists.
-- Evidence: the catalog; the setting lists, readable by the role that installed inboxdb. Lists whose indexes were left
-- out are no finding.
-- Source of the rule: sql/list/list_indexes.sql; sql/list/missing_for_lists.sql, from which `make migration` writes the
-- list of columns.
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
),

wanted (name) as (
  values
  ('public.inboxdb_list_all'),
  ('public.inboxdb_list_all_by_user'),
  ('public.inboxdb_list_needs_repair'),
  ('public.inboxdb_list_responses'),
  ('public.inboxdb_list_tagged'),
  ('inboxdb.counted_lead_ai_review_idx'),
  ('inboxdb.counted_lead_ai_sent_idx')
),

found (name, is_there, is_valid) as (
  select w.name, i.indexrelid is not null, coalesce(i.indisvalid, false)
  from wanted as w
  left join pg_catalog.pg_index as i on pg_catalog.to_regclass(w.name) = i.indexrelid
)

select
  'warning' as severity,
  pg_catalog.format('index %s is %s', f.name, case when f.is_there then 'invalid' else 'missing' end) as evidence,
  '`inboxdb lists build`' as remedy
from found as f
where not f.is_valid and inboxdb.setting('lists') = 'built'
union all
select
  'warning' as severity,
  'no index of public."Lead" begins with "clientId", "updatedAt"' as evidence,
  'create index concurrently on public."Lead" ("clientId", "updatedAt" desc)' as remedy
from pg_catalog.pg_attribute as client
inner join pg_catalog.pg_attribute as updated on client.attrelid = updated.attrelid and updated.attname = 'updatedAt'
where client.attrelid = pg_catalog.to_regclass('public."Lead"') and client.attname = 'clientId'
  and inboxdb.setting('lists') = 'built'
  and not exists (
    select
    from pg_catalog.pg_index as i
    where i.indrelid = client.attrelid
      and i.indkey[0] = client.attnum
      and i.indkey[1] = updated.attnum
      and i.indisvalid
      and i.indpred is null
  )
union all
select
  'warning' as severity,
  pg_catalog.format(
    'there are no conversation lists: column public.%I.%I is missing%s', n.host_table, n.host_column,
    ', or of another type than ' || nullif(pg_catalog.rtrim(n.types, '%'), '')
  ) as evidence,
  'add the column, then `inboxdb migrate verify --repair` and `inboxdb lists build`' as remedy
from needed as n
where not exists (
    select
    from pg_catalog.pg_attribute as a
    where pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table)) = a.attrelid
      and n.host_column = a.attname
      and not a.attisdropped
      and pg_catalog.format_type(a.atttypid, null) like n.types
  )
union all
select
  'warning' as severity,
  'there are no conversation lists: column public."SmsCampaign".id is of another type than'
  ' public."Lead"."smsCampaignId"' as evidence,
  'give both one type, then `inboxdb migrate verify --repair` and `inboxdb lists build`' as remedy
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

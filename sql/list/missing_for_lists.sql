create or replace function inboxdb.missing_for_lists() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: find out which columns of the host's are missing that lists sort and filter by. Columns that are only
  --   shown may be missing: their keys are null then.
  -- Returns: their names; null where every column is there.
  -- Reads: the system catalog.
  -- INVOKER: reads the catalog only.
  select pg_catalog.string_agg(pg_catalog.format('public.%I.%I', n.host_table, n.host_column), ', ' order by n.place)
  from (
    values
    (1, 'Lead', 'lastMessageAt'),
    (2, 'Lead', 'createdAt'),
    (3, 'Lead', 'updatedAt'),
    (4, 'Lead', 'overallScore'),
    (5, 'Lead', 'smsCampaignId'),
    (6, 'Message', 'id'),
    (7, 'Message', 'sentAt'),
    (8, 'Message', 'body'),
    (9, 'Message', 'subject'),
    (10, 'AIDraft', 'channel'),
    (11, 'SmsCampaign', 'id'),
    (12, 'SmsCampaign', 'name')
  ) as n (place, host_table, host_column)
  where not exists (
    select
    from pg_catalog.pg_attribute as a
    where a.attrelid = pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table))
      and a.attname = n.host_column
      and not a.attisdropped
  )
$$;

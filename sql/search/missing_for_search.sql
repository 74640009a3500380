create or replace function inboxdb.missing_for_search() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: find out whether the host has the columns that are searched, in types that do.
  -- Returns: the names of missing columns; null where every column is there.
  -- Reads: the system catalog.
  -- INVOKER: reads the catalog only.
  with needed (place, host_table, host_column, types) as (
    values
    -- list: searched columns
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
    pg_catalog.string_agg(pg_catalog.format('public.%I.%I', n.host_table, n.host_column), ', ' order by n.place)
  from needed as n
  where not exists (
      select
      from pg_catalog.pg_attribute as a
      where pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table)) = a.attrelid
        and a.attname = n.host_column
        and not a.attisdropped
        -- without the quotes of a session that quotes all identifiers
        and pg_catalog.replace(
          pg_catalog.translate(pg_catalog.format_type(a.atttypid, null), '"', ''), 'character varying', 'text'
        ) like n.types
    )
$$;

create or replace function inboxdb.missing_for_lists() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: find out whether the host has the columns by which lists sort and filter, in types that do. Columns only
  --   shown may be missing: their keys are null then.
  -- Returns: the names of missing columns; null where every column is there.
  -- Reads: the system catalog.
  -- INVOKER: reads the catalog only.
  with needed (place, host_table, host_column, types) as (
    values
    -- list: list columns
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

  found (place, name, type_name) as (
    select
      n.place, pg_catalog.format('public.%I.%I', n.host_table, n.host_column),
      (
        -- without the quotes of a session that quotes all identifiers
        select pg_catalog.replace(
            pg_catalog.translate(pg_catalog.format_type(a.atttypid, null), '"', ''), 'character varying', 'text'
          )
        from pg_catalog.pg_attribute as a
        where a.attrelid = pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table))
          and a.attname = n.host_column
          and not a.attisdropped
          and pg_catalog.format_type(a.atttypid, null) like n.types
      )
    from needed as n
  )

  select pg_catalog.string_agg(f.name, ', ' order by f.place)
  from found as f
  where f.type_name is null
    -- compared with each other
    or f.place = 12 and f.type_name <> (select other.type_name from found as other where other.place = 5)
$$;

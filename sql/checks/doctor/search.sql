-- Looks for: columns that searches need and the host lacks; the extensions for searches by parts of words; a database
-- whose own ctype knows letters of ASCII alone.
-- Why: there is no search; by parts of words only the newest leads are found; other letters are looked for among the
-- newest leads alone.
-- Evidence: the catalog, readable by everybody.
-- Source of the rule: sql/search/missing_for_search.sql, from which `make migration` writes the list of columns;
-- sql/search/search_indexes.sql; pg_trgm takes letters by the database's ctype.
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
),

missing (host_table, host_column, types) as (
  select n.host_table, n.host_column, n.types
  from needed as n
  where not exists (
      select
      from pg_catalog.pg_attribute as a
      where pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table)) = a.attrelid
        and n.host_column = a.attname
        and not a.attisdropped
        and pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text') like n.types
    )
)

select
  'warning' as severity,
  pg_catalog.format(
    'there is no search: column public.%I.%I is missing%s', m.host_table, m.host_column,
    ', or of another type than ' || nullif(m.types, '%')
  ) as evidence,
  'add the column, then `inboxdb migrate verify --repair`' as remedy
from missing as m
union all
select
  'note' as severity,
  pg_catalog.format('searches find names by their beginnings: extension %s is missing', w.name) as evidence,
  pg_catalog.format('`create extension %s`, then `inboxdb lists build`', w.name) as remedy
from (
  values
  ('btree_gin'),
  ('pg_trgm')
) as w (name)
where not exists (
    select
    from pg_catalog.pg_extension as e
    where w.name = e.extname
  )
  and not exists (select from missing)
  -- lists that were left out are no finding, and neither is their search
  and pg_catalog.to_regclass('inboxdb.lead_text_exact') is not null
union all
select
  'note' as severity,
  pg_catalog.format('the database''s ctype is %s: searches look for other letters among the newest leads', d.datctype)
    as evidence,
  'a database of another locale, if names beyond ASCII are to be found among older leads' as remedy
from pg_catalog.pg_database as d
where d.datname = pg_catalog.current_database()
  and d.datctype in ('C', 'POSIX')
  and pg_catalog.to_regclass('inboxdb.lead_text_trigrams') is not null;

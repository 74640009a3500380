create or replace function inboxdb.text_definitions() returns text
language sql stable
set search_path = ''
-- else sessions would disagree about the text of a view
set quote_all_identifiers = off
as $$
  -- Purpose: tell texts folded otherwise from today's: by another view or function, or another version of a collation.
  -- Returns: a hash; null where there is no search.
  -- Reads: the system catalog.
  -- INVOKER: called by refresh_texts only.
  select pg_catalog.md5(pg_catalog.concat_ws(
    '/', pg_catalog.pg_get_viewdef(pg_catalog.to_regclass('inboxdb.searched_lead')),
    (
      select pg_catalog.string_agg(p.prosrc, '/' order by p.proname)
      from pg_catalog.pg_proc as p
      where p.pronamespace = pg_catalog.to_regnamespace('inboxdb')
        and p.proname in ('folded', 'only_digits', 'exact_hash')
    ),
    (
      select pg_catalog.concat_ws(' ', c.collname, pg_catalog.pg_collation_actual_version(c.oid), d.datctype)
      from pg_catalog.pg_type as t
      inner join pg_catalog.pg_collation as c on t.typcollation = c.oid
      cross join pg_catalog.pg_database as d
      where t.oid = pg_catalog.to_regtype('inboxdb.folding') and d.datname = pg_catalog.current_database()
    )
  ))
  where pg_catalog.to_regclass('inboxdb.searched_lead') is not null
$$;

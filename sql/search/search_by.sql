create or replace function inboxdb.search_by() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: find out which index searches have here.
  -- Returns: trigrams; prefixes; null for neither, so that leads have to be walked.
  -- Reads: the system catalog.
  -- INVOKER: called by search_candidates only.
  select case
    when pg_catalog.bool_or(i.indexrelid = pg_catalog.to_regclass('inboxdb.lead_text_trigrams')) then 'trigrams'
    when pg_catalog.count(*) = 2 then 'prefixes'
  end
  from pg_catalog.pg_index as i
  where i.indisvalid
    and i.indexrelid in (
      pg_catalog.to_regclass('inboxdb.lead_text_trigrams'), pg_catalog.to_regclass('inboxdb.lead_text_first_name'),
      pg_catalog.to_regclass('inboxdb.lead_text_last_name')
    )
$$;

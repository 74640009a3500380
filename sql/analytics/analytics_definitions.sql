create or replace function inboxdb.analytics_definitions() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: tell aggregates that were made otherwise from today's: by another function, or another hash.
  -- Returns: a hash.
  -- Reads: the system catalog.
  -- INVOKER: called by our DEFINER functions only.
  select pg_catalog.md5(pg_catalog.concat_ws(
    '/',
    (
      select pg_catalog.string_agg(p.prosrc, '/' order by p.proname, p.prosrc collate "C")
      from pg_catalog.pg_proc as p
      where p.pronamespace = pg_catalog.to_regnamespace('inboxdb')
        and p.proname in (
          'business_us', 'facts_now', 'lead_counts', 'lead_replies', 'local_day', 'office_us', 'positive_tags',
          'sender_number', 'utc', 'wait_class', 'word_key'
        )
    ),
    inboxdb.word_key('a word'), pg_catalog.hashtext('a word' collate "C")
  ))
$$;

create or replace function inboxdb.role_list(names text[]) returns text
language sql immutable
set search_path = ''
as $$
  -- Purpose: roles as the text of a policy's TO clause.
  -- Parameters: names; 'public' stands for everybody, and quoting leaves the word as it is.
  -- Returns: the list, quoted.
  -- INVOKER: called by protect_leads only.
  select pg_catalog.string_agg(pg_catalog.quote_ident(n.name), ', ')
  from pg_catalog.unnest(names) as n (name)
$$;

create function inboxdb.role_list(names text[]) returns text
language sql immutable
set search_path = ''
as $$
  -- Purpose: roles as a policy's TO wants them.
  -- Parameters: names; 'public', which quoting leaves as it is, stands for everybody.
  -- Returns: the list, quoted.
  -- INVOKER: called by protect_leads only.
  select pg_catalog.string_agg(pg_catalog.quote_ident(n.name), ', ')
  from pg_catalog.unnest(names) as n (name)
$$;

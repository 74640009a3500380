create or replace function inboxdb.signal_topic(client_id inboxdb.client_id, scope_user_id inboxdb.user_id) returns text
language sql immutable parallel safe
set search_path = ''
as $$
  -- Purpose: the realtime topic of one scope.
  -- Parameters: client_id; scope_user_id, the sentinel for the whole workspace.
  -- Returns: inbox:v1:{workspace}:{scope}, with % and : inside ids as %25 and %3A, so that no two scopes share a topic.
  -- Source: docs/contracts.md.
  -- INVOKER: called by our DEFINER functions only.
  select pg_catalog.format(
    'inbox:v1:%s:%s',
    pg_catalog.replace(pg_catalog.replace(client_id::pg_catalog.text, '%', '%25'), ':', '%3A'),
    pg_catalog.replace(pg_catalog.replace(scope_user_id::pg_catalog.text, '%', '%25'), ':', '%3A')
  )
$$;

create or replace function inboxdb.retry_delay(attempts integer) returns interval
language sql volatile
set search_path = ''
as $$
  -- Purpose: how long a workspace waits for its next attempt.
  -- Parameters: attempts made so far, from 1.
  -- Returns: 1 second, doubled with each attempt, 5 minutes at most, times a random 75 to 100 %, so that workspaces
  --   failing together are not retried together for ever.
  -- INVOKER: reads nothing.
  select
    least(interval '1 second' * pg_catalog.power(2, least(attempts, 20) - 1), interval '5 minutes')
    * (1 - pg_catalog.random() / 4)
$$;

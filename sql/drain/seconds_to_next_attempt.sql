create or replace function inboxdb.seconds_to_next_attempt(
  except_client_ids text[] default '{}'
) returns double precision
language sql volatile security definer
set search_path = ''
as $$
  -- Purpose: how long until a dirty workspace is due.
  -- Parameters: except_client_ids, workspaces not to look at.
  -- Returns: seconds, negative if already due; null where no dirty workspace is left, or inboxdb is suspended.
  --   Quarantined workspaces are never due.
  -- Reads: inbox_counts_dirty, suspended_since.
  -- DEFINER: the drain may not read the work list.
  select pg_catalog.date_part('epoch', pg_catalog.min(d.next_attempt_at) - inboxdb.clock())
  from inboxdb.work_list as d
  where d.next_attempt_at < 'infinity' and inboxdb.suspended_since() is null
    and d.client_id::pg_catalog.text <> all (except_client_ids)
$$;

create or replace function inboxdb.is_work_row(
  client_id inboxdb.client_id, next_attempt_at timestamptz, target_client_id inboxdb.client_id, claim_from timestamptz
) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: the condition for a workspace's row of inbox_counts_dirty, without the dead rows before it, kept by a held
  --   snapshot (D35). Written so that only the primary key can answer, not the index on next_attempt_at (D8).
  -- Parameters: client_id and next_attempt_at of the row; target_client_id, the workspace; claim_from, of read_floor.
  -- Returns: whether the row is the workspace's.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select (client_id, next_attempt_at) >= (target_client_id, claim_from) and client_id <= target_client_id
$$;

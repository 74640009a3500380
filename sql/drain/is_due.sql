create or replace function inboxdb.is_due(
  client_id inboxdb.client_id, next_attempt_at timestamptz, target_client_id inboxdb.client_id, claim_from timestamptz
) returns boolean
language sql volatile
as $$
  -- Purpose: the condition for a workspace's row of inbox_counts_dirty, as long as no other drain claimed it: a claim
  --   moves the next attempt into the future.
  -- Parameters: as of is_work_row.
  -- Returns: whether the row is the workspace's, and due.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: called by claim_if_free and claim_set only, to which a workspace locked just now looked due before.
  select inboxdb.is_work_row(client_id, next_attempt_at, target_client_id, claim_from)
    and next_attempt_at <= inboxdb.clock()
$$;

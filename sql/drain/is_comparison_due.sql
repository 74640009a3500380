create or replace function inboxdb.is_comparison_due(target_client_id inboxdb.client_id, as_of timestamptz)
returns boolean
language sql stable
set search_path = ''
as $$
  -- Purpose: say whether a recount or an audit of a workspace is to compare its leads one by one, and not by hashes:
  --   once in 28 periods of audits, a week by default.
  -- Parameters: target_client_id; as_of.
  -- Returns: true or false.
  -- Reads: workspace, setting.
  -- INVOKER: called by recount_workspace and audit_claimed only.
  select not exists (
    select
    from inboxdb.workspace as w
    where w.client_id = target_client_id
      -- later than now by a clock that was ahead
      and w.compared_at between as_of - 28 * inboxdb.audit_period() and as_of + interval '1 minute'
  )
$$;

create or replace function inboxdb.requeue_inbox_counts(target_client_id inboxdb.client_id default null) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: put a quarantined workspace back on the work list, with all its attempts. The next collector makes it due.
-- Parameters: target_client_id; null for every quarantined workspace.
-- Returns: how many were put back.
-- Errors: IB002 for an unknown workspace, IB019 for an id that is too long; IB011 for a workspace not quarantined.
-- Writes: inbox_counts_dirty.
-- DEFINER: its callers have no rights in inboxdb.
declare
  requeued integer;
begin
  -- next_attempt_at stays, because the collector alone may make a row due sooner (D11)
  update inboxdb.inbox_counts_dirty as d
  set quarantined_at = null, attempts = 0, last_error = null
  where d.quarantined_at is not null and (target_client_id is null or d.client_id = target_client_id);
  get diagnostics requeued = row_count;
  if requeued = 0 and target_client_id is not null then
    perform inboxdb.require_workspace(target_client_id);
    raise exception using
      errcode = 'IB011',
      message = pg_catalog.format('workspace %L is not quarantined', target_client_id),
      detail = 'Nothing was changed.',
      hint = 'inboxdb status lists those that are; inboxdb mark asks for a refresh of any other.';
  end if;
  return requeued;
end
$$;

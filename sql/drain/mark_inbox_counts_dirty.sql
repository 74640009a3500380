create or replace function inboxdb.mark_inbox_counts_dirty(target_client_id inboxdb.client_id) returns void
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: mark a workspace: note a change of all of it, as a trigger would. Waits for nobody, and is rolled back with
--   the caller's transaction.
-- Parameters: target_client_id.
-- Errors: IB002 for an unknown workspace, IB019 for an id that is too long.
-- Writes: the change log.
-- DEFINER: its callers have no rights in inboxdb.
begin
  perform inboxdb.require_workspace(target_client_id);
  perform inboxdb.note_change(target_client_id, null);
end
$$;

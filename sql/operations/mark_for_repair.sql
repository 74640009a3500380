create or replace function inboxdb.mark_for_repair(target_client_id inboxdb.client_id) returns void
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: mark a workspace with wrong counts: the next recount compares leads one by one, and not by hashes.
-- Parameters: target_client_id.
-- Errors: those of mark_inbox_counts_dirty.
-- Writes: workspace, where it waits for a refresh at work; the change log.
-- DEFINER: its callers have no rights in inboxdb.
begin
  update inboxdb.workspace as w set compared_at = null where w.client_id = target_client_id;
  perform inboxdb.mark_inbox_counts_dirty(target_client_id);
end
$$;

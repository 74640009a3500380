create or replace function inboxdb.require_own_counts(
  target_client_id inboxdb.client_id, is_complete boolean
) returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: see that a refresh wrote all the counts it meant to write.
-- Parameters: target_client_id; is_complete, whether it did.
-- Errors: 40001 where not: somebody else wrote the workspace's counts meanwhile.
-- INVOKER: called by apply_changes and store_counts only.
begin
  if not is_complete then
    raise exception using
      errcode = '40001',
      message = pg_catalog.format('the stored counts of workspace %L were changed by somebody else', target_client_id),
      detail = 'Only a refresh writes inboxdb.inbox_counts, and this one holds the workspace. Nothing was changed.',
      hint = 'The drain tries again.';
  end if;
end
$$;

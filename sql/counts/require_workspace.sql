create or replace function inboxdb.require_workspace(target_client_id inboxdb.client_id) returns void
language plpgsql stable
set search_path = ''
-- a policy hiding the workspace would make the error wrong: raise instead (D37)
set row_security = off
as $$
-- Purpose: refuse an unknown workspace.
-- Parameters: target_client_id.
-- Errors: IB002 where neither the host nor our tables know the workspace; 42501 where row-level security would filter
--   what the owner of this function sees.
-- Reads: "Client", workspace, inbox_counts (each by key).
-- INVOKER: called by our DEFINER functions only.
begin
  if not exists (select from inboxdb.known_workspace as k where k.client_id = target_client_id) then
    raise exception using
      errcode = 'IB002',
      message = pg_catalog.format('no workspace has the id %L', target_client_id),
      detail = 'Nothing was changed.',
      hint = 'The id is "Client"."id".';
  end if;
end
$$;

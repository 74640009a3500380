create function inboxdb.require_workspace(target_client_id inboxdb.client_id) returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse an id that no workspace has.
-- Errors: IB002 where neither the host nor our tables know the workspace.
-- Reads: "Client", workspace, inbox_counts (each by key).
-- INVOKER: called by our DEFINER functions only.
begin
  if not exists (select from inboxdb.known_workspace as k where k.client_id = target_client_id) then
    raise exception using
      errcode = 'IB002',
      message = pg_catalog.format('no workspace has the id %L', target_client_id),
      hint = 'The id is "Client"."id". Nothing was changed.';
  end if;
end
$$;

create or replace function inboxdb.require_workspace(target_client_id inboxdb.client_id) returns void
language plpgsql stable
set search_path = ''
-- a policy hiding the workspace would make the error wrong: raise instead (D37)
set row_security = off
as $$
-- Purpose: refuse an unknown workspace, and one whose id is too long to be counted.
-- Parameters: target_client_id.
-- Errors: IB019 where the id is too long; IB002 where neither the host nor our tables know the workspace; 42501 where
--   row-level security would filter what the owner of this function sees.
-- Reads: "Client", workspace, inbox_counts (each by key).
-- INVOKER: called by our DEFINER functions only.
begin
  if inboxdb.is_too_long(target_client_id) then
    raise exception using
      errcode = 'IB019',
      message = pg_catalog.format(
        'the id of workspace %s... has %s bytes, and inboxdb counts workspaces with up to 2,000',
        pg_catalog.left(target_client_id::pg_catalog.text, 40),
        pg_catalog.octet_length(target_client_id::pg_catalog.text)
      ),
      detail = 'Nothing was changed.',
      hint = 'Give it a shorter "Client"."id": it is counted from then on.';
  end if;
  if not exists (select from inboxdb.known_workspace as k where k.client_id = target_client_id) then
    raise exception using
      errcode = 'IB002',
      message = pg_catalog.format('no workspace has the id %L', target_client_id),
      detail = 'Nothing was changed.',
      hint = 'The id is "Client"."id".';
  end if;
end
$$;

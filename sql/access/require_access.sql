create or replace function inboxdb.require_access(target_client_id inboxdb.client_id) returns inboxdb.user_id
language plpgsql stable parallel safe
-- No SET clauses (search_path, row_security): read_inbox_counts pins both, and each SET costs a reader 2 microseconds.
as $$
-- Purpose: refuse callers without access to a workspace's counts, and find the scope of all others.
-- Parameters: target_client_id.
-- Returns: the scope: the sentinel for a member who sees the whole workspace, a setter's own id.
-- Errors: IB006 without an identity; IB007 without access, and word for word the same for an unknown workspace; those
--   of current_user_id.
-- Reads: member_access, by key.
-- INVOKER: called by our DEFINER functions only, with search_path = '' and row_security = off.
declare
  me constant inboxdb.user_id := inboxdb.current_user_id();
  sees_whole pg_catalog.bool;
begin
  if me is null then
    raise exception using
      errcode = 'IB006',
      message = 'nobody is signed in',
      detail = 'The transaction carries no claims, or claims without a subject.',
      hint = 'Set request.jwt.claims to a JSON object whose "sub" is the user''s id, for the transaction only.';
  end if;
  select a.sees_whole into sees_whole
  from inboxdb.member_access as a
  where a.user_id = me and a.client_id = target_client_id;
  if not found then
    raise exception using
      errcode = 'IB007',
      message = 'no access to this workspace',
      detail = 'Either there is no workspace of this id, or the user who is signed in is not a member of it.',
      hint = 'The id is "Client"."id".';
  end if;
  return case when sees_whole then inboxdb.sentinel() else me end;
end
$$;

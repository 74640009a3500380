-- inboxdb 0008: require_access names its type with pg_catalog. Without it a member's own pg_temp.text was taken, and
-- a domain's check ran as inboxdb's owner.
-- Locks: none on the host's tables. Duration: milliseconds.
-- Undo: 0008-types-of-the-server.rollback.sql puts back what was before.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0008-types-of-the-server.sql (one transaction).
-- depends: 0007-access

set local lock_timeout = '2s';
set local search_path = '';

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> sql/access/require_access.sql
create or replace function inboxdb.require_access(target_client_id inboxdb.client_id) returns inboxdb.user_id
language plpgsql stable parallel safe
-- No SET clauses (search_path, row_security): read_inbox_counts pins both, and each SET costs a reader 2 microseconds.
as $$
-- Purpose: refuse callers without access to a workspace's counts, and find the scope of all others.
-- Parameters: target_client_id.
-- Returns: the scope: the sentinel for a member who sees the whole workspace, a setter's own id.
-- Errors: IB006 without an identity; IB007 without access, and word for word the same for an unknown workspace; those
--   of claimed_user_id.
-- Reads: "Client", and of who is not the owner "ClientMember", by key. As member_access has it, in one or two lookups,
--   because the view's two lookups and its aggregate cost each reader of counts twice as much (D124).
-- INVOKER: called by our DEFINER functions only, with search_path = '' and row_security = off.
declare
  me constant inboxdb.user_id := inboxdb.claimed_user_id();
  is_owner pg_catalog.bool;
  highest integer;
begin
  select c."userId" = me into is_owner from public."Client" as c where c.id = target_client_id;
  if is_owner then
    return inboxdb.sentinel();
  end if;
  select pg_catalog.max(inboxdb.role_rank(m.role::pg_catalog.text)) into highest
  from public."ClientMember" as m
  where m."clientId" = target_client_id and m."userId" = me;
  if me is null then
    raise exception using
      errcode = 'IB006',
      message = 'nobody is signed in',
      detail = 'The transaction carries no claims, or claims without a subject.',
      hint = 'Set request.jwt.claims to a JSON object whose "sub" is the user''s id, for the transaction only.';
  end if;
  if highest is null then
    raise exception using
      errcode = 'IB007',
      message = 'no access to this workspace',
      detail = 'Either there is no workspace of this id, or the user who is signed in is not a member of it.',
      hint = 'The id is "Client"."id".';
  end if;
  return case when highest = inboxdb.role_rank('SETTER') then me else inboxdb.sentinel() end;
end
$$;
-- <<< sql/access/require_access.sql

-- >>> by hand, after the bodies
-- <<< by hand

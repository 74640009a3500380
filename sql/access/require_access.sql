create or replace function inboxdb.require_access(target_client_id inboxdb.client_id, flag text)
returns inboxdb.user_id
language plpgsql stable parallel safe
-- No SET clauses (search_path, row_security): read_inbox_counts pins both, and each SET costs a reader 2 microseconds.
as $$
-- Purpose: refuse callers without access to a workspace's counts, then reads that are switched off, and find the scope
--   of all others.
-- Parameters: target_client_id; flag, that the read is behind, of flag_definition; null for none.
-- Returns: the scope: the sentinel for a member who sees the whole workspace, a setter's own id.
-- Errors: IB006 without an identity; IB007 without access, and word for word the same for an unknown workspace; IB015
--   for who has access, where the flag is off, so that nobody else learns in which cohort a workspace is; those of
--   claimed_user_id.
-- Reads: flag and "Client", and of who is not the owner "ClientMember", by key; flag_override only where the flag
--   is set (D147). Members as member_access has them, in one or two lookups, because the view's two lookups and its
--   aggregate cost each reader of counts twice as much (D124).
-- INVOKER: called by our DEFINER functions only, with search_path = '' and row_security = off.
declare
  me constant inboxdb.user_id := inboxdb.claimed_user_id();
  is_owner pg_catalog.bool;
  is_off pg_catalog.bool;
  highest integer;
begin
  -- one statement, because each costs a reader its start; sub-selects, because a join costs more (D124)
  select
    (select c."userId" = me from public."Client" as c where c.id = target_client_id),
    exists (
      select
      from inboxdb.flag as f
      where f.flag_name = flag collate "C"
        and not inboxdb.is_on_for(f.flag_name, f.percentage, target_client_id::pg_catalog.text)
    )
  into is_owner, is_off;
  if is_owner and not is_off then
    return inboxdb.sentinel();
  end if;
  if is_owner is not true then
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
  end if;
  if is_off then
    raise exception using
      errcode = 'IB015',
      message = pg_catalog.format('flag %s is off for this workspace', flag),
      detail = 'Nothing was read.',
      hint = 'Do without the answer until the flag is on again: inbox_api.flags says which flags are.';
  end if;
  return case when highest = inboxdb.role_rank('SETTER') then me else inboxdb.sentinel() end;
end
$$;

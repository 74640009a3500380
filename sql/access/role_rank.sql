create or replace function inboxdb.role_rank(member_role text) returns integer
language sql immutable parallel safe
as $$
  -- Purpose: which of a member's roles decides, known here alone: the highest.
  -- Parameters: member_role; OWNER for "Client"."userId".
  -- Returns: its rank; null for a role unknown here, which gives no access. Of rank 2, a setter, alone sees less than
  --   the whole workspace.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select pg_catalog.array_position(array['CLIENT_PORTAL', 'SETTER', 'INBOX_MANAGER', 'ADMIN', 'OWNER'], member_role)
$$;

create function inboxdb.member_condition() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: which leads a member may see, as the policy inboxdb_member on "Lead" has it.
  -- Returns: a condition on "Lead", in the types that its columns have now. Cast inside the sub-selects: outside it
  --   would be done anew for each row.
  -- Reads: the catalog.
  -- INVOKER: for the owner.
  select pg_catalog.format(
    $condition$
    "clientId" = any (array(select w.id::%1$s from inboxdb.member_workspaces() as w (id)))
    and (
      "clientId" <> all (array(select w.id::%1$s from inboxdb.setter_workspaces() as w (id)))
      or "assignedToUserId" = (select inboxdb.current_user_id()::%2$s)
    )
    $condition$,
    pg_catalog.max(pg_catalog.format_type(a.atttypid, null)) filter (where a.attname = 'clientId'),
    pg_catalog.max(pg_catalog.format_type(a.atttypid, null)) filter (where a.attname = 'assignedToUserId')
  )
  from pg_catalog.pg_attribute as a
  where a.attrelid = 'public."Lead"'::pg_catalog.regclass
$$;

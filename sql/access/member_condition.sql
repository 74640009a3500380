create or replace function inboxdb.member_condition() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: the condition of the policy inboxdb_member on "Lead": the leads a member may see.
  -- Returns: a condition on "Lead", in its columns' types of now. The casts stand inside the sub-selects: outside they
  --   would run once per row (D52).
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

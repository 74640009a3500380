-- Looks for: missing roles among those to be granted rights.
-- Evidence: the catalog, readable by everybody.
-- Reads in inboxdb.plan the roles to be granted rights, and the pending migrations that grant.
select
  'note' as severity,
  pg_catalog.current_setting('inboxdb.plan')::jsonb -> 'grants' ->> 0 as migration,
  'there is no role ' || pg_catalog.string_agg(wanted.role_name, ', ' order by wanted.role_name) as evidence,
  case
    when bool_and(me.rolsuper or me.rolcreaterole) then '`inboxdb migrate apply --create-roles` makes them'
    else 'nothing needs them yet; this role may not create roles, so an administrator makes them, then `inboxdb roles`'
  end as remedy
from pg_catalog.jsonb_array_elements_text(
    pg_catalog.current_setting('inboxdb.plan')::jsonb -> 'roles'
  ) as wanted (role_name)
cross join pg_catalog.pg_roles as me
where me.rolname = current_user
  and pg_catalog.current_setting('inboxdb.plan')::jsonb -> 'grants' <> '[]'
  and not exists (
    select from pg_catalog.pg_roles as r
    where r.rolname = wanted.role_name
  )
having count(*) > 0;

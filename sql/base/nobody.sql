-- The host's default privileges may have opened the new schema (D64). Without USAGE on a schema nobody reaches its
-- objects; access/apply.sql grants rights once everything is there.
do $nobody$
declare
  statement pg_catalog.text;
begin
  for statement in
    select distinct
      pg_catalog.format(
        'revoke all on schema inboxdb from %s cascade',
        coalesce(nullif(e.grantee, 0)::pg_catalog.regrole::pg_catalog.text, 'public')
      )
    from pg_catalog.pg_namespace as n
    cross join lateral pg_catalog.aclexplode(n.nspacl) as e
    where n.nspname = 'inboxdb' and e.grantee <> n.nspowner
  loop
    execute statement;
  end loop;
end
$nobody$;

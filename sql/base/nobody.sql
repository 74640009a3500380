-- Default privileges of the host's may have opened the schema as it was made. Whoever has no right on it reaches
-- nothing in it; access/apply.sql gives rights, once everything is there.
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

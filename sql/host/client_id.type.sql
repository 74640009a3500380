-- A workspace's id, in the type and collation of "Client"."id" (text or uuid; varchar counts as text). The planner
-- reads a domain as its base type, so a comparison with a host column uses the host's indexes (D67).
do $type$
begin
  execute pg_catalog.format('create domain inboxdb.client_id as %s', (
    select
      pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text')
      || coalesce(' collate ' || nullif(a.attcollation, 0)::pg_catalog.regcollation::pg_catalog.text, '')
    from pg_catalog.pg_attribute as a
    where a.attrelid = 'public."Client"'::pg_catalog.regclass and a.attname = 'id'
  ));
end
$type$;
comment on domain inboxdb.client_id is 'A workspace: "Client"."id", in the host''s own type.';

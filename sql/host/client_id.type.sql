-- A workspace's id: whatever type the host gave "Client"."id" (text or uuid; varchar counts as text). A domain is
-- read as its base type by the planner, so comparing it with a host column uses the host's indexes.
do $type$
begin
  execute pg_catalog.format('create domain inboxdb.client_id as %s', (
    select pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text')
    from pg_catalog.pg_attribute as a
    where a.attrelid = 'public."Client"'::pg_catalog.regclass and a.attname = 'id'
  ));
end
$type$;
comment on domain inboxdb.client_id is 'A workspace: "Client"."id", in the host''s own type.';

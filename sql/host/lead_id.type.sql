-- A lead's id, in the type of "Lead"."id": see client_id.
do $type$
begin
  execute pg_catalog.format('create domain inboxdb.lead_id as %s', (
    select
      pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text')
      || coalesce(' collate ' || nullif(a.attcollation, 0)::pg_catalog.regcollation::pg_catalog.text, '')
    from pg_catalog.pg_attribute as a
    where a.attrelid = 'public."Lead"'::pg_catalog.regclass and a.attname = 'id'
  ));
end
$type$;
comment on domain inboxdb.lead_id is 'A lead: "Lead"."id", in the host''s own type.';

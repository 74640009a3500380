do $ids$
declare
  -- Purpose: refuse a host whose ids changed their type since inboxdb was installed: our tables hold ids of the old
  --   type.
  -- Raises IB013, naming each column. A varchar counts as text, as in client_id.type.sql.
  -- Reads the system catalog only. Run by `inboxdb migrate resume` before anything is changed.
  problems text;
begin
  select
    pg_catalog.string_agg(
      pg_catalog.format('column public.%I.%I is %s now, and was %s', i.host_table, i.host_column, n.now, n.was), '; '
      order by i.host_table, i.host_column
    )
  into problems
  from (
    values ('client_id', 'Client', 'id'), ('lead_id', 'Lead', 'id'), ('user_id', 'Lead', 'assignedToUserId')
  ) as i (domain_name, host_table, host_column)
  inner join pg_catalog.pg_type as t
    on i.domain_name = t.typname and t.typnamespace = pg_catalog.to_regnamespace('inboxdb')
  inner join pg_catalog.pg_attribute as a
    on a.attrelid = pg_catalog.to_regclass(pg_catalog.format('public.%I', i.host_table))
    and i.host_column = a.attname
  cross join lateral (
    select
      pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text') as now,
      pg_catalog.format_type(t.typbasetype, null) as was
  ) as n
  where n.now <> n.was;

  if problems is not null then
    raise exception using
      errcode = 'IB013',
      message = 'the host''s ids have another type: ' || problems,
      detail = 'Nothing was changed, and inboxdb stays suspended.',
      hint = 'inboxdb keeps ids in its own tables: undo it and apply it anew (`inboxdb migrate rollback --all`,'
        || ' `inboxdb migrate apply`, `inboxdb drain-dirty`), or give the columns back their type.';
  end if;
end
$ids$;

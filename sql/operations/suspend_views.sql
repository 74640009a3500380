create or replace function inboxdb.suspend_views() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: the first step of `inboxdb migrate suspend`: pause the drain, and remove every dependency on the host's
--   columns: of our views, and of the publication inboxdb_lead. Each view goes on answering, from a function with the
--   view's text, because the server keeps no dependencies of a function's text (D75): the view fails only once one of
--   its columns is gone. Steps done already are skipped.
-- Errors: 42501 for a caller who does not own inboxdb; 55P03 where a refresh holds a view for longer than lock_timeout.
-- Locks: ACCESS EXCLUSIVE on our views, SHARE UPDATE EXCLUSIVE on "Lead" where published: no writer waits.
-- Writes: installation; makes functions suspended_*; calls apply_grants.
-- INVOKER: for the owner.
declare
  found pg_catalog.record;
begin
  insert into inboxdb.installation as i (suspended_since)
  values (pg_catalog.date_trunc('second', pg_catalog.clock_timestamp()))
  on conflict (is_only) do update set suspended_since = coalesce(i.suspended_since, excluded.suspended_since);

  for found in
    select
      c.oid::pg_catalog.regclass as view_name,
      pg_catalog.format('inboxdb.%I', 'suspended_' || c.relname) as function_name,
      pg_catalog.pg_get_viewdef(c.oid) as definition,
      (
        select pg_catalog.string_agg(
          pg_catalog.format('%I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum
        )
        from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0
      ) as result_columns,
      -- casts, because a function's result has neither lengths nor collations, and a view's columns may not change
      (
        select pg_catalog.string_agg(
          pg_catalog.format(
            'f.%1$I::%2$s%3$s as %1$I', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
            case
              when a.attcollation <> t.typcollation
                then ' collate ' || a.attcollation::pg_catalog.regcollation::pg_catalog.text
            end
          ),
          ', ' order by a.attnum
        )
        from pg_catalog.pg_attribute as a
        inner join pg_catalog.pg_type as t on a.atttypid = t.oid
        where a.attrelid = c.oid and a.attnum > 0
      ) as view_columns
    from pg_catalog.pg_class as c
    where c.relkind = 'v'
      and c.relnamespace in (pg_catalog.to_regnamespace('inboxdb'), pg_catalog.to_regnamespace('inbox_api'))
      and exists (
        select
        from pg_catalog.pg_rewrite as w
        inner join pg_catalog.pg_depend as d
          on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
          and w.oid = d.objid
          and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        inner join pg_catalog.pg_class as host on d.refobjid = host.oid
        where w.ev_class = c.oid and host.relnamespace = pg_catalog.to_regnamespace('public')
      )
    order by c.oid
  loop
    execute pg_catalog.format(
      'create function %s() returns table (%s) language sql stable as %L',
      found.function_name, found.result_columns, found.definition
    );
    execute pg_catalog.format(
      'create or replace view %s as select %s from %s() as f',
      found.view_name, found.view_columns, found.function_name
    );
  end loop;

  if exists (
    select
    from pg_catalog.pg_publication_rel as r
    inner join pg_catalog.pg_publication as p on r.prpubid = p.oid
    where p.pubname = 'inboxdb_lead' and r.prrelid = 'public."Lead"'::pg_catalog.regclass
  ) then
    -- the publication itself stays: without its publication a subscription fails
    alter publication inboxdb_lead drop table public."Lead";
  end if;
  perform inboxdb.apply_grants();
end
$$;

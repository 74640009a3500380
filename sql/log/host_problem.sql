create or replace function inboxdb.host_problem() returns text
language sql stable
set search_path = ''
-- else format_type would quote the name of every type, and none would be what it was
set quote_all_identifiers = off
as $$
  -- Purpose: find out whether the host has changed its schema under our functions and triggers: a rename is followed by
  --   views, triggers' conditions and policies, but not by a function's text (D101); no trigger of ours fires for a
  --   table that inherits from the host's (D109), nor for the rows of a table of Citus's.
  -- Returns: null where every column is there, is of the type that it had, and is the one read by our views, not
  --   another of the same name, and where no table inherits from one with triggers, or is of Citus's; else what is not
  --   so.
  -- Reads: the system catalog.
  -- INVOKER: called by check_host only.
  with named (place, host_table, host_column, type_of, read_by) as (
    values
    (1, 'Client', 'id', 'inboxdb.client_id', 'inboxdb.known_workspace'),
    (2, 'Lead', 'id', 'inboxdb.lead_id', 'inboxdb.classified_lead'),
    (3, 'Lead', 'clientId', 'inboxdb.client_id', 'inboxdb.classified_lead'),
    (4, 'Lead', 'assignedToUserId', 'inboxdb.user_id', 'inboxdb.classified_lead'),
    (5, 'AIDraft', 'leadId', 'inboxdb.lead_id', 'inboxdb.classified_lead'),
    (6, 'Message', 'leadId', 'inboxdb.lead_id', 'inboxdb.classified_lead'),
    (7, 'Message', 'aiDraftId', null, 'inboxdb.classified_lead')
  ),

  changed (place, problem) as (
    select n.place, pg_catalog.format('column public.%I.%I %s', n.host_table, n.host_column, change.text)
    from named as n
    left join pg_catalog.pg_attribute as a
      on pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table)) = a.attrelid
      and n.host_column = a.attname and not a.attisdropped
    left join pg_catalog.pg_type as t on pg_catalog.to_regtype(n.type_of) = t.oid
    cross join lateral (
      select
        case
          when a.attname is null then 'is missing'
          when pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text')
            <> pg_catalog.format_type(t.typbasetype, null)
            then pg_catalog.format(
                'is %s, and was %s', pg_catalog.format_type(a.atttypid, null),
                pg_catalog.format_type(t.typbasetype, null)
              )
          when not exists (
            select
            from pg_catalog.pg_rewrite as w
            inner join pg_catalog.pg_depend as d
              on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
              and w.oid = d.objid
              and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
              and a.attrelid = d.refobjid
              and a.attnum = d.refobjsubid
            where w.ev_class = pg_catalog.to_regclass(n.read_by)
          ) then pg_catalog.format('is another than the one that %s reads', n.read_by)
        end as text
    ) as change
    where change.text is not null
  ),

  host (place, host_table, oid) as (
    select
      pg_catalog.min(n.place), n.host_table, pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table))
    from named as n
    group by n.host_table
  ),

  inherited (place, problem) as (
    select
      h.place, pg_catalog.format('table public.%I is inherited by %s', h.host_table, i.inhrelid::pg_catalog.regclass)
    from host as h
    inner join pg_catalog.pg_inherits as i on h.oid = i.inhparent
  ),

  -- as host/check.sql finds them
  of_citus (place, problem) as (
    select h.place, pg_catalog.format('table public.%I is a table of Citus''s', h.host_table)
    from host as h
    inner join pg_catalog.pg_trigger as t on h.oid = t.tgrelid
    inner join pg_catalog.pg_proc as p on t.tgfoid = p.oid
    where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace and p.proname = 'citus_truncate_trigger'
  )

  select pg_catalog.string_agg(found.problem, '; ' order by found.place, found.problem)
  from (
    select c.place, c.problem from changed as c
    union all
    select i.place, i.problem from inherited as i
    union all
    select c.place, c.problem from of_citus as c
  ) as found
$$;

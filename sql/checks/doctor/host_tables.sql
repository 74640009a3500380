-- Looks for: a table inheriting from one of the host's with our triggers, or attached to it; such a table unlogged, of
-- Citus's, or with ids that need not be unique.
-- Why: no trigger of ours fires for the rows of a child, nor when a crash empties an unlogged table, so counts go wrong
-- without a sign; two leads of one id make every refresh of their workspace fail.
-- Evidence: the catalog, and drain_status(), for inboxdb_monitor too.
-- Source of the rule: sql/host/check.sql, which refuses the same before installing; Inheritance in PostgreSQL's manual.
with host (oid, table_name, relname, relpersistence) as (
  select c.oid, pg_catalog.format('public.%I', c.relname), c.relname, c.relpersistence
  from pg_catalog.pg_class as c
  where c.relnamespace = pg_catalog.to_regnamespace('public')
    and c.relname in ('Client', 'Lead', 'AIDraft', 'Message')
    and c.relkind in ('r', 'p')
),

child (inhparent, child_name) as (
  select i.inhparent, pg_catalog.format('%I.%I', n.nspname, c.relname)
  from pg_catalog.pg_inherits as i
  inner join pg_catalog.pg_class as c on i.inhrelid = c.oid
  inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
)

select
  'problem' as severity,
  pg_catalog.format(
    'table %s is inherited by %s: its rows are read, and fire no trigger of inboxdb''s', h.table_name, c.child_name
  ) as evidence,
  pg_catalog.format(
    '`alter table %s no inherit %s`, then `%s`', c.child_name, h.table_name,
    case when s.suspended_since is null then 'inboxdb mark --all' else 'inboxdb migrate resume' end
  ) as remedy
from host as h
inner join child as c on h.oid = c.inhparent
cross join inboxdb.drain_status() as s
union all
select
  'problem' as severity,
  pg_catalog.format('table %s is unlogged: a crash empties it, and fires no trigger', h.table_name) as evidence,
  pg_catalog.format('`alter table %s set logged`; after a crash `inboxdb mark --all`', h.table_name) as remedy
from host as h
where h.relpersistence = 'u'
union all
select
  'problem' as severity,
  pg_catalog.format(
    'table %s is a table of Citus''s: its rows are written where no trigger of inboxdb''s notes them', h.table_name
  ) as evidence,
  pg_catalog.format(
    '`select undistribute_table(%L, cascade_via_foreign_keys => true)`, then `%s`', h.table_name,
    case when s.suspended_since is null then 'inboxdb mark --all' else 'inboxdb migrate resume' end
  ) as remedy
from host as h
inner join pg_catalog.pg_trigger as t on h.oid = t.tgrelid
inner join pg_catalog.pg_proc as p on t.tgfoid = p.oid
cross join inboxdb.drain_status() as s
where p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
  and p.proname = 'citus_truncate_trigger'
union all
select
  'problem' as severity,
  pg_catalog.format('column %s.id is no key: it may be null, or two rows may have the same', h.table_name) as evidence,
  pg_catalog.format('`alter table %s add primary key (id)`', h.table_name) as remedy
from host as h
inner join pg_catalog.pg_attribute as a on h.oid = a.attrelid and a.attname = 'id' and not a.attisdropped
where h.relname in ('Client', 'Lead')
  and not (
    a.attnotnull
    and exists (
      select
      from pg_catalog.pg_index as x
      where x.indrelid = h.oid and x.indisunique and x.indisvalid and x.indpred is null
        and x.indnkeyatts = 1 and x.indkey[0] = a.attnum
    )
  );

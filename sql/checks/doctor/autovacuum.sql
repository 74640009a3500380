-- Looks for: autovacuum turned off, for the server or for a table of ours, and tables of ours where autovacuum is far
-- behind.
-- Why: dead rows stay, and tables and queries grow with every refresh.
-- Evidence: pg_settings and pg_stat_user_tables, which everybody may read.
-- Source of the rule: "Automatic Vacuuming" in PostgreSQL's manual: threshold + scale factor * rows. An autovacuum
-- keeping up never leaves ten times as many dead rows, plus 10,000.
with ours as (
  select
    c.oid, c.reloptions, t.n_dead_tup,
    (
      coalesce(own.threshold, pg_catalog.current_setting('autovacuum_vacuum_threshold'))::pg_catalog.float8
      + coalesce(own.scale_factor, pg_catalog.current_setting('autovacuum_vacuum_scale_factor'))::pg_catalog.float8
      * greatest(c.reltuples, 0)
    ) as due_at,
    coalesce(own.is_on::pg_catalog.bool, true) as is_on
  from pg_catalog.pg_class as c
  inner join pg_catalog.pg_stat_user_tables as t on c.oid = t.relid
  cross join
    lateral (
      select
        pg_catalog.max(o.option_value) filter (where o.option_name = 'autovacuum_vacuum_threshold') as threshold,
        pg_catalog.max(o.option_value) filter (where o.option_name = 'autovacuum_vacuum_scale_factor') as scale_factor,
        pg_catalog.max(o.option_value) filter (where o.option_name = 'autovacuum_enabled') as is_on
      from pg_catalog.pg_options_to_table(c.reloptions) as o
    ) as own
  where c.relnamespace = pg_catalog.to_regnamespace('inboxdb') and c.relkind = 'r'
)

select
  'problem' as severity,
  pg_catalog.format('%s is off for the whole server', s.name) as evidence,
  pg_catalog.format(
    '`alter system set %s = on` and `select pg_catalog.pg_reload_conf()`; on a hosted server, in its settings', s.name
  ) as remedy
from pg_catalog.pg_settings as s
where s.name in ('autovacuum', 'track_counts') and s.setting = 'off'
union all
select
  'problem' as severity,
  pg_catalog.format('autovacuum is off for %s', o.oid::pg_catalog.regclass) as evidence,
  pg_catalog.format('`alter table %s reset (autovacuum_enabled)`', o.oid::pg_catalog.regclass) as remedy
from ours as o
where not o.is_on
union all
select
  'warning' as severity,
  pg_catalog.format(
    '%s has %s dead rows; autovacuum should have come at %s', o.oid::pg_catalog.regclass, o.n_dead_tup,
    pg_catalog.floor(o.due_at)
  ) as evidence,
  pg_catalog.format(
    '`vacuum %s`; where that does not help, something holds the horizon', o.oid::pg_catalog.regclass
  ) as remedy
from ours as o
where o.n_dead_tup > 10 * o.due_at and o.n_dead_tup > 10000;

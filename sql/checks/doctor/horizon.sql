-- Looks for: held snapshots keeping dead rows from vacuum: old sessions and prepared transactions, replication slots
-- and standbys (hot_standby_feedback) far behind, unused slots.
-- Why: every table grows, ours too; slots also keep WAL, until the disk is full.
-- Evidence: pg_stat_activity, pg_prepared_xacts, pg_replication_slots, pg_stat_replication; the age of other roles'
-- sessions with pg_read_all_stats.
-- Source of the rule: sql/operations/held_snapshot.sql, and for an hour docs/deploy/prometheus-alerts.yaml. PostgreSQL
-- keeps no time for slots and standbys, so their age is counted in transactions.
with limits (warn_seconds, bad_seconds, warn_behind, bad_behind) as (
  values (300, 3600, 1000000, 50000000)
),

held (holder, seconds, behind, is_unused, remedy) as (
  select
    -- background workers have no role
    pg_catalog.format(
      'session %s of %s, in a transaction', a.pid,
      coalesce('role ' || pg_catalog.quote_ident(a.usename), a.backend_type, 'the server')
    ),
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start), null::integer, false,
    pg_catalog.format('if it is forgotten: `select pg_catalog.pg_terminate_backend(%s)`', a.pid)
  from pg_catalog.pg_stat_activity as a
  where a.pid <> pg_catalog.pg_backend_pid()
    and (
      a.backend_xid is not null
      or (a.backend_xmin is not null and a.datname = pg_catalog.current_database())
    )
    -- vacuums ignore each other's snapshots
    and not exists (
      select from pg_catalog.pg_stat_progress_vacuum as v
      where v.pid = a.pid
    )
  union all
  select
    pg_catalog.format('prepared transaction %L in database %I', p.gid, p.database),
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - p.prepared), null, false,
    pg_catalog.format('if it is forgotten, in database %I: `rollback prepared %L`', p.database, p.gid)
  from pg_catalog.pg_prepared_xacts as p
  union all
  select
    pg_catalog.format('replication slot %I, %s', s.slot_name, case when s.active then 'in use' else 'unused' end),
    null, greatest(pg_catalog.age(s.xmin), pg_catalog.age(s.catalog_xmin)), not s.active,
    case
      when s.active then 'see why its reader is behind'
      else pg_catalog.format('if it is forgotten: `select pg_catalog.pg_drop_replication_slot(%L)`', s.slot_name)
    end
  from pg_catalog.pg_replication_slots as s
  where s.xmin is not null or s.catalog_xmin is not null
  union all
  select
    pg_catalog.format('standby feedback through session %s', r.pid),
    null, pg_catalog.age(r.backend_xmin), false,
    'end the old queries on the standby, or set hot_standby_feedback = off there'
  from pg_catalog.pg_stat_replication as r
  where r.backend_xmin is not null
)

select
  case when h.seconds >= l.bad_seconds or h.behind >= l.bad_behind then 'problem' else 'warning' end as severity,
  pg_catalog.format(
    '%s, keeps dead rows from vacuum: %s', h.holder,
    case
      when h.seconds is null then pg_catalog.format('%s transactions back', h.behind)
      else pg_catalog.format('for %s s', pg_catalog.floor(h.seconds))
    end
  ) as evidence,
  h.remedy
from held as h
cross join limits as l
where h.seconds >= l.warn_seconds or h.behind >= l.warn_behind or h.is_unused
union all
select
  'not looked at' as severity,
  'the age of other roles'' sessions is hidden from this role' as evidence,
  'have a superuser grant it pg_read_all_stats' as remedy
where not pg_catalog.pg_has_role('pg_read_all_stats', 'usage');

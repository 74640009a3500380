-- Looks for: transactions holding up the end of CREATE INDEX CONCURRENTLY without a lock on the table: all in this
-- database with a snapshot, older than lock_timeout.
-- Evidence: pg_stat_activity; of other roles' sessions with pg_read_all_stats.
-- Reads builds and lock_timeout in inboxdb.plan.
-- Source of the rule: CREATE INDEX in PostgreSQL's manual, Building Indexes Concurrently.
with plan (wanted) as (
  select pg_catalog.current_setting('inboxdb.plan')::jsonb
)

select
  'warning' as severity,
  builds.migration,
  pg_catalog.format(
    'session %s of role %I, application %L, %s, is in a transaction for %s',
    a.pid,
    a.usename,
    a.application_name,
    a.state,
    pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - a.xact_start)
  ) as evidence,
  pg_catalog.format(
    'the index build ends after it does; if it is forgotten: `select pg_catalog.pg_terminate_backend(%s)`', a.pid
  ) as remedy
from plan
cross join lateral pg_catalog.jsonb_array_elements_text(plan.wanted -> 'builds') as builds (migration)
inner join pg_catalog.pg_stat_activity as a on a.datname = pg_catalog.current_database()
where a.pid <> pg_catalog.pg_backend_pid()
  and a.backend_type = 'client backend'
  and a.backend_xmin is not null
  and a.xact_start
  <= pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => (plan.wanted ->> 'lock_timeout')::double precision)
order by builds.migration, a.xact_start
limit 10;

-- Looks for: another `inboxdb migrate`, or `inboxdb workspace`, at work on this database.
-- Evidence: pg_locks; when the session began, for other roles' sessions with pg_read_all_stats.
-- Reads nothing of inboxdb.plan.
select
  'warning' as severity,
  null as migration,
  pg_catalog.format(
    'another `inboxdb migrate`, or `inboxdb workspace`, is at work on this database: session %s%s', l.pid,
    ', connected for ' || pg_catalog.date_trunc('second', pg_catalog.clock_timestamp() - a.backend_start)
  ) as evidence,
  'wait for it to end: `inboxdb migrate apply` gives up after 5 s' as remedy
from pg_catalog.pg_locks as l
left join pg_catalog.pg_stat_activity as a on l.pid = a.pid
where l.locktype = 'advisory'
  and l.database = (
    select d.oid from pg_catalog.pg_database as d
    where d.datname = pg_catalog.current_database()
  )
  and l.classid = 1768841850
  and l.objid = 0
  and l.granted
  and l.pid <> pg_catalog.pg_backend_pid();

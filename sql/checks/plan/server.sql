-- Looks for: a server unfit for migrations: older than PostgreSQL 15, or a standby.
-- Evidence: settings, readable by everybody.
-- Reads nothing of inboxdb.plan.
select
  'obstacle' as severity,
  null as migration,
  'the server is PostgreSQL ' || pg_catalog.current_setting('server_version') as evidence,
  'inboxdb needs PostgreSQL 15 or newer' as remedy
where pg_catalog.current_setting('server_version_num')::integer < 150000
union all
select
  'obstacle' as severity,
  null as migration,
  'the server is a standby' as evidence,
  'connect to the primary' as remedy
where pg_catalog.pg_is_in_recovery();

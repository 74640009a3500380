-- Looks for: a server unfit for migrations: older than PostgreSQL 15, a standby, or with read-only transactions by
-- default.
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
where pg_catalog.pg_is_in_recovery()
union all
select
  'obstacle' as severity,
  null as migration,
  'transactions of this role in this database are read only (default_transaction_read_only)' as evidence,
  'turn that off for the role or the database, or set PGOPTIONS="-c default_transaction_read_only=off"' as remedy
where pg_catalog.current_setting('default_transaction_read_only')::boolean
  and not pg_catalog.pg_is_in_recovery();

-- Drain with pg_cron: no Python, no machine but the database's. Run it as a superuser, in the database that the setting
-- cron.database_name names, after `inboxdb migrate apply --create-roles` and `create extension pg_cron`; as often as
-- you like:
--   psql -X -v ON_ERROR_STOP=1 -f pg_cron.sql
--
-- pg_cron logs in as inboxdb_cron. By default it does so through TCP on localhost: then pg_hba.conf has to let the role in,
-- or a .pgpass file of the server's user has to hold its password; the setting cron.host may name the folder of the
-- server's socket instead. With cron.use_background_workers nothing of that is needed. Tested with pg_cron 1.4 on
-- PostgreSQL 15, both ways.
--
-- Drains without Python copy nothing to Redis: where that is in use, run `inboxdb publish` every few seconds, or a worker.
begin;

do $$
begin
  if to_regrole('inboxdb_cron') is null then
    create role inboxdb_cron login;
  end if;
end
$$;

grant inboxdb_drainer to inboxdb_cron;
grant usage on schema cron to inboxdb_cron;
-- pg_cron starts no second run while one lasts, so none may last for ever. 55 s, and 900 s for the workspace begun last.
alter role inboxdb_cron set statement_timeout = '20min';

-- a job belongs to the role that schedules it, and runs as that role
set local role inboxdb_cron;

-- It looks for changes every second, for 55 s. The command must be this one CALL and nothing else: it commits.
select cron.schedule('inboxdb-drain', '* * * * *', 'call inboxdb.drain_dirty(max_seconds => 55)');

-- pg_cron writes a row for each run and never deletes one. Row-level security lets the role see its own jobs' alone. By id,
-- since a run that never started has no time.
select cron.schedule('inboxdb-prune', '17 * * * *', $$
  delete from cron.job_run_details
  where runid < (select min(runid) from cron.job_run_details where start_time > now() - interval '1 day')
$$);

commit;

-- inboxdb is in another database than pg_cron? Then send the first job there, as a superuser:
--   select cron.alter_job(jobid, database => 'app')
--   from cron.job where jobname = 'inboxdb-drain' and username = 'inboxdb_cron';
--
-- pg_cron 1.5 and later can run a job every few seconds (UNTESTED: Debian 12 has 1.4). It is no fresher than the above, and
-- pg_cron writes 17,280 rows a day:
--   select cron.schedule('inboxdb-drain', '5 seconds', 'call inboxdb.drain_dirty(max_seconds => 4)');
--
-- To stop, as a superuser: set role inboxdb_cron; select cron.unschedule('inboxdb-drain'), cron.unschedule('inboxdb-prune');

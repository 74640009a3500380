-- Ask `inboxdb serve-trigger` for a run, every minute, with pg_cron and pg_net: for Supabase, where versions are copied to
-- Redis, because pg_cron.sql alone does the rest, without any machine but the database's. Run it as the role that may
-- schedule jobs and read Supabase's vault (postgres), as often as you like:
--   psql -X -v ON_ERROR_STOP=1 -f pg_net.sql
--
-- Before, once, from a console that keeps no history:
--   create extension if not exists pg_cron; create extension if not exists pg_net;
--   select vault.create_secret('https://trigger.example', 'inboxdb_trigger_url');
--   select vault.create_secret('SECRET', 'inboxdb_trigger_secret');
--
-- Run in a test with stand-ins for pg_cron, pg_net and the vault, of the same names and parameters; UNTESTED on Supabase.
-- The job's text names the secret and does not hold it; pg_net keeps the header in net.http_request_queue until it is sent.
select cron.schedule('inboxdb-trigger', '* * * * *', $$
  select net.http_post(
    url => (select s.decrypted_secret from vault.decrypted_secrets as s where s.name = 'inboxdb_trigger_url') || '/drain',
    headers => jsonb_build_object(
      'Content-Type', 'application/json',
      'Authorization',
      'Bearer ' || (select s.decrypted_secret from vault.decrypted_secrets as s where s.name = 'inboxdb_trigger_secret')
    ),
    timeout_milliseconds => 25000
  )
$$);

-- What was answered, for six hours: select status_code, content, error_msg from net._http_response order by created desc;
-- To stop: select cron.unschedule('inboxdb-trigger');

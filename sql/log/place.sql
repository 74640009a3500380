create or replace function inboxdb.place() returns text
language plpgsql stable
set search_path = ''
as $$
-- Purpose: say where this database is, so that an arrival from elsewhere is noticed (D107): on which server, in which
--   of its histories, and in which making of our tables, counted from the host's tables written by subscriptions.
-- Returns: the server's system identifier (pg_upgrade makes a new one), its timeline (a promotion or a restore to a
--   point in time begins another), the oid of drain_state (a logical copy has another), and the enabled subscriptions
--   that write tables of the host's; a part withheld by the server is empty.
-- Errors: IB018 where an enabled subscription writes tables of ours.
-- Reads: the system catalog.
-- INVOKER: called by arrive only.
declare
  system_identifier pg_catalog.int8;
  timeline pg_catalog.text;
  writers pg_catalog.record;
begin
  -- managed servers may withhold either
  begin
    select s.system_identifier into system_identifier from pg_catalog.pg_control_system() as s;
  exception when others then
    null;
  end;
  begin
    timeline := pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8);
  exception when others then
    null;
  end;

  select
    pg_catalog.string_agg(distinct u.oid::pg_catalog.text, ',') filter (where c.relnamespace <> ours.oid) as of_host,
    pg_catalog.min(u.subname) filter (where c.relnamespace = ours.oid) as of_ours
  into writers
  from pg_catalog.pg_subscription as u
  inner join pg_catalog.pg_subscription_rel as r on u.oid = r.srsubid
  inner join pg_catalog.pg_class as c on r.srrelid = c.oid
  cross join pg_catalog.to_regnamespace('inboxdb') as ours (oid)
  where u.subenabled
    and (
      c.relnamespace = ours.oid
      or r.srrelid in (
        pg_catalog.to_regclass('public."Client"'), pg_catalog.to_regclass('public."Lead"'),
        pg_catalog.to_regclass('public."AIDraft"'), pg_catalog.to_regclass('public."Message"')
      )
    );
  if writers.of_ours is not null then
    raise exception using
      errcode = 'IB018',
      message = pg_catalog.format('subscription %I writes the tables of inboxdb', writers.of_ours),
      detail = 'A drain beside it would stop the replication by rows of its own. Nothing was changed.',
      hint = 'Drain on the publisher until the application has moved here, then drop the subscription.';
  end if;
  return pg_catalog.format(
    '%s/%s/%s/%s', system_identifier, timeline,
    pg_catalog.to_regclass('inboxdb.drain_state')::pg_catalog.oid, writers.of_host
  );
end
$$;

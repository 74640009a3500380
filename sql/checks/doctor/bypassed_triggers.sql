-- Looks for: writers for whom our triggers do not fire: session_replication_role = replica for a role, a database or
-- the whole server, and a logical replication subscription writing a table with our triggers.
-- Why: their writes are not noted, and the counts stay wrong without a sign.
-- Evidence: the catalog, readable by everybody. A SET within a session cannot be seen.
-- Source of the rule: session_replication_role, and ALTER TABLE ... ENABLE ALWAYS TRIGGER, in PostgreSQL's manual.
select
  'problem' as severity,
  pg_catalog.format(
    'session_replication_role is replica for %s',
    pg_catalog.concat_ws(
      ' in ',
      case s.setrole when 0 then 'every role' else pg_catalog.format('role %s', s.setrole::pg_catalog.regrole) end,
      case s.setdatabase when 0 then 'every database' else 'this database' end
    )
  ) as evidence,
  pg_catalog.format(
    '`alter %s reset session_replication_role`, have its sessions connect anew, then `inboxdb mark --all`',
    case
      when s.setrole = 0 then pg_catalog.format('database %I', pg_catalog.current_database())
      else pg_catalog.format('role %s', s.setrole::pg_catalog.regrole) || case
          when s.setdatabase <> 0 then pg_catalog.format(' in database %I', pg_catalog.current_database()) else ''
        end
    end
  ) as remedy
from pg_catalog.pg_db_role_setting as s
where s.setdatabase in (
    0, (
      select d.oid from pg_catalog.pg_database as d
      where d.datname = pg_catalog.current_database()
    )
  )
  and s.setconfig && array['session_replication_role=replica']
union all
select
  'problem' as severity,
  pg_catalog.format('session_replication_role is replica for the whole server, by its %s', s.source) as evidence,
  '`alter system reset session_replication_role` and `select pg_catalog.pg_reload_conf()`; where it stands in a file '
  'or on the command line, take it out there; then `inboxdb mark --all`' as remedy
from pg_catalog.pg_settings as s
where s.name = 'session_replication_role'
  and s.setting = 'replica'
  and s.source in ('configuration file', 'command line', 'environment variable')
union all
select
  'problem' as severity,
  pg_catalog.format('subscription %I writes public.%I, where our triggers do not fire for it', u.subname, c.relname)
    as evidence,
  pg_catalog.format(
    '`alter table public.%I %s`, then `inboxdb mark --all`; or keep inboxdb on the publisher alone', c.relname,
    pg_catalog.string_agg(pg_catalog.format('enable always trigger %I', t.tgname), ', ' order by t.tgname)
  ) as remedy
from pg_catalog.pg_subscription_rel as r
inner join pg_catalog.pg_subscription as u on r.srsubid = u.oid
inner join pg_catalog.pg_class as c on r.srrelid = c.oid
inner join pg_catalog.pg_trigger as t on c.oid = t.tgrelid and t.tgenabled = 'O'
inner join pg_catalog.pg_proc as p on t.tgfoid = p.oid and p.pronamespace = pg_catalog.to_regnamespace('inboxdb')
group by u.subname, c.relname;

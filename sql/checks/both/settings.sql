-- Looks for: settings of the server, the database, this role or a drain's role that concern inboxdb; says what is done
-- about each. Asked by `inboxdb doctor` and by `inboxdb migrate plan`.
-- Why: a timeout cuts work short without a word of who set it.
-- Evidence: pg_settings, of this role; pg_db_role_setting, readable by everybody.
-- Source of the rule: docs/operations.md, "Settings of the host".
with rule (name, usual, severity, done, remedy) as (
  values
  (
    'transaction_timeout', array['0'], 'note', 'inboxdb turns it off for its own transactions', 'nothing to do'
  ),
  (
    'statement_timeout', array['0'], 'note',
    'inboxdb sets time limits of its own; `call inboxdb.drain_dirty()` alone is cut short, and claims nothing after '
    || 'half of that time',
    'where pg_cron drains as this role: `alter {whose} reset statement_timeout`; else nothing to do'
  ),
  ('lock_timeout', array['0'], 'note', 'inboxdb sets its own', 'nothing to do'),
  (
    'idle_in_transaction_session_timeout', array['0'], 'note', 'inboxdb turns it off for its own transactions',
    'nothing to do'
  ),
  (
    'idle_session_timeout', array['0'], 'note',
    'migrations turn it off; a drain whose idle connection was closed connects again', 'nothing to do'
  ),
  (
    'default_transaction_isolation', array['read committed'], 'note', 'inboxdb says READ COMMITTED itself',
    'nothing to do'
  ),
  (
    'default_transaction_read_only', array['off'], 'problem',
    'inboxdb leaves it as it is, because it may stop writes on purpose: nothing is drained',
    '`alter {whose} reset default_transaction_read_only`, once writes are wanted again'
  ),
  (
    'row_security', array['on'], 'note',
    'inboxdb sets it where it counts; members who read inboxdb''s tables directly get an error (42501)',
    'for what browsers connect as: `alter {whose} reset row_security`'
  ),
  (
    'default_table_access_method', array['heap'], 'note', 'migrations make their tables as heap', 'nothing to do'
  ),
  (
    'restrict_nonsystem_relation_kind', array[''], 'problem',
    'drains and migrations set it back for themselves; members who read counts get an error (55000)',
    '`alter {whose} reset restrict_nonsystem_relation_kind`'
  ),
  ('exit_on_error', array['off'], 'note', 'inboxdb turns it off for its own transactions', 'nothing to do'),
  (
    'temp_file_limit', array['-1'], 'note', 'a recount that needs more fails with SQLSTATE 53400, and is tried again',
    'raise it if `inboxdb status` shows that code'
  ),
  (
    'client_encoding', array['UTF8', 'SQL_ASCII'], 'note', 'inboxdb says UTF8 itself', 'nothing to do'
  ),
  ('DateStyle', array['ISO'], 'note', 'inboxdb says ISO itself', 'nothing to do')
),

-- roles with sessions of inboxdb's: this role, the owner, and the drains' roles
ours (oid) as (
  select r.oid
  from pg_catalog.pg_roles as r
  where r.rolname in (session_user, current_user)
    or r.oid = (
      select n.nspowner from pg_catalog.pg_namespace as n
      where n.nspname = 'inboxdb'
    )
    or (
      r.rolcanlogin and not r.rolsuper
      and exists (
        select from pg_catalog.pg_roles as d
        where d.rolname = 'inboxdb_drainer' and pg_catalog.pg_has_role(r.oid, d.oid, 'member')
      )
    )
),

carried (name, value, whose) as (
  select
    pg_catalog.split_part(config.entry, '=', 1),
    pg_catalog.substr(config.entry, pg_catalog.strpos(config.entry, '=') + 1),
    case
      when s.setrole = 0 then pg_catalog.format('database %I', pg_catalog.current_database())
      when s.setdatabase = 0 then pg_catalog.format('role %I', r.rolname)
      else pg_catalog.format('role %I in database %I', r.rolname, pg_catalog.current_database())
    end
  from pg_catalog.pg_db_role_setting as s
  cross join lateral pg_catalog.unnest(s.setconfig) as config (entry)
  left join pg_catalog.pg_roles as r on s.setrole = r.oid
  left join pg_catalog.pg_database as d on s.setdatabase = d.oid
  where (s.setdatabase = 0 or d.datname = pg_catalog.current_database())
    and (s.setrole = 0 or s.setrole in (select o.oid from ours as o))
),

found (name, value, whose) as (
  select c.name, c.value, c.whose
  from carried as c
  union all
  -- of the server's configuration, or of this connection's options
  select s.name, s.reset_val || coalesce(s.unit, ''), null
  from pg_catalog.pg_settings as s
  where not exists (
      select from carried as c
      where pg_catalog.lower(c.name) = pg_catalog.lower(s.name)
    )
    and s.name not in ('client_encoding', 'DateStyle')
)

select
  r.severity,
  null as migration,
  pg_catalog.format('%s is %s%s: %s', r.name, f.value, ' for ' || f.whose, r.done) as evidence,
  pg_catalog.replace(r.remedy, '{whose}', coalesce(f.whose, 'system')) as remedy
from rule as r
inner join found as f on pg_catalog.lower(r.name) = pg_catalog.lower(f.name)
where pg_catalog.split_part(f.value, ',', 1) <> all (r.usual)
  -- with a unit, as in 0ms
  and not (r.usual[1] in ('0', '-1') and f.value ~ '^(0|-1)[a-zA-Z]*$')
  -- of this session the check read_only says so
  and not (
    r.name = 'default_transaction_read_only' and pg_catalog.current_setting('default_transaction_read_only') = 'on'
  )
order by r.name, f.whose;

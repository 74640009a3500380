-- Looks for: transactions that are read only by default, on a server that is no standby.
-- Why: nothing drains.
-- Evidence: settings, readable by everybody.
-- Source of the rule: default_transaction_read_only in PostgreSQL's manual. Also read by `migrate plan`, and by every
-- command that is refused with 25006.
select
  'problem' as severity,
  pg_catalog.format(
    'transactions are read-only: default_transaction_read_only is on, set by %s',
    case s.source
      when 'database' then 'the database'
      when 'user' then 'the role'
      when 'database user' then 'the role in the database'
      when 'client' then 'the connection string or PGOPTIONS' else 'the ' || s.source
    end
  ) as evidence,
  case s.source
    when 'database' then pg_catalog.format('`alter database %I reset %s`', pg_catalog.current_database(), s.name)
    when 'user' then pg_catalog.format('`alter role %I reset %s`', current_user, s.name)
    when 'database user'
      then pg_catalog.format(
          '`alter role %I in database %I reset %s`', current_user, pg_catalog.current_database(), s.name
        )
    else 'turn that off there'
  end || ' once it is known who set it: a managed host does so while its disk is full' as remedy
from pg_catalog.pg_settings as s
where s.name = 'default_transaction_read_only'
  and s.setting = 'on'
  and not pg_catalog.pg_is_in_recovery();

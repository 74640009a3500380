-- Looks for: sessions and prepared transactions holding, or queueing for, a lock in conflict with a pending
-- migration's. A transaction older than lock_timeout is a warning; a younger one will most likely have ended, and is a
-- note (D81).
-- Evidence: pg_locks, pg_prepared_xacts; the age and the state of other roles' sessions with pg_read_all_stats.
-- Reads locks and lock_timeout in inboxdb.plan. Never the sessions' queries: their text may quote rows.
-- Source of the rule: the table of conflicting lock modes in PostgreSQL's manual, chapter Explicit Locking.
with plan (wanted) as (
  select pg_catalog.current_setting('inboxdb.plan')::jsonb
),

conflict (mode, held) as (
  values
  ('ACCESS SHARE', '{AccessExclusiveLock}'::text[]),
  -- CREATE INDEX CONCURRENTLY also waits for every lock that allows writing
  (
    'SHARE UPDATE EXCLUSIVE',
    '{RowExclusiveLock,ShareUpdateExclusiveLock,ShareLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}'
  ),
  (
    'SHARE ROW EXCLUSIVE',
    '{RowExclusiveLock,ShareUpdateExclusiveLock,ShareLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}'
  ),
  (
    'ACCESS EXCLUSIVE',
    '{AccessShareLock,RowShareLock,RowExclusiveLock,ShareUpdateExclusiveLock,ShareLock,ShareRowExclusiveLock,'
    'ExclusiveLock,AccessExclusiveLock}'
  )
),

blocking as (
  -- the first of the migrations that would wait for it
  select
    pg_catalog.min(w.migration) as migration, w.host_table, l.pid, p.gid, a.usename, a.application_name, a.state,
    a.backend_type, coalesce(a.xact_start, p.prepared) as since,
    pg_catalog.string_agg(
      distinct pg_catalog.regexp_replace(l.mode, 'Lock$', '') || case when l.granted then '' else ' (queued)' end, ', '
    ) as modes
  from plan
  cross join
    lateral
    pg_catalog.jsonb_to_recordset(plan.wanted -> 'locks') as w (migration text, host_table text, mode text)
  inner join conflict as c on w.mode = c.mode
  -- by the catalog, because regclass needs USAGE on the schema
  inner join pg_catalog.pg_namespace as n on n.nspname in ('public', 'inboxdb', 'realtime')
  inner join pg_catalog.pg_class as t
    on n.oid = t.relnamespace and w.host_table = pg_catalog.format('%I.%I', n.nspname, t.relname)
  inner join pg_catalog.pg_locks as l on t.oid = l.relation and l.mode = any (c.held)
  left join pg_catalog.pg_stat_activity as a on l.pid = a.pid
  -- prepared transactions have no session: found by each transaction's lock on its own xid
  left join pg_catalog.pg_locks as own
    on l.pid is null and own.pid is null and own.locktype = 'transactionid' and own.mode = 'ExclusiveLock'
      and l.virtualtransaction = own.virtualtransaction
  left join pg_catalog.pg_prepared_xacts as p on own.transactionid = p.transaction
  where l.locktype = 'relation'
    and l.database = (
      select d.oid from pg_catalog.pg_database as d
      where d.datname = pg_catalog.current_database()
    )
    and l.pid is distinct from pg_catalog.pg_backend_pid()
  group by
    w.host_table, l.pid, p.gid, a.usename, a.application_name, a.state, a.backend_type, a.xact_start, p.prepared
),

aged as (
  select
    b.*,
    pg_catalog.clock_timestamp() - b.since as age,
    pg_catalog.row_number() over (partition by b.host_table order by b.since nulls first) as place
  from blocking as b
)

select
  case
    when b.backend_type = 'autovacuum worker' then 'note'
    when b.pid is not null
      and b.age < pg_catalog.make_interval(secs => (plan.wanted ->> 'lock_timeout')::double precision) then 'note'
    else 'warning'
  end as severity,
  b.migration,
  pg_catalog.format(
    '%s holds %s on %s, %s',
    case
      when b.pid is null then pg_catalog.format('prepared transaction %L', b.gid)
      when b.usename is null then pg_catalog.format('session %s, %s', b.pid, coalesce(b.backend_type, 'of the server'))
      else pg_catalog.format(
          'session %s of role %I, application %L%s', b.pid, b.usename, b.application_name, ', ' || b.state
        )
    end,
    b.modes, b.host_table,
    coalesce(
      'in a transaction for ' || pg_catalog.date_trunc('second', b.age),
      'for how long this role may not see (it needs pg_read_all_stats)'
    )
  ) as evidence,
  case
    when b.pid is null then pg_catalog.format('if it is forgotten: `rollback prepared %L`', b.gid)
    when
      b.backend_type = 'autovacuum worker'
      then 'it makes way within a second, unless it is there to prevent wraparound'
    else pg_catalog.format(
        'wait for it to end, or, if it is forgotten: `select pg_catalog.pg_terminate_backend(%s)`', b.pid
      )
  end as remedy
from aged as b
cross join plan
-- at most five, because a busy table always has some
where b.place <= 5
order by b.migration, b.host_table, b.place;

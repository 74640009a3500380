-- Looks for: objects of a pending migration already there: invalid indexes of an interrupted build (dropped and built
-- again), and objects made by hand and not recorded (views and triggers are replaced; tables make the migration fail).
-- Evidence: the catalog, readable by everybody.
-- Reads in inboxdb.plan the objects first made by each pending migration. Schema inbox_api is the host check's affair.
with planned (migration, kind, name, host_table) as (
  select m.migration, m.kind, m.name, m.host_table
  from pg_catalog.jsonb_to_recordset(pg_catalog.current_setting('inboxdb.plan')::jsonb -> 'makes')
      as m (migration text, kind text, name text, host_table text)
),

-- by the catalog, readable without rights in the schema
made (migration, kind, name) as (
  select p.migration, p.kind, pg_catalog.format('%s inboxdb.%I', p.kind, c.relname)
  from planned as p
  inner join pg_catalog.pg_class as c on p.name = c.relname
  where p.kind in ('table', 'view')
    and c.relnamespace = pg_catalog.to_regnamespace('inboxdb')
  union all
  select p.migration, p.kind, pg_catalog.format('trigger %I on public.%I', t.tgname, p.host_table)
  from planned as p
  inner join pg_catalog.pg_trigger as t on p.name = t.tgname
  where p.kind = 'trigger'
    and t.tgrelid = pg_catalog.to_regclass(pg_catalog.format('public.%I', p.host_table))
),

found (severity, migration, evidence, remedy) as (
  select
    'note', p.migration,
    pg_catalog.format('index public.%I is invalid, as an interrupted build leaves it', c.relname),
    'nothing to do: it is dropped, under ACCESS EXCLUSIVE on its table within 2 s, and built again'
  from planned as p
  inner join pg_catalog.pg_class as c on p.name = c.relname
  inner join pg_catalog.pg_index as i on c.oid = i.indexrelid
  where p.kind = 'index'
    and c.relnamespace = pg_catalog.to_regnamespace('public')
    and not i.indisvalid
  union all
  select
    case m.kind when 'table' then 'obstacle' else 'note' end,
    m.migration, pg_catalog.min(m.name) || ' is there already, though the migration is not recorded',
    pg_catalog.format(
      'if it was run by hand: `inboxdb migrate mark %s`; else %s', m.migration,
      case m.kind when 'table' then 'drop what it made' else 'nothing to do: what is there is replaced' end
    )
  from made as m
  group by m.migration, m.kind
)

select f.severity, f.migration, f.evidence, f.remedy
from found as f
order by f.migration, f.evidence;

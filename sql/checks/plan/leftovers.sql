-- Looks for: objects of a pending migration already there: invalid indexes of an interrupted build (dropped and built
-- again), and objects made by hand and not recorded (the migration would fail).
-- Evidence: the catalog, readable by everybody.
-- Reads the pending migrations in inboxdb.plan. Schema inbox_api is the host check's affair.
with pending (migration) as (
  select p.migration
  from pg_catalog.jsonb_array_elements_text(
      pg_catalog.current_setting('inboxdb.plan')::jsonb -> 'pending'
    ) as p (migration)
),

-- an object of each migration that nobody else would have made
made (migration, name) as (
  -- by the catalog, because regclass needs USAGE on the schema
  select m.migration, pg_catalog.format('%s inboxdb.%s', m.kind, c.relname)
  from (
    values
    ('0001-tables', 'table', 'inbox_counts'),
    ('0002-functions', 'view', 'classified_lead')
  ) as m (migration, kind, relname)
  inner join pg_catalog.pg_class as c on m.relname = c.relname
  where c.relnamespace = pg_catalog.to_regnamespace('inboxdb')
  union all
  select
    m.migration,
    pg_catalog.format('trigger %I on %s', pg_catalog.min(t.tgname), pg_catalog.format('public.%I', m.host_table))
  from (
    values
    ('0004-client-triggers', 'Client'),
    ('0005-ai-draft-triggers', 'AIDraft'),
    ('0006-lead-triggers', 'Lead')
  ) as m (migration, host_table)
  inner join
    pg_catalog.pg_trigger as t
    on t.tgrelid = pg_catalog.to_regclass(pg_catalog.format('public.%I', m.host_table))
  where t.tgname like 'inboxdb\_note\_%'
  group by m.migration, m.host_table
),

found (severity, migration, evidence, remedy) as (
  select
    'note', '0003-host-indexes',
    pg_catalog.format('index public.%I is invalid, as an interrupted build leaves it', c.relname),
    'nothing to do: it is dropped, under ACCESS EXCLUSIVE on its table within 2 s, and built again'
  from pg_catalog.pg_index as i
  inner join pg_catalog.pg_class as c on i.indexrelid = c.oid
  where c.relnamespace = pg_catalog.to_regnamespace('public')
    and c.relname in ('inboxdb_message_ai_sent', 'inboxdb_ai_draft_to_review')
    and not i.indisvalid
  union all
  select
    'obstacle', m.migration, m.name || ' is there already, though the migration is not recorded',
    pg_catalog.format('if it was run by hand: `inboxdb migrate mark %s`; else drop what it made', m.migration)
  from made as m
)

select f.severity, f.migration, f.evidence, f.remedy
from found as f
inner join pending as p on f.migration = p.migration
order by f.migration, f.evidence;

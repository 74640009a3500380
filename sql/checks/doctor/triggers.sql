-- Looks for: a trigger of ours that is gone, disabled, or enabled for replicas only.
-- Why: what is written meanwhile is not noted, and the counts stay wrong without a sign.
-- Evidence: the catalog, readable by everybody.
-- Source of the rule: sql/log/, to which a test holds this list; ALTER TABLE in PostgreSQL's manual.
with shipped (table_name, trigger_name) as (
  values
  ('Client', 'inboxdb_note_insert_or_delete'),
  ('Client', 'inboxdb_note_update'),
  ('Client', 'inboxdb_note_truncate'),
  ('AIDraft', 'inboxdb_note_insert'),
  ('AIDraft', 'inboxdb_note_update'),
  ('AIDraft', 'inboxdb_note_delete'),
  ('AIDraft', 'inboxdb_note_truncate'),
  ('Lead', 'inboxdb_note_insert_or_delete'),
  ('Lead', 'inboxdb_note_update'),
  ('Lead', 'inboxdb_note_rollup'),
  ('Lead', 'inboxdb_note_truncate')
),

ours as (
  select c.relname, t.tgname, t.tgenabled
  from pg_catalog.pg_trigger as t
  inner join pg_catalog.pg_class as c on t.tgrelid = c.oid
  inner join pg_catalog.pg_proc as p on t.tgfoid = p.oid
  where c.relnamespace = pg_catalog.to_regnamespace('public')
    and p.pronamespace = pg_catalog.to_regnamespace('inboxdb')
),

found as (
  select s.table_name, s.trigger_name, o.tgenabled
  from shipped as s
  left join ours as o on s.table_name = o.relname and s.trigger_name = o.tgname
)

select
  'problem' as severity,
  pg_catalog.format(
    'trigger %I on public.%I is %s', f.trigger_name, f.table_name,
    case f.tgenabled when 'D' then 'disabled' when 'R' then 'enabled for replicas only' else 'missing' end
  ) as evidence,
  case
    when f.tgenabled is null
      then '`inboxdb migrate verify --repair`, which makes it again and marks every workspace'
    else pg_catalog.format(
        '`alter table public.%I enable trigger %I`, then `inboxdb mark --all`: nothing was noted meanwhile',
        f.table_name, f.trigger_name
      )
  end as remedy
from found as f
where coalesce(f.tgenabled in ('D', 'R'), true)
order by f.table_name, f.trigger_name;

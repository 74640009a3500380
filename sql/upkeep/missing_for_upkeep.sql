create or replace function inboxdb.missing_for_upkeep(this_item text) returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: find out whether the host has what an item of upkeep needs: columns of fit types, indexes on the columns
  --   by which rows are found, the foreign key by which messages lock their draft, and rights.
  -- Parameters: this_item, of view upkeep.
  -- Returns: the names of all missing; null where nothing is.
  -- Reads: the system catalog.
  -- INVOKER: reads the catalog only.
  with needed (place, item, host_table, host_column, types, same_as, is_found_by) as (
    -- same_as: the place of a column of the same type, because the two are compared
    values
    (1, 'recover-stale-drafts', 'AIDraft', 'id', '%', null, true),
    (2, 'recover-stale-drafts', 'AIDraft', 'status', 'text', null, true),
    (3, 'recover-stale-drafts', 'AIDraft', 'autoSendAction', 'text', null, false),
    (4, 'recover-stale-drafts', 'AIDraft', 'updatedAt', 'timestamp%', null, false),
    (5, 'recover-stale-drafts', 'Message', 'aiDraftId', '%', 1, true),
    (6, 'recover-stale-drafts', 'Message', 'direction', 'text', null, false),
    (7, 'prune-lead-memory', 'LeadMemoryEntry', 'id', '%', null, true),
    (8, 'prune-lead-memory', 'LeadMemoryEntry', 'source', '%', null, false),
    (9, 'prune-lead-memory', 'LeadMemoryEntry', 'expiresAt', 'timestamp%', null, true),
    (10, 'prune-workspace-memory', 'WorkspaceMemoryEntry', 'id', '%', null, true),
    (11, 'prune-workspace-memory', 'WorkspaceMemoryEntry', 'source', '%', null, false),
    (12, 'prune-workspace-memory', 'WorkspaceMemoryEntry', 'expiresAt', 'timestamp%', null, true),
    (13, 'prune-ai-interactions', 'AIInteraction', 'id', '%', null, true),
    (14, 'prune-ai-interactions', 'AIInteraction', 'createdAt', 'timestamp%', null, true),
    (15, 'prune-draft-runs', 'DraftPipelineRun', 'id', '%', null, true),
    (16, 'prune-draft-runs', 'DraftPipelineRun', 'createdAt', 'timestamp%', null, false)
  ),

  found as (
    select
      n.place, n.item, n.same_as, n.is_found_by, n.host_column, c.oid, a.attnum,
      pg_catalog.format('public.%I', n.host_table) as table_name,
      -- no quotes from a session with quote_all_identifiers, and no schema from beside a temporary type text
      pg_catalog.replace(
        pg_catalog.replace(
          pg_catalog.translate(pg_catalog.format_type(a.atttypid, null), '"', ''), 'character varying', 'text'
        ), 'pg_catalog.', ''
      ) as type_name,
      n.types
    from needed as n
    left join pg_catalog.pg_class as c
      on c.oid = pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table)) and c.relkind in ('r', 'p')
    left join pg_catalog.pg_attribute as a
      on c.oid = a.attrelid and n.host_column = a.attname and not a.attisdropped
  ),

  lacking (place, what) as (
    select
      f.place,
      case
        when f.type_name is null or f.type_name not like f.types or f.type_name <> other.type_name
          then pg_catalog.format('%s.%I', f.table_name, f.host_column)
        when f.is_found_by and not exists (
          select
          from pg_catalog.pg_index as i
          where i.indrelid = f.oid and i.indkey[0] = f.attnum and i.indisvalid and i.indpred is null
        )
          then pg_catalog.format('an index that begins with %s.%I', f.table_name, f.host_column)
      end
    from found as f
    left join found as other on f.same_as = other.place
    where f.item = this_item
    union all
    select 50, 'a foreign key from public."Message"."aiDraftId" to public."AIDraft"'
    from found as f
    where this_item = 'recover-stale-drafts' and f.place = 5 and f.attnum is not null
      and not exists (
        select
        from pg_catalog.pg_constraint as k
        where k.conrelid = f.oid and k.contype = 'f' and k.conkey = array[f.attnum]
          and k.confrelid = pg_catalog.to_regclass('public."AIDraft"')
      )
    union all
    select distinct on (f.oid) 60 + f.place, pg_catalog.format('the right to %s %s', needs.privilege, f.table_name)
    from found as f
    cross join lateral (
      select case f.table_name
        when 'public."AIDraft"' then 'update' when 'public."Message"' then 'select' else 'delete'
      end
    ) as needs (privilege)
    where f.item = this_item and f.oid is not null
      and not pg_catalog.has_table_privilege(
        (select n.nspowner from pg_catalog.pg_namespace as n where n.nspname = 'inboxdb'), f.oid, needs.privilege
      )
  )

  select pg_catalog.string_agg(l.what, ', ' order by l.place)
  from lacking as l
$$;

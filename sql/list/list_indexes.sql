create or replace function inboxdb.list_indexes()
returns table (index_name text, statement text, fingerprint text, state text)
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the indexes for pages of the conversation list: on "Lead", in the types of the host's columns, and on
--   counted_lead.
--   Keys and conditions name built-in functions only, because the host's writers evaluate them. Each has an expression
--   among its columns, which the host's migration tools leave alone (D110).
--   Keys end with the snooze and the user: the index itself passes over snoozed leads, and in a setter's page over
--   others' leads. The user is written in two ways, "assignedToUserId" and scope_user_id's nullif: a query for a
--   filter's leads of a user so fits the filter's index alone, and not the index of all the user's leads.
-- Returns: name; the statement that makes the index, for outside a transaction; fingerprint, to be the index's comment,
--   since another statement makes another index; state: built, missing, invalid or outdated. No rows where columns are
--   missing.
-- Reads: list_filter, the system catalog.
-- INVOKER: for the owner.
declare
  instants jsonb;
  user_expression text;
  is_listed text;
  found pg_catalog.record;
  instant pg_catalog.record;
begin
  if inboxdb.missing_for_lists() is not null then
    return;
  end if;
  select
    pg_catalog.jsonb_object_agg(
      a.attname,
      case a.atttypid
        when 'pg_catalog.timestamptz'::pg_catalog.regtype then pg_catalog.format('%I', a.attname)
        else pg_catalog.format('(%I at time zone ''UTC'')', a.attname)
      end
    ) filter (
      where a.atttypid in ('pg_catalog.timestamptz'::pg_catalog.regtype, 'pg_catalog.timestamp'::pg_catalog.regtype)
    ),
    pg_catalog.max(
      pg_catalog.format('(nullif(%I, %L))', a.attname, inboxdb.sentinel())
    ) filter (where a.attname = 'assignedToUserId'),
    -- listed_lead.is_listed after inlining: id_bytes of a uuid is 16
    pg_catalog.format(
      '%s + %s + coalesce(%s, 0) <= 2500',
      pg_catalog.max(b.bytes) filter (where a.attname = 'id'),
      pg_catalog.max(b.bytes) filter (where a.attname = 'clientId'),
      pg_catalog.max(b.bytes) filter (where a.attname = 'assignedToUserId')
    )
  into instants, user_expression, is_listed
  from pg_catalog.pg_attribute as a
  cross join lateral (
    select
      case a.atttypid
        when 'pg_catalog.uuid'::pg_catalog.regtype then '16' else pg_catalog.format('octet_length(%I)', a.attname)
      end as bytes
  ) as b
  where a.attrelid = 'public."Lead"'::pg_catalog.regclass and a.attnum > 0 and not a.attisdropped;

  for found in
    select i.name, i.on_table, i.keys, i.condition
    from (
      select
        1 as place, 'public.inboxdb_list_' || f.name as name, 'public."Lead"' as on_table,
        '"clientId", (coalesce({lastMessageAt}, {createdAt}, ''-infinity'')), id,'
        ' (coalesce({snoozedUntil}, ''-infinity''))'
        || case when f.name <> 'all' then ', "assignedToUserId"' else '' end as keys,
        is_listed || ' and ' || f.index_condition as condition
      from inboxdb.list_filter as f
      where f.index_condition is not null
      union all
      select
        2, 'public.inboxdb_list_all_by_user', 'public."Lead"',
        '"clientId", {user}, (coalesce({lastMessageAt}, {createdAt}, ''-infinity'')), id,'
        ' (coalesce({snoozedUntil}, ''-infinity''))',
        is_listed || ' and {user} is not null'
      union all
      select
        3, 'public.inboxdb_list_updated', 'public."Lead"',
        '"clientId", (coalesce({updatedAt}, ''-infinity'')), id, (coalesce({snoozedUntil}, ''-infinity''))',
        is_listed
      union all
      select
        4, pg_catalog.format('inboxdb.counted_lead_%s_idx', f.name), 'inboxdb.counted_lead',
        'workspace, lead_key', pg_catalog.format('counts & %s <> 0', 1 << f.bit)
      from inboxdb.list_filter as f
      where f.bit is not null
    ) as i
    order by i.place, i.name
  loop
    index_name := found.name;
    statement := pg_catalog.format(
      'create index concurrently if not exists %s on %s (%s) where %s',
      pg_catalog.split_part(found.name, '.', 2), found.on_table, found.keys, found.condition
    );
    statement := pg_catalog.replace(statement, '{user}', user_expression);
    for instant in select j.key, j.value from pg_catalog.jsonb_each_text(instants) as j loop
      statement := pg_catalog.replace(statement, '{' || instant.key || '}', instant.value);
    end loop;
    fingerprint := pg_catalog.md5(statement);
    state := (
      select
        case
          when not i.indisvalid then 'invalid'
          when pg_catalog.obj_description(i.indexrelid, 'pg_class') is distinct from fingerprint then 'outdated'
          else 'built'
        end
      from pg_catalog.pg_index as i
      where i.indexrelid = pg_catalog.to_regclass(found.name)
    );
    state := coalesce(state, 'missing');
    return next;
  end loop;
end
$$;

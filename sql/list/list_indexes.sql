create or replace function inboxdb.list_indexes()
returns table (index_name text, statement text, fingerprint text, state text)
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the indexes for pages of the conversation list: on "Lead", in the types of the host's columns, and on
--   counted_lead. The list by update has the host's own index, on ("clientId", "updatedAt" desc).
--   Keys and conditions name built-in functions only, because the host's writers evaluate them, and few, because the
--   server sets each of them up in each statement of a writer (D131). Each index has an expression among its columns,
--   which the host's migration tools leave alone (D110).
--   Keys end with the snooze and the user: the index itself passes over snoozed leads, and in a setter's page over
--   others' leads. The user is written in two ways, "assignedToUserId" and scope_user_id's nullif: a query for a
--   filter's leads of a user so fits the filter's index alone, and not the index of all the user's leads.
--   `tagged` holds attention and previous_attention, told apart by a key: whether the reply is open. The condition of
--   `responses` says coalesce for the same reason: what attention asks for does not fit it.
-- Returns: name; the statement that makes the index, for outside a transaction; fingerprint, to be the index's comment,
--   since another statement makes another index; state: built, missing, invalid or outdated. No rows where columns are
--   missing.
-- Reads: list_filter, the system catalog.
-- INVOKER: for the owner.
declare
  fits pg_catalog.text;
  whose pg_catalog.text;
  last_keys pg_catalog.text;
  is_open pg_catalog.text;
  found pg_catalog.record;
begin
  if inboxdb.missing_for_lists() is not null then
    return;
  end if;
  with host_column (name, is_zoned, bytes) as (
    select
      a.attname, a.atttypid = 'pg_catalog.timestamptz'::pg_catalog.regtype,
      case a.atttypid
        when 'pg_catalog.uuid'::pg_catalog.regtype then '16' else pg_catalog.format('octet_length(%I)', a.attname)
      end
    from pg_catalog.pg_attribute as a
    where a.attrelid = 'public."Lead"'::pg_catalog.regclass and a.attnum > 0 and not a.attisdropped
  ),

  -- first_time after inlining
  first_time (name, text, is_zoned) as (
    select
      p.name,
      pg_catalog.format(
        pg_catalog.concat(
          'coalesce(', case when b.is_zoned and not a.is_zoned then '(%I at time zone ''UTC'')' else '%I' end, ', ',
          case when a.is_zoned and not b.is_zoned then '(%I at time zone ''UTC'')' else '%I' end, ', ''-infinity'')'
        ), a.name, b.name
      ),
      a.is_zoned or b.is_zoned
    from (
      values ('activity', 'lastMessageAt', 'createdAt'), ('outbound', 'lastZrgOutboundAt', 'lastOutboundAt')
    ) as p (name, a, b)
    inner join host_column as a on p.a = a.name
    inner join host_column as b on p.b = b.name
  )

  select
    -- listed_lead.is_listed after inlining: id_bytes of a uuid is 16
    pg_catalog.format('%s + %s + coalesce(%s, 0) <= 2500', lead.bytes, client.bytes, assigned.bytes),
    pg_catalog.format('(nullif("assignedToUserId", %L))', inboxdb.sentinel()),
    pg_catalog.format('(%s), id, (coalesce("snoozedUntil", ''-infinity''))', activity.text),
    -- is_after after inlining
    pg_catalog.format(
      case
        when inbound.is_zoned = outbound.is_zoned then '"lastInboundAt" > %s'
        when outbound.is_zoned then '("lastInboundAt" at time zone ''UTC'') > %s'
        else '"lastInboundAt" > (%s at time zone ''UTC'')'
      end, outbound.text
    )
  into fits, whose, last_keys, is_open
  from host_column as lead
  inner join host_column as client on client.name = 'clientId'
  inner join host_column as assigned on assigned.name = 'assignedToUserId'
  inner join host_column as inbound on inbound.name = 'lastInboundAt'
  inner join first_time as activity on activity.name = 'activity'
  inner join first_time as outbound on outbound.name = 'outbound'
  where lead.name = 'id';

  for found in
    select i.name, i.on_table, i.keys, i.condition
    from (
      values
      ('public.inboxdb_list_all', 'public."Lead"', '"clientId", {last keys}', '{fits}'),
      (
        'public.inboxdb_list_all_by_user', 'public."Lead"', '"clientId", {user}, {last keys}',
        '{fits} and {user} is not null'
      ),
      (
        'public.inboxdb_list_needs_repair', 'public."Lead"', '"clientId", {last keys}, "assignedToUserId"',
        '{fits} and status = ''needs_repair'''
      ),
      (
        'public.inboxdb_list_responses', 'public."Lead"', '"clientId", {last keys}, "assignedToUserId"',
        '{fits} and coalesce({is open}, false)'
      ),
      (
        'public.inboxdb_list_tagged', 'public."Lead"', '"clientId", ({is open}), {last keys}, "assignedToUserId"',
        '{fits} and "lastInboundAt" is not null'
        ' and coalesce("sentimentTag" in (''Meeting Booked'', ''Meeting Requested'', ''Call Requested'','
        ' ''Information Requested'', ''Positive'', ''Interested'', ''Follow Up''), false)'
        ' and status not in (''blacklisted'', ''unqualified'')'
      )
    ) as i (name, on_table, keys, condition)
    union all
    select
      pg_catalog.format('inboxdb.counted_lead_%s_idx', f.name), 'inboxdb.counted_lead', 'workspace, lead_key',
      pg_catalog.format('counts & %s <> 0', 1 << f.bit)
    from inboxdb.list_filter as f
    where f.bit is not null
    order by name
  loop
    index_name := found.name;
    statement := pg_catalog.format(
      'create index concurrently if not exists %s on %s (%s) where %s',
      pg_catalog.split_part(found.name, '.', 2), found.on_table, found.keys, found.condition
    );
    statement := pg_catalog.replace(statement, '{last keys}', last_keys);
    statement := pg_catalog.replace(statement, '{fits}', fits);
    statement := pg_catalog.replace(statement, '{user}', whose);
    statement := pg_catalog.replace(statement, '{is open}', is_open);
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

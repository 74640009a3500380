do $host$
declare
  -- Purpose: refuse a host whose tables inboxdb could not read, before anything is changed.
  -- Raises IB001, naming every missing table or column, and every column of an unusable type, or of another type than
  --   the column compared with it.
  -- Reads the system catalog only. Run as its own statement first by `inboxdb migrate apply`, and again on top of
  -- migration 0001, for DBAs applying by hand.
  problems text;
begin
  with required (place, host_table, host_column, kind, equals) as (
    -- kind: id, text or time. equals: the column of the same type, because the two are compared; or the domain that has
    -- its type from the column, which is not there yet.
    values
      -- list: host columns
      (1, 'Client', 'id', 'id', 'inboxdb.client_id'),
      (2, 'Client', 'userId', 'id', 'Lead.assignedToUserId'),
      (3, 'ClientMember', 'clientId', 'id', 'Client.id'),
      (4, 'ClientMember', 'userId', 'id', 'Lead.assignedToUserId'),
      (5, 'ClientMember', 'role', null, null),
      (6, 'Lead', 'id', 'id', 'inboxdb.lead_id'),
      (7, 'Lead', 'clientId', 'id', 'Client.id'),
      (8, 'Lead', 'status', 'text', null),
      (9, 'Lead', 'sentimentTag', 'text', null),
      (10, 'Lead', 'lastInboundAt', 'time', null),
      (11, 'Lead', 'lastOutboundAt', 'time', null),
      (12, 'Lead', 'lastZrgOutboundAt', 'time', null),
      (13, 'Lead', 'snoozedUntil', 'time', null),
      (14, 'Lead', 'assignedToUserId', 'id', 'inboxdb.user_id'),
      (15, 'AIDraft', 'id', 'id', null),
      (16, 'AIDraft', 'leadId', 'id', 'Lead.id'),
      (17, 'AIDraft', 'status', 'text', null),
      (18, 'AIDraft', 'autoSendAction', 'text', null),
      (19, 'Message', 'leadId', 'id', 'Lead.id'),
      (20, 'Message', 'channel', 'text', null),
      (21, 'Message', 'source', 'text', null),
      (22, 'Message', 'direction', 'text', null),
      (23, 'Message', 'sentBy', 'text', null),
      (24, 'Message', 'aiDraftId', 'id', 'AIDraft.id')
      -- end
  ),
  found as (
    select
      r.place,
      r.host_table,
      r.host_column,
      r.kind,
      r.equals,
      c.relkind,
      -- varchar and text compare with the same operators and share their indexes
      case a.atttypid when 'pg_catalog.varchar'::pg_catalog.regtype then 'text'
        else pg_catalog.format_type(a.atttypid, null) end as type_name
    from required as r
    left join pg_catalog.pg_class as c
      on c.relnamespace = pg_catalog.to_regnamespace('public')
      and c.relname = r.host_table
      and c.relkind in ('r', 'p')
    left join pg_catalog.pg_attribute as a
      on a.attrelid = c.oid and a.attname = r.host_column and a.attnum > 0 and not a.attisdropped
  ),
  judged as (
    select
      f.place,
      case
        when f.relkind is null then pg_catalog.format('table public.%I is missing', f.host_table)
        -- partitioned: attaching or truncating a partition fires no trigger, and CREATE INDEX CONCURRENTLY is refused
        when f.relkind = 'p'
          then pg_catalog.format('table public.%I is partitioned, which inboxdb cannot follow', f.host_table)
        when f.type_name is null
          then pg_catalog.format('column public.%I.%I is missing', f.host_table, f.host_column)
        when f.kind = 'id' and f.type_name not in ('text', 'uuid')
          then pg_catalog.format(
            'column public.%I.%I is %s, not text, varchar or uuid', f.host_table, f.host_column, f.type_name)
        when f.kind = 'text' and f.type_name <> 'text'
          then pg_catalog.format(
            'column public.%I.%I is %s, not text or varchar', f.host_table, f.host_column, f.type_name)
        when f.kind = 'time'
          and f.type_name not in ('timestamp without time zone', 'timestamp with time zone')
          then pg_catalog.format(
            'column public.%I.%I is %s, not a timestamp', f.host_table, f.host_column, f.type_name)
        when other.type_name <> f.type_name
          then pg_catalog.format(
            'column public.%I.%I is %s where public.%I.%I is %s',
            f.host_table, f.host_column, f.type_name, other.host_table, other.host_column, other.type_name)
      end as problem
    from found as f
    left join found as other on f.equals = other.host_table || '.' || other.host_column
  )
  select pg_catalog.string_agg(j.problem, '; ' order by j.place)
  into problems
  from (
    select judged.problem, pg_catalog.min(judged.place) as place from judged group by judged.problem
    union all
    -- the schema's owner could replace our functions
    select
      pg_catalog.format(
        case when n.nspowner = me.oid then 'schema %I is there already, and not inboxdb''s'
          else 'schema %I belongs to %I, not to the role that applies' end,
        n.nspname, pg_catalog.pg_get_userbyid(n.nspowner)
      ),
      100
    from pg_catalog.pg_namespace as n
    inner join pg_catalog.pg_roles as me on me.rolname = current_user
    where (n.nspname in ('inboxdb', 'inbox_api') and n.nspowner <> me.oid)
      or (n.nspname = 'inbox_api' and pg_catalog.to_regclass('inboxdb.grant_matrix') is null)
  ) as j;

  if problems is not null then
    raise exception using
      errcode = 'IB001',
      message = 'the host schema does not fit: ' || problems,
      detail = 'Nothing was changed.',
      hint = 'inboxdb reads the tables that the application''s Prisma schema makes in schema public;'
        || ' bring them up to date, or connect to the right database, and apply again.';
  end if;
end
$host$;

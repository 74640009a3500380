do $host$
declare
  -- Purpose: refuse a host whose tables inboxdb could not read, before anything is changed.
  -- Raises IB001, naming every table that is missing or that our triggers and indexes could not follow, and every
  --   column that is missing, of an unusable type or collation, or of another than the column compared with it (D109).
  -- Reads the system catalog only. Run as its own statement first by `inboxdb migrate apply`, and again on top of
  -- migration 0001, for DBAs applying by hand.
  problems text;
  remedies text;
begin
  -- until the transaction ends: an operator of the host's could judge otherwise, and types get their schemas' names
  perform pg_catalog.set_config('search_path', '', true);
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
      pg_catalog.format('public.%I', r.host_table) as table_name,
      pg_catalog.format('public.%I.%I', r.host_table, r.host_column) as column_name,
      c.relkind,
      c.relpersistence,
      -- no trigger or index of ours is on "ClientMember": its rows are read when somebody asks
      r.host_table <> 'ClientMember' as is_followed,
      (
        select pg_catalog.min(pg_catalog.format('%I.%I', n.nspname, child.relname))
        from pg_catalog.pg_inherits as i
        inner join pg_catalog.pg_class as child on i.inhrelid = child.oid
        inner join pg_catalog.pg_namespace as n on child.relnamespace = n.oid
        where i.inhparent = c.oid
      ) as child,
      -- every table of Citus's has this trigger, whether its rows are in shards, copied to each server, or local
      exists (
        select
        from pg_catalog.pg_trigger as t
        inner join pg_catalog.pg_proc as p on t.tgfoid = p.oid
        where t.tgrelid = c.oid
          and p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
          and p.proname = 'citus_truncate_trigger'
      ) as is_of_citus,
      -- varchar and text compare with the same operators and share their indexes
      case a.atttypid when 'pg_catalog.varchar'::pg_catalog.regtype then 'text'
        else pg_catalog.format_type(a.atttypid, null) end as type_name,
      a.attgenerated,
      o.collnamespace::pg_catalog.regnamespace || '.' || pg_catalog.quote_ident(o.collname) as collation_name,
      o.collisdeterministic,
      a.attnotnull and exists (
        select
        from pg_catalog.pg_index as x
        where x.indrelid = c.oid and x.indisunique and x.indisvalid and x.indpred is null
          and x.indnkeyatts = 1 and x.indkey[0] = a.attnum
      ) as is_key
    from required as r
    left join pg_catalog.pg_class as c
      on c.relnamespace = pg_catalog.to_regnamespace('public')
      and c.relname = r.host_table
      and c.relkind in ('r', 'p', 'v', 'm', 'f')
    left join pg_catalog.pg_attribute as a
      on a.attrelid = c.oid and a.attname = r.host_column and a.attnum > 0 and not a.attisdropped
    left join pg_catalog.pg_collation as o on a.attcollation = o.oid
  ),
  judged as (
    -- a table's problem comes before those of its columns
    select distinct on (f.place)
      f.place,
      p.problem,
      p.remedy
    from found as f
    left join found as other on f.equals = other.host_table || '.' || other.host_column
    cross join lateral (
      values
      (1, f.relkind is null, pg_catalog.format('table %s is missing', f.table_name), null),
      (
        2, f.relkind in ('v', 'm', 'f'),
        pg_catalog.format(
          '%s is a %s, not a table', f.table_name,
          case f.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'foreign table' end
        ),
        'the table itself needs this name: give it to the table, and another to what has it now'
      ),
      -- partitioned: attaching or truncating a partition fires no trigger, and CREATE INDEX CONCURRENTLY is refused
      (
        3, f.relkind = 'p' and f.is_followed,
        pg_catalog.format('table %s is partitioned, which inboxdb cannot follow', f.table_name),
        pg_catalog.format('keep %s in one table; partitions may hold what inboxdb does not read', f.table_name)
      ),
      (
        4, f.child is not null and f.relkind = 'r' and f.is_followed,
        pg_catalog.format(
          'table %s is inherited by %s, whose rows are read with it and fire no trigger of inboxdb''s',
          f.table_name, f.child
        ),
        pg_catalog.format('`alter table %s no inherit %s`', f.child, f.table_name)
      ),
      (
        5, f.relpersistence = 'u' and f.is_followed,
        pg_catalog.format('table %s is unlogged: a crash empties it, and fires no trigger', f.table_name),
        pg_catalog.format('`alter table %s set logged`', f.table_name)
      ),
      (
        6, f.is_of_citus,
        pg_catalog.format(
          'table %s is a table of Citus''s, whose rows are written where no trigger of inboxdb''s notes them',
          f.table_name
        ),
        pg_catalog.format(
          'several servers are for whole workspaces each (docs/scale.md); where one is enough `select '
          'undistribute_table(%L, cascade_via_foreign_keys => true)`', f.table_name
        )
      ),
      (7, f.type_name is null, pg_catalog.format('column %s is missing', f.column_name), null),
      (
        8, f.kind = 'id' and f.type_name not in ('text', 'uuid'),
        pg_catalog.format('column %s is %s, not text, varchar or uuid', f.column_name, f.type_name), null
      ),
      (
        9, f.kind = 'text' and f.type_name <> 'text',
        pg_catalog.format('column %s is %s, not text or varchar', f.column_name, f.type_name), null
      ),
      (
        10, f.kind = 'time' and f.type_name not in ('timestamp without time zone', 'timestamp with time zone'),
        pg_catalog.format('column %s is %s, not a timestamp', f.column_name, f.type_name), null
      ),
      (
        11, other.type_name <> f.type_name,
        pg_catalog.format(
          'column %s is %s where %s is %s', f.column_name, f.type_name, other.column_name, other.type_name
        ),
        null
      ),
      -- our keys and our log compare by bytes
      (
        12, f.kind = 'id' and not f.collisdeterministic,
        pg_catalog.format(
          'column %s has collation %s, by which different ids are equal', f.column_name, f.collation_name
        ),
        pg_catalog.format(
          '`alter table %s alter column %I type text collate pg_catalog."default"`', f.table_name, f.host_column
        )
      ),
      -- two collations in a comparison: an error (42P22), or an index that cannot be used
      (
        13, f.kind = 'id' and other.collation_name <> f.collation_name,
        pg_catalog.format(
          'column %s has collation %s where %s has %s',
          f.column_name, f.collation_name, other.column_name, other.collation_name
        ),
        pg_catalog.format(
          '`alter table %s alter column %I type text collate %s`', f.table_name, f.host_column, other.collation_name
        )
      ),
      (
        14, f.attgenerated = 'v' and (f.kind = 'id' or f.host_table in ('AIDraft', 'Message')),
        pg_catalog.format(
          'column %s is a virtual generated column, which no trigger and no index can read', f.column_name
        ),
        pg_catalog.format('make %s a stored column', f.column_name)
      ),
      (
        15, f.host_column = 'id' and f.host_table in ('Client', 'Lead') and not f.is_key,
        pg_catalog.format('column %s is no key: it may be null, or two rows may have the same', f.column_name),
        pg_catalog.format('`alter table %s add primary key (id)`', f.table_name)
      )
    ) as p (step, is_so, problem, remedy)
    where p.is_so
    order by f.place, p.step
  )
  select
    pg_catalog.string_agg(j.problem, '; ' order by j.place),
    pg_catalog.string_agg(j.remedy, '; ' order by j.place)
  into problems, remedies
  from (
    select judged.problem, pg_catalog.min(judged.place) as place, pg_catalog.min(judged.remedy) as remedy
    from judged
    group by judged.problem
    union all
    -- the schema's owner could replace our functions
    select
      pg_catalog.format(
        case when n.nspowner = me.oid then 'schema %I is there already, and not inboxdb''s'
          else 'schema %I belongs to %I, not to the role that applies' end,
        n.nspname, pg_catalog.pg_get_userbyid(n.nspowner)
      ),
      100,
      case when n.nspowner = me.oid then '`inboxdb uninstall` takes away what is left of an earlier installation' end
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
      hint = coalesce(remedies || '. ', '')
        || 'inboxdb reads the tables that the application''s Prisma schema makes in schema public;'
        || ' bring them up to date, or connect to the right database, and apply again.';
  end if;
end
$host$;

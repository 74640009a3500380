-- inboxdb 0001: the host is checked; schema inboxdb gets its types and tables.
-- Locks: none on the host's tables (it reads the catalog). Duration: milliseconds.
-- Undo: 0001-tables.rollback.sql drops the types and tables, the counts with them; the schema stays, because yoyo's own
--   tables are in it.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0001-tables.sql (one transaction).

set local lock_timeout = '2s';
set local search_path = '';

-- >>> sql/host/check.sql
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
      (6, f.type_name is null, pg_catalog.format('column %s is missing', f.column_name), null),
      (
        7, f.kind = 'id' and f.type_name not in ('text', 'uuid'),
        pg_catalog.format('column %s is %s, not text, varchar or uuid', f.column_name, f.type_name), null
      ),
      (
        8, f.kind = 'text' and f.type_name <> 'text',
        pg_catalog.format('column %s is %s, not text or varchar', f.column_name, f.type_name), null
      ),
      (
        9, f.kind = 'time' and f.type_name not in ('timestamp without time zone', 'timestamp with time zone'),
        pg_catalog.format('column %s is %s, not a timestamp', f.column_name, f.type_name), null
      ),
      (
        10, other.type_name <> f.type_name,
        pg_catalog.format(
          'column %s is %s where %s is %s', f.column_name, f.type_name, other.column_name, other.type_name
        ),
        null
      ),
      -- our keys and our log compare by bytes
      (
        11, f.kind = 'id' and not f.collisdeterministic,
        pg_catalog.format(
          'column %s has collation %s, by which different ids are equal', f.column_name, f.collation_name
        ),
        pg_catalog.format(
          '`alter table %s alter column %I type text collate pg_catalog."default"`', f.table_name, f.host_column
        )
      ),
      -- two collations in a comparison: an error (42P22), or an index that cannot be used
      (
        12, f.kind = 'id' and other.collation_name <> f.collation_name,
        pg_catalog.format(
          'column %s has collation %s where %s has %s',
          f.column_name, f.collation_name, other.column_name, other.collation_name
        ),
        pg_catalog.format(
          '`alter table %s alter column %I type text collate %s`', f.table_name, f.host_column, other.collation_name
        )
      ),
      (
        13, f.attgenerated = 'v' and (f.kind = 'id' or f.host_table in ('AIDraft', 'Message')),
        pg_catalog.format(
          'column %s is a virtual generated column, which no trigger and no index can read', f.column_name
        ),
        pg_catalog.format('make %s a stored column', f.column_name)
      ),
      (
        14, f.host_column = 'id' and f.host_table in ('Client', 'Lead') and not f.is_key,
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
-- <<< sql/host/check.sql

create schema if not exists inboxdb;

-- >>> sql/base/nobody.sql
-- The host's default privileges may have opened the new schema (D64). Without USAGE on a schema nobody reaches its
-- objects; access/apply.sql grants rights once everything is there.
do $nobody$
declare
  statement pg_catalog.text;
begin
  for statement in
    select distinct
      pg_catalog.format(
        'revoke all on schema inboxdb from %s cascade',
        coalesce(nullif(e.grantee, 0)::pg_catalog.regrole::pg_catalog.text, 'public')
      )
    from pg_catalog.pg_namespace as n
    cross join lateral pg_catalog.aclexplode(n.nspacl) as e
    where n.nspname = 'inboxdb' and e.grantee <> n.nspowner
  loop
    execute statement;
  end loop;
end
$nobody$;
-- <<< sql/base/nobody.sql

-- >>> sql/host/client_id.type.sql
-- A workspace's id, in the type and collation of "Client"."id" (text or uuid; varchar counts as text). The planner
-- reads a domain as its base type, so a comparison with a host column uses the host's indexes (D67).
do $type$
begin
  execute pg_catalog.format('create domain inboxdb.client_id as %s', (
    select
      pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text')
      || coalesce(' collate ' || nullif(a.attcollation, 0)::pg_catalog.regcollation::pg_catalog.text, '')
    from pg_catalog.pg_attribute as a
    where a.attrelid = 'public."Client"'::pg_catalog.regclass and a.attname = 'id'
  ));
end
$type$;
comment on domain inboxdb.client_id is 'A workspace: "Client"."id", in the host''s own type.';
-- <<< sql/host/client_id.type.sql

-- >>> sql/host/lead_id.type.sql
-- A lead's id, in the type of "Lead"."id": see client_id.
do $type$
begin
  execute pg_catalog.format('create domain inboxdb.lead_id as %s', (
    select
      pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text')
      || coalesce(' collate ' || nullif(a.attcollation, 0)::pg_catalog.regcollation::pg_catalog.text, '')
    from pg_catalog.pg_attribute as a
    where a.attrelid = 'public."Lead"'::pg_catalog.regclass and a.attname = 'id'
  ));
end
$type$;
comment on domain inboxdb.lead_id is 'A lead: "Lead"."id", in the host''s own type.';
-- <<< sql/host/lead_id.type.sql

-- >>> sql/host/user_id.type.sql
-- A user's id, in the type of "Lead"."assignedToUserId": see client_id.
do $type$
begin
  execute pg_catalog.format('create domain inboxdb.user_id as %s', (
    select
      pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text')
      || coalesce(' collate ' || nullif(a.attcollation, 0)::pg_catalog.regcollation::pg_catalog.text, '')
    from pg_catalog.pg_attribute as a
    where a.attrelid = 'public."Lead"'::pg_catalog.regclass and a.attname = 'assignedToUserId'
  ));
end
$type$;
comment on domain inboxdb.user_id is 'A user: "Lead"."assignedToUserId", in the host''s own type.';
-- <<< sql/host/user_id.type.sql

-- >>> sql/host/sentinel.sql
create or replace function inboxdb.sentinel() returns inboxdb.user_id
language sql immutable parallel safe
set search_path = ''
as $$
  -- Purpose: the scope_user_id of global rows; no user has this id.
  -- Returns: the nil UUID, in the host's type for user ids.
  -- INVOKER: a constant.
  select '00000000-0000-0000-0000-000000000000'::inboxdb.user_id
$$;
-- <<< sql/host/sentinel.sql

-- >>> sql/base/clock.sql
create or replace function inboxdb.clock() returns timestamptz
language sql volatile
as $$
  -- Purpose: the time, read here alone, so that a test can move the clock by replacing this function.
  -- Returns: the wall clock, not the start of the transaction.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select pg_catalog.clock_timestamp()
$$;
-- <<< sql/base/clock.sql

-- >>> sql/host/utc.sql
-- Time zones are known here alone (D68). Prisma keeps UTC in `timestamp` columns; a timestamptz is returned as it is.
-- Both functions are inlined, hence no search_path of their own; overload resolution picks the right one per column.
create or replace function inboxdb.utc(host_time timestamp) returns timestamptz
language sql immutable strict parallel safe
as $$
  -- Purpose: read a host's timestamp WITHOUT time zone, whatever the session's TimeZone.
  -- Parameters: host_time, in UTC by the host's convention.
  -- Returns: the instant; infinities stay infinite.
  -- INVOKER: reads nothing.
  select host_time at time zone 'UTC'
$$;

create or replace function inboxdb.utc(host_time timestamptz) returns timestamptz
language sql immutable strict parallel safe
as $$
  -- Purpose: the same for hosts with timestamp WITH time zone: nothing to do.
  -- Parameters: host_time.
  -- Returns: host_time.
  -- INVOKER: reads nothing.
  select host_time
$$;
-- <<< sql/host/utc.sql

-- >>> sql/host/id_key.sql
-- The shortest exact form of an id: a row of counted_lead holds two. Both functions are inlined, hence no search_path
-- of their own (D22); overload resolution picks the right function per column.
create or replace function inboxdb.id_key(id text) returns bytea
-- neither STRICT nor IMMUTABLE, because convert_to is STABLE: either would prevent inlining (D22)
language sql stable parallel safe
as $$
  -- Purpose: the key of a text id: 16 bytes for the text of a UUID as written by PostgreSQL.
  -- Parameters: id.
  -- Returns: the key, null for null; different for different ids. Other ids keep their bytes after a zero byte, or
  --   after two zero bytes where a single zero byte would make 16 in all; no text holds a zero byte, so keys stay
  --   different.
  -- Three conditions (places of the hyphens and length; no other characters; no other hyphens), because a regular
  -- expression with repetition counts takes five times as long as the three.
  -- INVOKER: reads nothing.
  select case
    when id collate "C" like '________-____-____-____-____________'
      and id collate "C" !~ '[^0-9a-f-]'
      and id collate "C" not like '%-%-%-%-%-%'
      then pg_catalog.uuid_send(id::pg_catalog.uuid)
    when pg_catalog.octet_length(pg_catalog.convert_to(id, 'UTF8')) = 15
      then pg_catalog.decode('0000', 'hex') || pg_catalog.convert_to(id, 'UTF8')
    else pg_catalog.decode('00', 'hex') || pg_catalog.convert_to(id, 'UTF8')
  end
$$;

create or replace function inboxdb.id_key(id uuid) returns bytea
language sql immutable strict parallel safe
as $$
  -- Purpose: the same for hosts whose ids are UUIDs.
  -- Parameters: id.
  -- Returns: its 16 bytes.
  -- INVOKER: reads nothing.
  select pg_catalog.uuid_send(id)
$$;
-- <<< sql/host/id_key.sql

-- >>> sql/host/key_id.sql
create or replace function inboxdb.key_id(key bytea) returns text
-- neither STRICT nor IMMUTABLE, because convert_from is STABLE: either would prevent inlining (D22)
language sql stable parallel safe
as $$
  -- Purpose: the id of a key: the inverse of id_key.
  -- Parameters: key.
  -- Returns: the id, as text; null for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case
    when pg_catalog.octet_length(key) = 16 then pg_catalog.encode(key, 'hex')::pg_catalog.uuid::pg_catalog.text
    when pg_catalog.substr(key, 2, 1) = pg_catalog.decode('00', 'hex')
      then pg_catalog.convert_from(pg_catalog.substr(key, 3), 'UTF8')
    else pg_catalog.convert_from(pg_catalog.substr(key, 2), 'UTF8')
  end
$$;
-- <<< sql/host/key_id.sql

-- >>> sql/host/id_hash.sql
-- The hash of an id's bytes. Both functions are inlined, hence no search_path of their own; overload resolution picks
-- the right one per column.
create or replace function inboxdb.id_hash(id text, seed bigint) returns bigint
language sql immutable strict parallel safe
as $$
  -- Purpose: the 64-bit hash of a text id, under any collation, in any encoding: of its bytes as they are stored.
  -- Parameters: id; seed, another hash that this one is to depend on.
  -- Returns: the hash, null for null.
  -- INVOKER: reads nothing.
  select pg_catalog.hashtextextended(id collate "C", seed)
$$;

create or replace function inboxdb.id_hash(id uuid, seed bigint) returns bigint
language sql immutable strict parallel safe
as $$
  -- Purpose: the same for hosts whose ids are UUIDs.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select pg_catalog.uuid_hash_extended(id, seed)
$$;
-- <<< sql/host/id_hash.sql

-- >>> sql/counts/definitions.sql
create or replace function inboxdb.definitions() returns text
language sql immutable parallel safe
set search_path = ''
as $$
  -- Purpose: the hash of the definitions of the counts: workspaces counted by other definitions are recounted (D27).
  -- Returns: the first eight digits of the MD5 of the sources of lead_now and kind_now, and of whatever they name, one
  --   after the other; `make migration` writes the digits, and tests/test_sources.py holds them to that.
  -- INVOKER: reads nothing.
  select '331e985a'
$$;
-- <<< sql/counts/definitions.sql

-- >>> sql/counts/inbox_counts.table.sql
create table inboxdb.inbox_counts (
  client_id inboxdb.client_id not null,
  is_global boolean not null,
  scope_user_id inboxdb.user_id not null,
  leads integer not null default 0 check (leads >= 0),
  computed_at timestamptz not null,
  updated_at timestamptz not null,
  version bigint,
  -- each count: {name} integer not null default 0 check ({name} >= 0),
  all_responses integer not null default 0 check (all_responses >= 0),
  requires_attention integer not null default 0 check (requires_attention >= 0),
  previously_required_attention integer not null default 0 check (previously_required_attention >= 0),
  total_non_blacklisted integer not null default 0 check (total_non_blacklisted >= 0),
  awaiting_reply integer not null default 0 check (awaiting_reply >= 0),
  needs_repair integer not null default 0 check (needs_repair >= 0),
  ai_sent integer not null default 0 check (ai_sent >= 0),
  ai_review integer not null default 0 check (ai_review >= 0),
  total integer not null default 0 check (total >= 0),
  -- end
  primary key (client_id, is_global, scope_user_id),
  constraint inbox_counts_sentinel_is_global check (is_global = (scope_user_id = inboxdb.sentinel())),
  constraint inbox_counts_version_is_global check (is_global or version is null)
)
-- every refresh rewrites a workspace's global row: room on the page keeps those updates HOT
with (fillfactor = 20);

comment on table inboxdb.inbox_counts is
'Badge counts: one global row per workspace, one row per user with an assigned lead in it. Read by key, written by '
'the drain.';
comment on column inboxdb.inbox_counts.is_global is 'True for the row of the whole workspace.';
comment on column inboxdb.inbox_counts.scope_user_id is 'Whose count it is; in global rows the sentinel, the nil UUID.';
comment on column inboxdb.inbox_counts.leads is 'How many leads the scope has, snoozed ones included.';
comment on column inboxdb.inbox_counts.computed_at is
'When a refresh last wrote this row. In the global row the instant of all the workspace''s counts: snoozes are judged '
'as of then, and rows whose counts did not change are not rewritten.';
comment on column inboxdb.inbox_counts.updated_at is 'When a refresh last changed one of this row''s counts.';
comment on column inboxdb.inbox_counts.version is
'In the global row the cache version of family inbox, as in cache_version: readers of counts find it here; else null.';
-- <<< sql/counts/inbox_counts.table.sql

-- >>> sql/counts/lead_kind.type.sql
create type inboxdb.lead_kind as (user_key bytea, counts integer, leads integer);

comment on type inboxdb.lead_kind is
'Leads counted alike: their user, their kind_now, and how many leads there are, negative '
'to take them off.';
-- <<< sql/counts/lead_kind.type.sql

-- >>> sql/counts/counts_row.type.sql
create type inboxdb.counts_row as (
  tid tid,
  is_global boolean,
  scope_user_id inboxdb.user_id,
  leads integer,
  counts integer array
);

comment on type inboxdb.counts_row is
'A row of inbox_counts as it is, is to be, or is to change: the place of the row there, null for none; whose it is; '
'leads; counts in the order of view count.';
-- <<< sql/counts/counts_row.type.sql

-- >>> sql/drain/compared_lead.type.sql
create type inboxdb.compared_lead as (
  tid tid,
  lead_key bytea,
  old_user bytea,
  old_counts integer,
  old_snooze timestamptz,
  old_hash bigint,
  is_here boolean,
  new_user bytea,
  new_counts integer,
  new_snooze timestamptz,
  new_hash bigint,
  explained_by text
);

comment on type inboxdb.compared_lead is
'A lead in counted_lead (old; the place is null without a row) beside the lead now (new; is_here is null where the '
'workspace has no such lead), and the explanation of the difference, as in compared_leads.';
-- <<< sql/drain/compared_lead.type.sql

-- >>> sql/drain/changed_workspace.type.sql
create type inboxdb.changed_workspace as (
  client_id inboxdb.client_id,
  noted_since timestamptz,
  touched_scopes inboxdb.user_id array,
  moved inboxdb.lead_kind array,
  version bigint
);

comment on type inboxdb.changed_workspace is
'What a refresh by change took of a workspace: when the oldest change was noted, the users with changed leads, the '
'kinds of leads that came, and that went, and the new inbox cache version.';
-- <<< sql/drain/changed_workspace.type.sql

-- >>> sql/drain/inbox_counts_dirty.table.sql
create table inboxdb.inbox_counts_dirty (
  client_id inboxdb.client_id not null,
  dirty_since timestamptz not null,
  collected_at timestamptz not null default inboxdb.clock(),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null,
  last_error text,
  collapsed boolean not null default false,
  quarantined_at timestamptz,
  -- One row per workspace is the promise of the only inserter, collect, under its lock. next_attempt_at is in the key
  -- so that lookups and uniqueness checks visit no dead rows kept by a held snapshot (D35).
  primary key (client_id, next_attempt_at),
  constraint inbox_counts_dirty_quarantined_is_never_due
  check (quarantined_at is null or next_attempt_at = 'infinity')
)
with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

create index inbox_counts_dirty_next_attempt_at_idx on inboxdb.inbox_counts_dirty (next_attempt_at);

comment on table inboxdb.inbox_counts_dirty is
'The drain''s work list: one row per workspace with changes not yet drained. Derived from the change log and the '
'snoozes, so its loss loses nothing, except collapsed changes: mark all workspaces then.';
comment on column inboxdb.inbox_counts_dirty.dirty_since is
'When the oldest collected change was noted, or the snooze ended.';
comment on column inboxdb.inbox_counts_dirty.collected_at is
'When a collector put the workspace on the list: its changes were committed by then.';
comment on column inboxdb.inbox_counts_dirty.attempts is
'How often a drain claimed the workspace since it became dirty, or was put back from quarantine.';
comment on column inboxdb.inbox_counts_dirty.next_attempt_at is
'Not claimed before this instant; the earliest goes first. Set by our functions only, because the drain does not look '
'below drain_state.claim_from.';
comment on column inboxdb.inbox_counts_dirty.last_error is
'SQLSTATE and our own sentence for the last failure; never a server message.';
comment on column inboxdb.inbox_counts_dirty.collapsed is
'Whether changes of the workspace were taken out of the log without a refresh: this row stands for them, as a mark of '
'the whole workspace.';
comment on column inboxdb.inbox_counts_dirty.quarantined_at is
'When the workspace had used up its attempts: no further attempt before requeue_inbox_counts.';
-- <<< sql/drain/inbox_counts_dirty.table.sql

-- >>> sql/announce/cache_version.table.sql
create table inboxdb.cache_version (
  client_id inboxdb.client_id not null,
  family text not null check (family ~ '^[a-z]+$'),
  version bigint not null,
  bumped_at timestamptz not null,
  unpublished_since timestamptz,
  -- One row per workspace and family is the promise of the only writer, bump_versions, under the workspace's lock. The
  -- version is in the key so that neither lookups nor uniqueness checks visit dead rows kept by a held snapshot (D35).
  primary key (client_id, family, version)
);

create index cache_version_unpublished_since_idx on inboxdb.cache_version (unpublished_since, client_id)
where unpublished_since is not null;

comment on table inboxdb.cache_version is
'Cache versions, the truth of {family}:v1:ver:{clientId}: they only grow. A row outlives its workspace, so that '
'versions of a workspace made anew do not go back.';
comment on column inboxdb.cache_version.family is 'One of the families of a job, see view job.';
comment on column inboxdb.cache_version.version is 'Greatest of the last version + 1 and the epoch in milliseconds.';
comment on column inboxdb.cache_version.unpublished_since is
'When the oldest bump not yet copied to the cache was made; null once copied.';
-- <<< sql/announce/cache_version.table.sql

-- >>> sql/jobs/job_status.table.sql
create table inboxdb.job_status (
  job_name text not null check (job_name ~ '^[a-z]+(-[a-z]+)*$'),
  client_id inboxdb.client_id not null,
  last_started_at timestamptz not null,
  last_finished_at timestamptz not null,
  last_status text not null check (last_status in ('succeeded', 'failed')),
  last_error text,
  duration_ms integer not null,
  attempt integer not null,
  recount_reason text,
  run_id text,
  unpublished_since timestamptz,
  -- One row per workspace and job is the promise of the only writer, record_job, under the workspace's lock. The start
  -- is in the key so that lookups and uniqueness checks visit no dead rows kept by a held snapshot (D35).
  primary key (client_id, job_name, last_started_at)
);

create index job_status_unpublished_since_idx on inboxdb.job_status (unpublished_since, client_id)
where unpublished_since is not null;

comment on table inboxdb.job_status is 'How the last run of each job went, per workspace.';
comment on column inboxdb.job_status.job_name is
'As in view job, by record_job; a part of a key in Redis, so without a colon.';
comment on column inboxdb.job_status.last_error is 'SQLSTATE and our own sentence; never a server message.';
comment on column inboxdb.job_status.attempt is 'Which attempt since the workspace became dirty this run was.';
comment on column inboxdb.job_status.recount_reason is
'Why a refresh was a recount: see function reason_to_recount; recompute, audit and did_not_fit besides. Null after a '
'refresh by change, or a failure.';
comment on column inboxdb.job_status.run_id is 'The run (see table run); null for a refresh outside of a run.';
comment on column inboxdb.job_status.unpublished_since is
'When the oldest status not yet copied to the cache was written; null once copied.';
-- <<< sql/jobs/job_status.table.sql

-- >>> sql/log/change.table.sql
-- The change log: four identical slices, used in turn (see current_slice), so that each is out of use long enough to be
-- truncated, although a held snapshot keeps its dead rows from vacuum (D6).
-- No unique key but the identity, no foreign key, no NOTIFY: nothing here makes a writer wait for another (D2).
-- vacuum_truncate is off, because a standby cancels readers at its lock, too (D112).
-- Sessions take a hundred numbers at a time, because writers would wait for each other at the sequence's page (D123).
-- noted_at is in the key, because rows of another server may have its xid and id, and no write may fail by them (D107).
create table inboxdb.change_0 (
  xid xid8 not null default pg_catalog.pg_current_xact_id(),
  id bigint generated always as identity (cache 100),
  client_id inboxdb.client_id,
  lead_id inboxdb.lead_id,
  left_user_id inboxdb.user_id,
  changed smallint not null default 0,
  noted_at timestamptz not null default inboxdb.clock(),
  primary key (xid, id, noted_at)
)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);

-- For refreshes, which take the changes of a single workspace. Partial, so that a query for all changes from a
-- transaction on cannot be answered by scanning this index from end to end (D8).
create index change_0_client_id_xid_idx on inboxdb.change_0 (client_id, xid) where client_id is not null;

create table inboxdb.change_1 (like inboxdb.change_0 including all)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);
create table inboxdb.change_2 (like inboxdb.change_0 including all)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);
create table inboxdb.change_3 (like inboxdb.change_0 including all)
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, vacuum_truncate = off);

-- No statistics on xid, because they are of changes drained by now: the planner would expect next to no rows of
-- `xid >= read_from`, and look for a workspace's changes among all undrained ones.
alter table inboxdb.change_0 alter column xid set statistics 0;
alter table inboxdb.change_1 alter column xid set statistics 0;
alter table inboxdb.change_2 alter column xid set statistics 0;
alter table inboxdb.change_3 alter column xid set statistics 0;

comment on table inboxdb.change_0 is 'A slice of the change log: leads and workspaces that may count differently now.';
comment on table inboxdb.change_1 is 'A slice of the change log: see change_0.';
comment on table inboxdb.change_2 is 'A slice of the change log: see change_0.';
comment on table inboxdb.change_3 is 'A slice of the change log: see change_0.';
comment on column inboxdb.change_0.xid is
'The writing transaction: readers skip everything before drain_state.read_from.';
comment on column inboxdb.change_0.client_id is
'The workspace; null where the writer named none: the workspace of lead_id, or, where that is null too, every '
'workspace.';
comment on column inboxdb.change_0.lead_id is 'The lead; null for the whole workspace.';
comment on column inboxdb.change_0.left_user_id is
'The user whom the lead left, if any; the refresh looks up the present user.';
comment on column inboxdb.change_0.changed is
'What the writer of "Lead" did, as bits. 1: named a counted column other than a rollup; 2: named a rollup column; '
'4: gave the lead another user; 8: made the lead; 16: deleted the lead; 32: moved the lead between workspaces, or to '
'another id. 0 of any other change.';
comment on column inboxdb.change_0.noted_at is 'When the change was noted, which may be long before it was committed.';
-- <<< sql/log/change.table.sql

-- >>> sql/counts/workspace.table.sql
create table inboxdb.workspace (
  client_id inboxdb.client_id primary key,
  leads integer not null,
  next_snooze_at timestamptz,
  number integer not null unique,
  definitions text,
  audited_at timestamptz,
  audit_not_before timestamptz,
  compared_at timestamptz
)
with (fillfactor = 70);

create index workspace_next_snooze_at_idx on inboxdb.workspace (next_snooze_at) where next_snooze_at is not null;
create index workspace_audited_at_idx on inboxdb.workspace (audited_at) where audited_at is not null;

comment on table inboxdb.workspace is 'The drain''s facts about each workspace refreshed before.';
comment on column inboxdb.workspace.leads is
'Leads at the last refresh, snoozed ones included, exact to a tenth: decides about work_mem, and when to recount.';
comment on column inboxdb.workspace.next_snooze_at is
'When the next snooze ends, so that counts change without a write; null for never.';
comment on column inboxdb.workspace.number is
'The workspace in counted_lead, by function draw_number; a workspace made anew gets another number.';
comment on column inboxdb.workspace.definitions is
'The definitions (function definitions) of all its rows in counted_lead; null before the first fill.';
comment on column inboxdb.workspace.audited_at is
'When all its leads were last recounted, or found right by an audit, exact to a minute.';
comment on column inboxdb.workspace.audit_not_before is
'When a workspace chosen for an audit may be chosen again, unless the audit came to its end.';
comment on column inboxdb.workspace.compared_at is
'When all its leads were last compared with counted_lead one by one, and not by hashes; null to do so next.';
-- <<< sql/counts/workspace.table.sql

-- >>> sql/counts/counted_lead.table.sql
-- Columns in this order, and keys for ids, make a row compact (D21).
create table inboxdb.counted_lead (
  ids_hash bigint not null,
  workspace integer not null,
  counts smallint not null,
  lead_key bytea not null,
  user_key bytea,
  snoozed_until timestamptz,
  primary key (workspace, lead_key)
)
with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

create index counted_lead_workspace_snoozed_until_idx on inboxdb.counted_lead (workspace, snoozed_until)
where snoozed_until is not null;

comment on table inboxdb.counted_lead is 'What each lead last counted: a refresh by change applies what differs.';
comment on column inboxdb.counted_lead.ids_hash is
'The hash of the host''s ids of the lead and its user, with which recounts and audits find what differs.';
comment on column inboxdb.counted_lead.workspace is 'workspace.number.';
comment on column inboxdb.counted_lead.counts is 'The counts to which the lead belongs, a bit each: see view lead_now.';
comment on column inboxdb.counted_lead.lead_key is 'The lead: id_key of its id.';
comment on column inboxdb.counted_lead.user_key is 'The lead''s user: id_key of the id; null for an unassigned lead.';
comment on column inboxdb.counted_lead.snoozed_until is 'Until when the lead is snoozed; null for a visible lead.';
-- <<< sql/counts/counted_lead.table.sql

-- >>> sql/counts/drift.table.sql
create table inboxdb.drift (
  found_at timestamptz not null default inboxdb.clock(),
  id uuid not null default pg_catalog.gen_random_uuid(),
  client_id inboxdb.client_id not null,
  found_by text not null,
  leads integer not null,
  scopes integer not null,
  primary key (found_at, id)
);

comment on table inboxdb.drift is
'Drift: differences from the truth without a noted change, found and mended. A row per finding, kept for 30 days.';
comment on column inboxdb.drift.found_by is
'The reason for the recount, as in job_status: did_not_fit where a refresh by change gave up.';
comment on column inboxdb.drift.leads is 'Leads whose row in counted_lead was wrong.';
comment on column inboxdb.drift.scopes is 'Rows of counts that were not the sum of counted_lead.';
-- <<< sql/counts/drift.table.sql

-- >>> sql/log/drain_state.table.sql
create table inboxdb.drain_state (
  revision bigint primary key default 0,
  server_started_at timestamptz not null,
  place text,
  arrived_at timestamptz,
  read_from xid8 not null,
  also_read xid8[] not null default '{}',
  claim_from timestamptz not null default '-infinity',
  changes_left integer not null default 0,
  collected_at timestamptz,
  publisher_seen_at timestamptz
);

insert into inboxdb.drain_state (read_from, server_started_at)
values ('0', pg_catalog.pg_postmaster_start_time());

comment on table inboxdb.drain_state is
'One row: the floors from which the drain reads the change log and the work list, and when a collector last looked. '
'Read through read_floor.';
comment on column inboxdb.drain_state.revision is
'How often the floors were raised. In the key, so that the live row is found first, without visiting dead rows kept by '
'a held snapshot.';
comment on column inboxdb.drain_state.server_started_at is
'The server that the floors were found on: another one (a restore, a failover) counts transactions anew.';
comment on column inboxdb.drain_state.place is
'Where the database was at the last look, by function place; null before the first. Elsewhere, all is recounted.';
comment on column inboxdb.drain_state.arrived_at is
'When all was last recounted for that reason; null before.';
comment on column inboxdb.drain_state.read_from is
'No undrained change has a lower xid, also_read excepted: dead rows below, kept by a held snapshot, are never visited.';
comment on column inboxdb.drain_state.also_read is
'The transactions before read_from that were still open, or whose changes were undrained: 64 at most.';
comment on column inboxdb.drain_state.claim_from is
'No row of the work list is due before this instant, so dead rows below are never visited.';
comment on column inboxdb.drain_state.changes_left is
'How many changes were left when the floors were raised, at most 256: raise_floor compares.';
comment on column inboxdb.drain_state.collected_at is
'When a collector last raised the floors, every second while there is work, else every ten: readers'' is_stale.';
comment on column inboxdb.drain_state.publisher_seen_at is
'When a publisher was last at work, whether the cache took anything or not; null without a cache.';
-- <<< sql/log/drain_state.table.sql

-- >>> sql/jobs/run.table.sql
create table inboxdb.run (
  run_id text primary key check (run_id ~ '^[0-9a-f]{8}$'),
  kind text not null check (kind in ('once', 'for', 'watch', 'sql')),
  workers integer not null,
  started_at timestamptz not null,
  seen_at timestamptz not null,
  ended_at timestamptz,
  refreshed bigint not null,
  failed bigint not null,
  troubles text,
  undone_by text,
  undone_at timestamptz
)
with (fillfactor = 50);

comment on table inboxdb.run is
'The runs of the last day, one row each, written by the run alone: who is at work, and how much was refreshed.';
comment on column inboxdb.run.run_id is 'Also in the run''s application_name, in its log lines and in job_status.';
comment on column inboxdb.run.kind is 'drain-dirty once, --for, --watch, or the procedure drain_dirty.';
comment on column inboxdb.run.seen_at is 'Its last sign of life, every 5 seconds while it lives.';
comment on column inboxdb.run.ended_at is 'When the run ended; null while at work, and for ever if killed.';
comment on column inboxdb.run.refreshed is 'Refreshes so far.';
comment on column inboxdb.run.failed is 'Attempts that failed so far.';
comment on column inboxdb.run.troubles is
'What the run cannot do besides draining at its last sign of life, such as log or publish; null where all is well.';
comment on column inboxdb.run.undone_by is 'The SQLSTATE by which a set of the run was undone last.';
comment on column inboxdb.run.undone_at is 'The sign of life after that.';
-- <<< sql/jobs/run.table.sql

-- >>> sql/jobs/maintenance_failure.table.sql
create table inboxdb.maintenance_failure (
  item text primary key,
  failed_at timestamptz not null,
  last_error text not null
)
with (fillfactor = 50);

comment on table inboxdb.maintenance_failure is
'The last failure of each item of view maintenance: inboxdb doctor tells.';
comment on column inboxdb.maintenance_failure.failed_at is
'Written once a minute at most, because a held snapshot keeps each dead row of this table.';
comment on column inboxdb.maintenance_failure.last_error is
'The SQLSTATE alone, because a server message may quote rows.';
-- <<< sql/jobs/maintenance_failure.table.sql

-- >>> sql/jobs/freshness.table.sql
create table inboxdb.freshness (
  sampled_at timestamptz not null default inboxdb.clock(),
  id uuid not null default pg_catalog.gen_random_uuid(),
  seconds real[] not null,
  primary key (sampled_at, id)
);

comment on table inboxdb.freshness is
'How long changes waited, in the last hour: a row per run and 5 seconds, a number per refresh.';
comment on column inboxdb.freshness.seconds is
'From when the oldest change that a refresh took was noted until it was counted.';
-- <<< sql/jobs/freshness.table.sql

-- >>> sql/base/installation.table.sql
create table inboxdb.installation (
  is_only boolean primary key default true,
  lead_rls text not null default 'undecided',
  suspended_since timestamptz,
  suspended_because text,
  constraint installation_is_only_check check (is_only),
  constraint installation_suspended_because_check check (suspended_because is null or suspended_since is not null),
  constraint installation_lead_rls_check check (lead_rls in ('undecided', 'left_out', 'enabled', 'joined'))
);

insert into inboxdb.installation (is_only) values (true);

comment on table inboxdb.installation is
'What state this installation is in: one row. A restore of the schema alone lacks it; then "Lead" is as protected as '
'its policies say (lead_rls), and nothing is suspended.';
comment on column inboxdb.installation.lead_rls is
'Kept by protect_leads and unprotect_leads: whether "Lead" has our policies, and whether we turned its row-level '
'security on (enabled) or found it on (joined).';
comment on column inboxdb.installation.suspended_since is
'Kept by suspend_views, collect and `inboxdb migrate resume`: null while not suspended.';
comment on column inboxdb.installation.suspended_because is
'What the host has changed, where a collector suspended inboxdb; null while not suspended, or suspended by command.';
-- <<< sql/base/installation.table.sql

-- >>> sql/base/setting.table.sql
create table inboxdb.setting (
  setting_name text primary key,
  setting_value text not null
);

comment on table inboxdb.setting is
'Settings that are not at their default: changed by inboxdb.set_setting, in force from its commit on. View '
'setting_definition has all of them, with their defaults.';
-- <<< sql/base/setting.table.sql

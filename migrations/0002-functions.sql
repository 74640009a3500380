-- inboxdb 0002: views and functions. Nothing calls them yet.
-- Locks: ACCESS SHARE on "Client", "Lead", "AIDraft" and "Message" until commit, as a query takes.
--   Duration: milliseconds.
-- Undo: 0002-functions.rollback.sql drops them.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0002-functions.sql (one transaction).
-- depends: 0001-tables

set local lock_timeout = '2s';
set local search_path = '';

-- >>> sql/base/lock_class.sql
create or replace function inboxdb.lock_class(what text) returns integer
language sql immutable
set search_path = ''
as $$
  -- Purpose: the class of an advisory lock of ours, as pg_locks.classid shows it.
  -- Parameters: what, workspace (objid: hashtext of its id), collector, grants or migration (objid: 0), maintenance
  --   (objid: hashtext of the item), number (objid: the number).
  -- Returns: null for anything else. `inboxdb migrate` has its own number, needed before the installation: a test
  --   holds the two together.
  -- INVOKER: reads nothing.
  select case
    when what = 'workspace' then 1768841848
    when what = 'collector' then 1768841849
    when what = 'migration' then 1768841850
    when what = 'grants' then 1768841851
    when what = 'maintenance' then 1768841852
    when what = 'number' then 1768841853
  end
$$;
-- <<< sql/base/lock_class.sql

-- >>> sql/base/promised_freshness.sql
create or replace function inboxdb.promised_freshness() returns interval
language sql immutable
set search_path = ''
as $$
  -- Purpose: how long a change may wait to be counted: beyond, counts are stale, and a workspace is late.
  -- Returns: 15 seconds.
  -- INVOKER: reads nothing.
  select interval '15 seconds'
$$;
-- <<< sql/base/promised_freshness.sql

-- >>> sql/base/default_counts_source.sql
create or replace function inboxdb.default_counts_source() returns text
language sql immutable
set search_path = ''
as $$
  -- Purpose: the default of the setting counts_source, for view setting_definition, and for readers of counts, who do
  --   not read the view, because its scan costs each of them 2 microseconds (D124).
  -- Returns: stored.
  -- INVOKER: reads nothing.
  select 'stored'
$$;
-- <<< sql/base/default_counts_source.sql

-- >>> sql/base/setting_definition.view.sql
create or replace view inboxdb.setting_definition as
select d.setting_name, d.default_value, d.allowed, d.meaning
from (
  values
  ('audit_hours', '6', '[1-9][0-9]{0,3}', 'how many hours after an audit or a recount a workspace is audited again'),
  ('counts_source', inboxdb.default_counts_source(), 'stored|live', 'where inbox_api.inbox_counts answers from'),
  (
    'noted_updates', 'named', 'named|changed',
    'which UPDATEs of "Lead" are changes: those that name a counted column, or those that change one; set by '
    'inboxdb.set_noted_updates'
  )
) as d (setting_name, default_value, allowed, meaning);

comment on view inboxdb.setting_definition is
'Every setting: its default, what it may be (a regular expression for the whole of it), and what it decides.';
-- <<< sql/base/setting_definition.view.sql

-- >>> sql/base/setting.sql
-- No SET, which would cost a reader 2 microseconds: operators are written out for want of a search_path.
create or replace function inboxdb.setting(name text) returns text
language plpgsql stable
as $$
-- Purpose: what a setting is: as it was set, or its default.
-- Parameters: name, one of setting_definition.
-- Returns: null for no setting of ours.
-- Reads: setting, by key, setting_definition.
-- INVOKER: called by our DEFINER functions only.
begin
  return (
    select coalesce(s.setting_value, d.default_value)
    from inboxdb.setting_definition as d
    left join inboxdb.setting as s on s.setting_name operator(pg_catalog.=) name
    where d.setting_name operator(pg_catalog.=) name
  );
end
$$;
-- <<< sql/base/setting.sql

-- >>> sql/base/set_setting.sql
create or replace function inboxdb.set_setting(name text, value text) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: change a setting, from this transaction's commit on.
-- Parameters: name, one of setting_definition; value, null for the default.
-- Errors: IB017 for an unknown name, or a value that it may not have; nothing is changed then.
-- Reads: setting_definition. Writes: setting.
-- INVOKER: for the owner.
declare
  pattern constant pg_catalog.text := (
    select d.allowed from inboxdb.setting_definition as d where d.setting_name = name
  );
begin
  if pattern is null or value !~ ('^(' || pattern || ')$') then
    raise exception using
      errcode = 'IB017',
      message = case
        when pattern is null then pg_catalog.format('inboxdb has no setting %L', name)
        else pg_catalog.format('setting %s cannot be %L', name, value)
      end,
      detail = 'Nothing was changed.',
      hint = 'select * from inboxdb.setting_definition: what there is, and what each may be.';
  end if;
  if value is null then
    delete from inboxdb.setting as s where s.setting_name = name;
  else
    insert into inboxdb.setting (setting_name, setting_value) values (name, value)
    on conflict (setting_name) do update set setting_value = excluded.setting_value;
  end if;
end
$$;
-- <<< sql/base/set_setting.sql

-- >>> sql/base/suspended_since.sql
create or replace function inboxdb.suspended_since() returns timestamptz
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: since when inboxdb is suspended: by command, for the host's own migration, so that no change is noted; or
  --   by a collector, because the host has changed its schema (why_suspended).
  -- Returns: null while not suspended.
  -- Reads: installation.
  -- DEFINER: roles of drains and of monitoring may not read it.
  select i.suspended_since from inboxdb.installation as i
$$;
-- <<< sql/base/suspended_since.sql

-- >>> sql/base/why_suspended.sql
create or replace function inboxdb.why_suspended() returns text
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: why inboxdb suspended itself: what the host has changed of its schema.
  -- Returns: null while not suspended, and where suspended by command.
  -- Reads: installation.
  -- DEFINER: roles of drains and of monitoring may not read it.
  select i.suspended_because from inboxdb.installation as i
$$;
-- <<< sql/base/why_suspended.sql

-- >>> sql/base/require_resumed.sql
create or replace function inboxdb.require_resumed() returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse to work while suspended, because changes are not noted then and counts cannot be trusted.
-- Errors: IB012 while inboxdb is suspended.
-- Reads: suspended_since.
-- INVOKER: called by our functions only.
declare
  since constant pg_catalog.timestamptz := inboxdb.suspended_since();
begin
  if since is not null then
    raise exception using
      errcode = 'IB012',
      message = pg_catalog.format('inboxdb is suspended since %s', since),
      detail = 'Changes of the host''s tables are not noted meanwhile. Nothing was changed.',
      hint = '`inboxdb migrate resume` once the host''s own migration is through.';
  end if;
end
$$;
-- <<< sql/base/require_resumed.sql

-- >>> sql/base/checkpoint.sql
create or replace function inboxdb.checkpoint(name text, about text default null) returns void
language sql volatile
as $$
  -- Purpose: a moment with a name, at which a test stops a session, or has it fail, by replacing this function. Does
  --   nothing.
  -- Parameters: name, of the moment; about, which workspace, where that is known.
  -- Inlined, hence no search_path of its own: a call takes a microsecond.
  -- INVOKER: reads nothing.
  select null::pg_catalog.void
$$;
-- <<< sql/base/checkpoint.sql

-- >>> sql/counts/count.view.sql
create or replace view inboxdb.count as
-- THE list of counts. `make migration` writes every other list of counts in sql/ from this view, between the lines
-- "each count" and "end"; classified_lead has a condition of each name. of_snoozed: true where snoozed leads are
-- counted, false where visible leads are.
select
  c.bit,
  c.name,
  c.of_snoozed,
  c.meaning
from (
  values
  (0, 'all_responses', false, 'the lead wrote last'),
  (1, 'requires_attention', false, 'the lead wrote last, is workable, and has a tag that asks for attention'),
  (
    2, 'previously_required_attention', false,
    'the lead was answered, is workable, and has a tag that asks for attention'
  ),
  (3, 'total_non_blacklisted', false, 'the lead is workable: neither blacklisted nor unqualified'),
  (4, 'awaiting_reply', false, 'the lead is workable, and does not require attention'),
  (5, 'needs_repair', false, 'the lead has the status needs_repair'),
  (6, 'ai_sent', false, 'the AI has sent an email to the lead'),
  (7, 'ai_review', false, 'a draft to the lead waits for a review'),
  (8, 'total', false, 'the lead is not unqualified')
) as c (bit, name, of_snoozed, meaning);

comment on view inboxdb.count is
'What is counted: the bit of each count, its name, whether of snoozed or of visible leads, and the condition in words.';
-- <<< sql/counts/count.view.sql

-- >>> sql/counts/classified_lead.view.sql
create or replace view inboxdb.classified_lead as
-- The conditions of all counts, defined here alone: live counts, refreshes and checks read this view, so that a badge
-- and the list behind cannot disagree. A lead is snoozed while snoozed_until is later than the reader's as_of, else
-- visible; of which of the two a count is, view count says.
select
  l.id as lead_id,
  l."clientId" as client_id,
  nullif(l."assignedToUserId", inboxdb.sentinel()) as scope_user_id,
  inboxdb.utc(l."snoozedUntil") as snoozed_until,
  term.open_reply as all_responses,
  term.open_reply and term.attention_tag and term.workable as requires_attention,
  l."lastInboundAt" is not null and not term.open_reply and term.attention_tag and term.workable
    as previously_required_attention,
  term.workable as total_non_blacklisted,
  term.workable and not (term.open_reply and term.attention_tag) as awaiting_reply,
  l.status = 'needs_repair' as needs_repair,
  -- this and the next condition repeat the WHERE of our partial indexes, so that the planner can use them
  exists (
    select
    from public."Message" as m
    where m."leadId" = l.id
      and m.channel = 'email'
      and m.direction = 'outbound'
      and m.source = 'zrg'
      and m."sentBy" = 'ai'
      and m."aiDraftId" is not null
  ) as ai_sent,
  exists (
    select
    from public."AIDraft" as d
    where d."leadId" = l.id
      and d.status = 'pending'
      and d."autoSendAction" = 'needs_review'
  ) as ai_review,
  term.workable or l.status = 'blacklisted' as total
from public."Lead" as l
cross join lateral (
  select
    l."lastInboundAt" is not null
    and inboxdb.utc(l."lastInboundAt") > coalesce(
      inboxdb.utc(l."lastZrgOutboundAt"), inboxdb.utc(l."lastOutboundAt"), '-infinity'
    ) as open_reply,
    l.status not in ('blacklisted', 'unqualified') as workable,
    coalesce(l."sentimentTag" in (
      'Meeting Booked',
      'Meeting Requested',
      'Call Requested',
      'Information Requested',
      'Positive',
      'Interested',
      'Follow Up'
    ), false) as attention_tag
) as term;

comment on view inboxdb.classified_lead is
'For each lead its user, the conditions of the counts, and until when the lead is snoozed.';
-- <<< sql/counts/classified_lead.view.sql

-- >>> sql/counts/lead_now.view.sql
create or replace view inboxdb.lead_now as
-- classified_lead in the form of counted_lead: a bit per count.
select
  c.client_id,
  c.lead_id,
  inboxdb.id_hash(c.lead_id, coalesce(inboxdb.id_hash(c.scope_user_id, 0), 0)) as ids_hash,
  inboxdb.id_key(c.scope_user_id) as user_key,
  (
    0
    -- each count: | (c.{name}::integer << {bit})
    | (c.all_responses::integer << 0)
    | (c.requires_attention::integer << 1)
    | (c.previously_required_attention::integer << 2)
    | (c.total_non_blacklisted::integer << 3)
    | (c.awaiting_reply::integer << 4)
    | (c.needs_repair::integer << 5)
    | (c.ai_sent::integer << 6)
    | (c.ai_review::integer << 7)
    | (c.total::integer << 8)
    -- end
  ) as counts,
  c.snoozed_until
from inboxdb.classified_lead as c;

comment on view inboxdb.lead_now is 'The counts of each lead now, in the form of counted_lead.';
-- <<< sql/counts/lead_now.view.sql

-- >>> sql/counts/kind_now.sql
-- Inlined into the calling query, so without a search_path of its own.
create or replace function inboxdb.kind_now(counts integer, is_snoozed boolean) returns integer
language sql immutable parallel safe
as $$
  -- Purpose: the kind of a lead at an instant: a lead counts for counts of snoozed leads while snoozed, else for counts
  --   of visible leads. No other function decides between the two, but for the live counts.
  -- Parameters: counts, to which the lead belongs, as in counted_lead; is_snoozed, at the instant.
  -- Returns: the bits of counts that count then.
  -- INVOKER: reads nothing.
  select counts & case
    when is_snoozed
      then 0
      -- each count: | ({of_snoozed}::integer << {bit})
      | (false::integer << 0)
      | (false::integer << 1)
      | (false::integer << 2)
      | (false::integer << 3)
      | (false::integer << 4)
      | (false::integer << 5)
      | (false::integer << 6)
      | (false::integer << 7)
      | (false::integer << 8)
      -- end
    else 0
      -- each count: | ((not {of_snoozed})::integer << {bit})
      | ((not false)::integer << 0)
      | ((not false)::integer << 1)
      | ((not false)::integer << 2)
      | ((not false)::integer << 3)
      | ((not false)::integer << 4)
      | ((not false)::integer << 5)
      | ((not false)::integer << 6)
      | ((not false)::integer << 7)
      | ((not false)::integer << 8)
      -- end
  end
$$;
-- <<< sql/counts/kind_now.sql

-- >>> sql/counts/lead_hash.sql
-- Inlined into the calling query, so without a search_path of its own.
create or replace function inboxdb.lead_hash(ids_hash bigint, counts integer, snoozed_until timestamptz) returns bigint
language sql immutable parallel safe
as $$
  -- Purpose: the hash of all that counted_lead knows of a lead.
  -- Parameters: a row of counted_lead, or what is to be one.
  -- Returns: 64 bits, each depending on all parameters.
  -- INVOKER: reads nothing.
  select pg_catalog.hashint4extended(
    counts,
    case
      when snoozed_until is null then ids_hash
      else pg_catalog.timestamp_hash_extended(snoozed_until at time zone 'UTC', ids_hash)
    end
  )
$$;
-- <<< sql/counts/lead_hash.sql

-- >>> sql/counts/lead_bucket.sql
-- Inlined into the calling query, so without a search_path of its own.
create or replace function inboxdb.lead_bucket(ids_hash bigint) returns integer
language sql immutable strict parallel safe
as $$
  -- Purpose: the bucket of a lead: one of 65,536, so that a thousand changed of a million leads open 1.5 % of them.
  -- Parameters: ids_hash, as in counted_lead.
  -- Returns: the bucket, from 0.
  -- INVOKER: reads nothing.
  select (ids_hash & 65535)::integer
$$;
-- <<< sql/counts/lead_bucket.sql
-- >>> sql/host/is_too_long.sql
-- Overloaded for the two types of host ids. Inlined into each writer's statement, so without a search_path of its own.
create or replace function inboxdb.is_too_long(id uuid) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: say whether a workspace's id is longer than our indexes can hold beside their other columns, so that a
  --   write of the host's would fail by them (D111).
  -- Parameters: id.
  -- Returns: never.
  -- INVOKER: reads nothing.
  select false
$$;

create or replace function inboxdb.is_too_long(id text) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: as above.
  -- Parameters: as above.
  -- Returns: whether it has more than 2,000 bytes; null for null.
  -- Source: an entry of a B-tree has 2,704 bytes at most.
  -- INVOKER: reads nothing.
  select pg_catalog.octet_length(id) operator(pg_catalog.>) 2000
$$;
-- <<< sql/host/is_too_long.sql

-- >>> sql/counts/known_workspace.view.sql
create or replace view inboxdb.known_workspace as
-- Every workspace with counts, or due to have some: the host's, and workspaces deleted there whose rows still stand. A
-- workspace whose id is too long has none (D111).
select c.id::inboxdb.client_id as client_id
from public."Client" as c
where not inboxdb.is_too_long(c.id::inboxdb.client_id)
union
select w.client_id
from inboxdb.workspace as w
union
select s.client_id
from inboxdb.inbox_counts as s;

comment on view inboxdb.known_workspace is 'Every workspace that has counts or should have.';
-- <<< sql/counts/known_workspace.view.sql

-- >>> sql/log/place.sql
create or replace function inboxdb.place() returns text
language plpgsql stable
set search_path = ''
as $$
-- Purpose: say where this database is, so that an arrival from elsewhere is noticed (D107): on which server, in which
--   of its histories, and in which making of our tables, counted from the host's tables written by subscriptions.
-- Returns: the server's system identifier (pg_upgrade makes a new one), its timeline (a promotion or a restore to a
--   point in time begins another), the oid of drain_state (a logical copy has another), and the enabled subscriptions
--   that write tables of the host's; a part withheld by the server is empty.
-- Errors: IB018 where an enabled subscription writes tables of ours.
-- Reads: the system catalog.
-- INVOKER: called by arrive only.
declare
  system_identifier pg_catalog.int8;
  timeline pg_catalog.text;
  writers pg_catalog.record;
begin
  -- managed servers may withhold either
  begin
    select s.system_identifier into system_identifier from pg_catalog.pg_control_system() as s;
  exception when others then
    null;
  end;
  begin
    timeline := pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 8);
  exception when others then
    null;
  end;

  select
    pg_catalog.string_agg(distinct u.oid::pg_catalog.text, ',') filter (where c.relnamespace <> ours.oid) as of_host,
    pg_catalog.min(u.subname) filter (where c.relnamespace = ours.oid) as of_ours
  into writers
  from pg_catalog.pg_subscription as u
  inner join pg_catalog.pg_subscription_rel as r on u.oid = r.srsubid
  inner join pg_catalog.pg_class as c on r.srrelid = c.oid
  cross join pg_catalog.to_regnamespace('inboxdb') as ours (oid)
  where u.subenabled
    and (
      c.relnamespace = ours.oid
      or r.srrelid in (
        pg_catalog.to_regclass('public."Client"'), pg_catalog.to_regclass('public."Lead"'),
        pg_catalog.to_regclass('public."AIDraft"'), pg_catalog.to_regclass('public."Message"')
      )
    );
  if writers.of_ours is not null then
    raise exception using
      errcode = 'IB018',
      message = pg_catalog.format('subscription %I writes the tables of inboxdb', writers.of_ours),
      detail = 'A drain beside it would stop the replication by rows of its own. Nothing was changed.',
      hint = 'Drain on the publisher until the application has moved here, then drop the subscription.';
  end if;
  return pg_catalog.format(
    '%s/%s/%s/%s', system_identifier, timeline,
    pg_catalog.to_regclass('inboxdb.drain_state')::pg_catalog.oid, writers.of_host
  );
end
$$;
-- <<< sql/log/place.sql

-- >>> sql/log/drain_state_now.view.sql
create or replace view inboxdb.drain_state_now as
-- The one row of drain_state. The newest revision first, because each revision leaves a dead row, which a held snapshot
-- keeps (D35).
select
  d.revision, d.server_started_at, d.place, d.arrived_at, d.read_from, d.also_read, d.claim_from, d.changes_left,
  d.collected_at, d.publisher_seen_at
from inboxdb.drain_state as d
order by d.revision desc
limit 1;

comment on view inboxdb.drain_state_now is 'The row of drain_state, found first among its dead rows.';
-- <<< sql/log/drain_state_now.view.sql

-- >>> sql/log/read_floor.view.sql
create or replace view inboxdb.read_floor as
-- Where to start reading the change log and the work list: below the floors nothing is left to drain. Floors hold for
-- good, but not on another server, which may count transactions anew (restart, restore, failover): then everything is
-- read (D12).
select
  case when verdict.is_so then s.read_from else '0' end as read_from,
  case when verdict.is_so then s.also_read else '{}' end as also_read,
  case when verdict.is_so then s.claim_from else '-infinity' end as claim_from
from inboxdb.drain_state_now as s
cross join lateral (
  select
    s.server_started_at = pg_catalog.pg_postmaster_start_time()
    and s.read_from <= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) as is_so
) as verdict;

comment on view inboxdb.read_floor is 'Where to start reading the change log and the work list.';
-- <<< sql/log/read_floor.view.sql

-- >>> sql/drain/is_work_row.sql
create or replace function inboxdb.is_work_row(
  client_id inboxdb.client_id, next_attempt_at timestamptz, target_client_id inboxdb.client_id, claim_from timestamptz
) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: the condition for a workspace's row of inbox_counts_dirty, without the dead rows before it, kept by a held
  --   snapshot (D35). Written so that only the primary key can answer, not the index on next_attempt_at (D8).
  -- Parameters: client_id and next_attempt_at of the row; target_client_id, the workspace; claim_from, of read_floor.
  -- Returns: whether the row is the workspace's.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select (client_id, next_attempt_at) >= (target_client_id, claim_from) and client_id <= target_client_id
$$;
-- <<< sql/drain/is_work_row.sql

-- >>> sql/drain/is_due.sql
create or replace function inboxdb.is_due(
  client_id inboxdb.client_id, next_attempt_at timestamptz, target_client_id inboxdb.client_id, claim_from timestamptz
) returns boolean
language sql volatile
as $$
  -- Purpose: the condition for a workspace's row of inbox_counts_dirty, as long as no other drain claimed it: a claim
  --   moves the next attempt into the future.
  -- Parameters: as of is_work_row.
  -- Returns: whether the row is the workspace's, and due.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: called by claim_if_free and claim_set only, to which a workspace locked just now looked due before.
  select inboxdb.is_work_row(client_id, next_attempt_at, target_client_id, claim_from)
    and next_attempt_at <= inboxdb.clock()
$$;
-- <<< sql/drain/is_due.sql

-- >>> sql/drain/work_list.view.sql
create or replace view inboxdb.work_list as
-- All rows of inbox_counts_dirty. Below claim_from there are only dead rows, two for each refresh, kept from vacuum by
-- a held snapshot (D11). ORDER BY makes the planner use the index on next_attempt_at; the primary key would be read
-- whole.
select
  d.client_id, d.dirty_since, d.collected_at, d.attempts, d.next_attempt_at, d.last_error, d.collapsed, d.quarantined_at
from inboxdb.inbox_counts_dirty as d
where d.next_attempt_at >= (select f.claim_from from inboxdb.read_floor as f)
order by d.next_attempt_at;

comment on view inboxdb.work_list is 'The rows of inbox_counts_dirty, read from the floor on.';
-- <<< sql/drain/work_list.view.sql

-- >>> sql/log/change.view.sql
create or replace view inboxdb.change as
-- The undrained changes of every slice. Below the floor there are only dead rows, kept from vacuum by a held snapshot
-- and never read here (D10). The two conditions stand in queries of their own, so that an index answers each of them.
-- `tid` (ctid) is for deleting the rows in the statement reading them.
with floor as (select f.read_from, f.also_read from inboxdb.read_floor as f)

select 0 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_0 as c
where c.xid >= (select f.read_from from floor as f)
union all
select 0 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_0 as c
where c.xid = any ((select f.also_read from floor as f)::xid8[])
union all
select 1 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_1 as c
where c.xid >= (select f.read_from from floor as f)
union all
select 1 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_1 as c
where c.xid = any ((select f.also_read from floor as f)::xid8[])
union all
select 2 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_2 as c
where c.xid >= (select f.read_from from floor as f)
union all
select 2 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_2 as c
where c.xid = any ((select f.also_read from floor as f)::xid8[])
union all
select 3 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_3 as c
where c.xid >= (select f.read_from from floor as f)
union all
select 3 as slice, c.ctid as tid, c.xid, c.client_id, c.lead_id, c.left_user_id, c.noted_at
from inboxdb.change_3 as c
where c.xid = any ((select f.also_read from floor as f)::xid8[]);

comment on view inboxdb.change is 'The changes not yet drained.';
-- <<< sql/log/change.view.sql

-- >>> sql/drain/waiting.view.sql
create or replace view inboxdb.waiting as
-- Dirty workspaces, straight from the log, the snoozes and the work list, so also before a collector has seen their
-- changes. A workspace is listed once per reason.
select c.client_id, c.noted_at as since
from inboxdb.change as c
-- not `is not null`, so that the partial index change_*_client_id_xid_idx cannot answer: it would be read whole (D8)
where (c.client_id is null) is false
union all
select l."clientId"::inboxdb.client_id, c.noted_at
from inboxdb.change as c
inner join public."Lead" as l on c.lead_id = l.id
where c.client_id is null
union all
-- known_workspace is read only if such a change waits
select
  k.client_id,
  (
    select pg_catalog.min(c.noted_at)
    from inboxdb.change as c
    where c.client_id is null and c.lead_id is null
  ) as since
from inboxdb.known_workspace as k
where exists (
    select
    from inboxdb.change as c
    where c.client_id is null and c.lead_id is null
  )
union all
select w.client_id, w.next_snooze_at
from inboxdb.workspace as w
where w.next_snooze_at <= (select inboxdb.clock())
union all
select d.client_id, d.dirty_since
from inboxdb.work_list as d;

comment on view inboxdb.waiting is 'Dirty workspaces, and since when.';
-- <<< sql/drain/waiting.view.sql

-- >>> sql/counts/counts_vector.view.sql
create or replace view inboxdb.counts_vector as
-- inbox_counts as refreshes read it: the counts as a vector in the order of view count, and the place of each row.
select
  s.ctid as tid,
  s.client_id,
  s.is_global,
  s.scope_user_id,
  s.leads,
  array[
    -- each count, with commas: s.{name}
    s.all_responses,
    s.requires_attention,
    s.previously_required_attention,
    s.total_non_blacklisted,
    s.awaiting_reply,
    s.needs_repair,
    s.ai_sent,
    s.ai_review,
    s.total
    -- end
  ] as counts
from inboxdb.inbox_counts as s;

comment on view inboxdb.counts_vector is 'The rows of inbox_counts, each with its place and its counts as a vector.';
-- <<< sql/counts/counts_vector.view.sql

-- >>> sql/counts/fit_plan.sql
create or replace function inboxdb.fit_plan(target_client_id inboxdb.client_id) returns void
-- No search_path of its own, because settings made in a function with SET end with the function. Every name is
-- qualified here.
language plpgsql volatile
as $$
-- Purpose: have the calling function plan its scan of a workspace by the workspace's size. AI-sent messages and drafts
--   of every tenant may be hashed only where the hash is no larger than the workspace itself (D16). Up to 5,000 leads a
--   generic plan is kept in the session, because planning takes as long as counting 1,000 leads (D17).
-- Parameters: target_client_id. The caller sets plan_cache_mode, work_mem and enable_* at its own head, so that these
--   settings end with it.
-- Reads: workspace; "Lead" where the workspace was never counted.
-- INVOKER: called by our DEFINER functions only.
declare
  lead_estimate bigint;
begin
  lead_estimate := coalesce(
    (select w.leads from inboxdb.workspace as w where w.client_id = target_client_id),
    (select pg_catalog.count(*) from public."Lead" as l where l."clientId" = target_client_id)
  );
  if lead_estimate > 5000 then
    perform pg_catalog.set_config('work_mem', least(lead_estimate / 10, 262144)::pg_catalog.text || 'kB', true);
  else
    perform pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true),
      pg_catalog.set_config('work_mem', '64kB', true),
      pg_catalog.set_config('enable_seqscan', 'off', true),
      pg_catalog.set_config('enable_hashjoin', 'off', true),
      pg_catalog.set_config('enable_mergejoin', 'off', true);
  end if;
end
$$;
-- <<< sql/counts/fit_plan.sql

-- >>> sql/counts/live_inbox_counts.sql
create or replace function inboxdb.live_inbox_counts(
  target_client_id inboxdb.client_id, as_of timestamptz default inboxdb.clock()
)
returns setof inboxdb.inbox_counts
-- STABLE matters: the scan runs in the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- a policy hiding leads would make the counts too low: raise instead (D37)
set row_security = off
set plan_cache_mode = force_custom_plan
set enable_seqscan = on
set enable_hashjoin = on
set enable_mergejoin = on
set work_mem = '4MB'
set jit = off
set max_parallel_workers_per_gather = 0
as $$
-- Purpose: the live counts, computed from the host's tables in a single scan: the truth, with which stored counts are
--   compared.
-- Parameters: target_client_id; as_of, the instant at which snoozes are judged.
-- Returns: the rows that inbox_counts should have: the global row, zeros included, and one row per user with a lead
--   assigned, visible or snoozed. No rows where the host has no such workspace.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: classified_lead, "Client", workspace. By the names of the counts, not by their bits: a bit in the wrong
--   place shows as drift.
-- DEFINER: also called on behalf of roles that may not read the host's tables.
begin
  if not exists (select from public."Client" as c where c.id = target_client_id) then
    return;
  end if;
  perform inboxdb.fit_plan(target_client_id);
  return query
  select
    target_client_id,
    grouping(l.scope_user_id) = 1,
    (case when grouping(l.scope_user_id) = 1 then inboxdb.sentinel() else l.scope_user_id end)
    ::inboxdb.user_id,
    pg_catalog.count(*)::integer,
    as_of,
    as_of,
    null::bigint,
    -- each count, with commas: pg_catalog.count(*) filter (where l.is_snoozed = {of_snoozed} and l.{name})::integer
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.all_responses)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.requires_attention)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.previously_required_attention)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.total_non_blacklisted)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.awaiting_reply)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.needs_repair)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.ai_sent)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.ai_review)::integer,
    pg_catalog.count(*) filter (where l.is_snoozed = false and l.total)::integer
    -- end
  from (
    select c.*, coalesce(c.snoozed_until > as_of, false) as is_snoozed
    from inboxdb.classified_lead as c
    where c.client_id = target_client_id
    -- each column computed once per lead, however many counts use it: a sixth of a small workspace's time
    offset 0
  ) as l
  group by grouping sets ((), (l.scope_user_id))
  -- unassigned leads are a group of their own, and in the global row only
  having grouping(l.scope_user_id) = 1 or l.scope_user_id is not null;
end
$$;
-- <<< sql/counts/live_inbox_counts.sql

-- >>> sql/operations/verify_workspace.sql
create or replace function inboxdb.verify_workspace(
  target_client_id inboxdb.client_id,
  out settled boolean, out scopes integer, out drifted integer, out differences jsonb
)
-- STABLE matters: everything is read in the caller's snapshot, so that stored and live counts are of the same moment.
language plpgsql stable security definer
set search_path = ''
as $$
-- Purpose: compare a workspace's stored counts with the live ones, both ways, as of when they were computed.
-- Parameters: target_client_id.
-- Returns: settled, false while changes wait or a snooze is due, when a difference proves nothing yet; scopes compared;
--   drifted, how many of them differ, are missing or are superfluous; differences, an array of objects with is_global,
--   scope_user_id, stored and live (null for a missing row).
-- Errors: those of live_inbox_counts and require_resumed.
-- Reads: inbox_counts, waiting, and as live_inbox_counts. Costs a scan of the workspace.
-- DEFINER: as live_inbox_counts.
declare
  as_of pg_catalog.timestamptz := coalesce(
    (select s.computed_at from inboxdb.inbox_counts as s where s.client_id = target_client_id and s.is_global),
    inboxdb.clock()
  );
begin
  perform inboxdb.require_resumed();
  settled := not exists (select from inboxdb.waiting as w where w.client_id = target_client_id);

  with
  stored as (
    select
      s.is_global, s.scope_user_id,
      pg_catalog.to_jsonb(s)
      - '{client_id,is_global,scope_user_id,leads,computed_at,updated_at,version}'::pg_catalog.text[] as counts
    from inboxdb.inbox_counts as s
    where s.client_id = target_client_id
  ),
  live as (
    select
      l.is_global, l.scope_user_id,
      pg_catalog.to_jsonb(l)
      - '{client_id,is_global,scope_user_id,leads,computed_at,updated_at,version}'::pg_catalog.text[] as counts
    from inboxdb.live_inbox_counts(target_client_id, as_of) as l
  )
  select
    pg_catalog.count(*),
    coalesce(
      pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
        'is_global', is_global, 'scope_user_id', scope_user_id, 'stored', stored.counts, 'live', live.counts
      )) filter (where stored.counts is distinct from live.counts),
      '[]'
    )
  into scopes, differences
  from stored
  full join live using (is_global, scope_user_id);
  drifted := pg_catalog.jsonb_array_length(differences);

  -- A table truncated after our snapshot was taken looks empty in the snapshot: its file is a new one. Checked after
  -- the tables were read, and locked by the reading, so that no TRUNCATE comes in between.
  settled := settled and not exists (
    select
    from pg_catalog.pg_class as c
    where c.oid in (
      'inboxdb.change_0'::pg_catalog.regclass, 'inboxdb.change_1'::pg_catalog.regclass,
      'inboxdb.change_2'::pg_catalog.regclass, 'inboxdb.change_3'::pg_catalog.regclass,
      'public."Lead"'::pg_catalog.regclass, 'public."Message"'::pg_catalog.regclass,
      'public."AIDraft"'::pg_catalog.regclass
    )
      and c.relfilenode <> pg_catalog.pg_relation_filenode(c.oid)
  );
end
$$;
-- <<< sql/operations/verify_workspace.sql

-- >>> sql/operations/mark_for_repair.sql
create or replace function inboxdb.mark_for_repair(target_client_id inboxdb.client_id) returns void
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: mark a workspace with wrong counts: the next recount compares leads one by one, and not by hashes.
-- Parameters: target_client_id.
-- Errors: those of mark_inbox_counts_dirty.
-- Writes: workspace, where it waits for a refresh at work; the change log.
-- DEFINER: its callers have no rights in inboxdb.
begin
  update inboxdb.workspace as w set compared_at = null where w.client_id = target_client_id;
  perform inboxdb.mark_inbox_counts_dirty(target_client_id);
end
$$;
-- <<< sql/operations/mark_for_repair.sql

-- >>> sql/log/current_slice.sql
create or replace function inboxdb.current_slice() returns integer
language sql volatile parallel safe
as $$
  -- Purpose: the slice of the change log in use now, chosen by the clock, so that writers agree without sharing state.
  --   A slice is in use for 20 seconds and out of use for 60 (D6).
  -- Returns: 0 to 3.
  -- Inlined into each writer's insert, hence no search_path of its own. Tests shorten the 20.
  -- INVOKER: reads nothing.
  select (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::bigint / 20 % 4)::integer
$$;
-- <<< sql/log/current_slice.sql

-- >>> sql/log/note_change.sql
create or replace function inboxdb.note_change(
  changed_client_id inboxdb.client_id, changed_lead_id inboxdb.lead_id, former_user_id inboxdb.user_id default null,
  changed_bits smallint default 0, is_probe boolean default false
) returns boolean
-- No search_path of its own: its callers pin theirs, every name here is qualified, and another SET made the trigger a
-- quarter dearer (D13).
language plpgsql volatile
as $$
-- Purpose: append a change to the log, except of a workspace whose id is too long. Never waits: inserts a row of its
--   own and locks no other row (D1).
-- Parameters: changed_client_id, null where the caller does not know the workspace; changed_lead_id, null for the whole
--   workspace. Both null: every workspace. former_user_id, the user whom the lead left, if any (D61). changed_bits, as
--   in column changed. is_probe, to find out for can_note whether the function can be called, and append nothing.
-- Returns: true.
-- Writes: the current slice.
-- INVOKER: called by our DEFINER functions only.
begin
  -- not counted, because the host's write would fail by an index of ours (D111)
  if inboxdb.is_too_long(changed_client_id) then
    return true;
  end if;
  if is_probe then
    return inboxdb.current_slice() is not null;
  end if;
  case inboxdb.current_slice()
    when 0 then
      insert into inboxdb.change_0 (client_id, lead_id, left_user_id, changed)
      values (changed_client_id, changed_lead_id, former_user_id, changed_bits);
    when 1 then
      insert into inboxdb.change_1 (client_id, lead_id, left_user_id, changed)
      values (changed_client_id, changed_lead_id, former_user_id, changed_bits);
    when 2 then
      insert into inboxdb.change_2 (client_id, lead_id, left_user_id, changed)
      values (changed_client_id, changed_lead_id, former_user_id, changed_bits);
    when 3 then
      insert into inboxdb.change_3 (client_id, lead_id, left_user_id, changed)
      values (changed_client_id, changed_lead_id, former_user_id, changed_bits);
  end case;
  return true;
end
$$;
-- <<< sql/log/note_change.sql

-- >>> sql/log/can_note_in.sql
create or replace function inboxdb.can_note_in(slice integer) returns boolean
language sql volatile
as $$
  -- Purpose: whether the present role may append to a slice of the log: for triggers, so that no write of the host's
  --   fails where the owner of inboxdb's functions has lost a right, or something of ours is gone (D116).
  -- Parameters: slice.
  -- Returns: true; else false, null or an error.
  -- Inlined into each trigger, hence no search_path of its own.
  -- By oid, because a name is looked up for each row. All four are named, so that a lost one is an error, and so are
  -- the types of the log's columns, which go with them; a default of the log calls clock.
  -- Reads: the catalog.
  -- INVOKER: called by note_lead_change and can_note only.
  select
    pg_catalog.has_table_privilege((array[
      'inboxdb.change_0'::pg_catalog.regclass, 'inboxdb.change_1'::pg_catalog.regclass,
      'inboxdb.change_2'::pg_catalog.regclass, 'inboxdb.change_3'::pg_catalog.regclass
    ])[slice + 1], 'insert')
    and not pg_catalog.row_security_active((array[
      'inboxdb.change_0'::pg_catalog.regclass, 'inboxdb.change_1'::pg_catalog.regclass,
      'inboxdb.change_2'::pg_catalog.regclass, 'inboxdb.change_3'::pg_catalog.regclass
    ])[slice + 1])
    and inboxdb.clock() is not null
    and null::inboxdb.client_id is null
    and null::inboxdb.lead_id is null
    and null::inboxdb.user_id is null
$$;
-- <<< sql/log/can_note_in.sql

-- >>> sql/log/can_note.sql
create or replace function inboxdb.can_note() returns boolean
language sql volatile
as $$
  -- Purpose: whether the present role may append to every slice of the log, and call note_change (D116).
  -- A call of note_change that appends nothing, because a plan follows a function that is made anew, and no oid of one.
  -- Returns: true; else false, null or an error.
  -- Inlined into each trigger, hence no search_path of its own.
  -- Reads: the catalog.
  -- INVOKER: called by our trigger functions, and by check_host.
  select
    inboxdb.can_note_in(0) and inboxdb.can_note_in(1) and inboxdb.can_note_in(2) and inboxdb.can_note_in(3)
    and inboxdb.note_change(null, null, is_probe => true)
$$;
-- <<< sql/log/can_note.sql

-- >>> sql/log/note_unreadable.sql
create or replace function inboxdb.note_unreadable() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: for a trigger unable to read the row written, because the host changed its own schema: note a change of
--   every workspace, in place of an error in the host's write. The collector finds out what has changed (D101).
-- Writes: the current slice; nothing where the newest change of this transaction says the same, so that a statement of
--   many rows appends one.
-- INVOKER: called by our trigger functions only.
declare
  this_slice constant pg_catalog.int4 := inboxdb.current_slice();
  newest pg_catalog.record;
begin
  -- newest first, by the primary key: a transaction may have noted many leads before
  for newest in
    select c.client_id, c.lead_id
    from (
      select 0 as slice, c.client_id, c.lead_id, c.xid, c.id from inboxdb.change_0 as c
      union all
      select 1, c.client_id, c.lead_id, c.xid, c.id from inboxdb.change_1 as c
      union all
      select 2, c.client_id, c.lead_id, c.xid, c.id from inboxdb.change_2 as c
      union all
      select 3, c.client_id, c.lead_id, c.xid, c.id from inboxdb.change_3 as c
    ) as c
    where c.slice = this_slice and c.xid = pg_catalog.pg_current_xact_id()
    order by c.id desc
    limit 1
  loop
    if newest.client_id is null and newest.lead_id is null then
      return;
    end if;
  end loop;
  perform inboxdb.note_change(null, null);
end
$$;
-- <<< sql/log/note_unreadable.sql

-- >>> sql/log/note_lead_change.sql
create or replace function inboxdb.note_lead_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Lead": note the lead, on both sides of a move between workspaces or to another id. With an
--   argument for an UPDATE that names a rollup column; of what else the UPDATE names another trigger tells.
-- Inserts by itself, unless the lead moves, because a nested call would cost each row (D120).
-- Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
declare
  slice pg_catalog.int4;
  -- as in column changed of the log; 0 where the row as it is now cannot be noted by itself
  bits pg_catalog.int2;
  -- text, because a type of ours cannot be looked up without USAGE on its schema, and outside of any handler (D116)
  former_client_id pg_catalog.text;
  former_id pg_catalog.text;
  former_user_id pg_catalog.text;
begin
  -- The handler encloses reading alone, because a write in it would take a transaction id for each row (D101). The ids'
  -- casts are made in it first: num_nulls evaluates each of its arguments.
  begin
    slice := inboxdb.current_slice();
    if inboxdb.can_note_in(slice) is not true then
      return null;
    end if;
    if tg_op = 'UPDATE' then
      bits := case
        when pg_catalog.num_nulls(new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id) = 2
          or inboxdb.is_too_long(new."clientId"::inboxdb.client_id) then 0
        when tg_nargs > 0 then 2
        when old."clientId" is distinct from new."clientId" or old.id is distinct from new.id then 0
        when old."assignedToUserId" is not distinct from new."assignedToUserId" then 1
        else 5
      end;
      if bits in (0, 5) then
        if bits = 0 and inboxdb.can_note() is not true then
          return null;
        end if;
        former_client_id := old."clientId"::inboxdb.client_id;
        former_id := old.id::inboxdb.lead_id;
        former_user_id := old."assignedToUserId"::inboxdb.user_id;
      end if;
    else
      if tg_op = 'DELETE' then
        new := old;
        former_user_id := old."assignedToUserId"::inboxdb.user_id;
      end if;
      bits := case
        when pg_catalog.num_nulls(new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id) = 2
          or inboxdb.is_too_long(new."clientId"::inboxdb.client_id) then 0
        when tg_op = 'INSERT' then 8
        else 16
      end;
    end if;
  exception when others then
    begin
      perform inboxdb.note_unreadable();
    exception when others then
      null; -- what notes is lost, too
    end;
    return null;
  end;

  if bits = 0 then
    if former_id is not null then
      perform inboxdb.note_change(
        former_client_id::inboxdb.client_id, former_id::inboxdb.lead_id, former_user_id::inboxdb.user_id,
        33::pg_catalog.int2
      );
      perform inboxdb.note_change(
        new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id, null, 33::pg_catalog.int2
      );
    end if;
    return null;
  end if;
  if slice < 2 then
    if slice = 0 then
      insert into inboxdb.change_0 (client_id, lead_id, left_user_id, changed)
      values (new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id, former_user_id::inboxdb.user_id, bits);
    else
      insert into inboxdb.change_1 (client_id, lead_id, left_user_id, changed)
      values (new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id, former_user_id::inboxdb.user_id, bits);
    end if;
  elsif slice = 2 then
    insert into inboxdb.change_2 (client_id, lead_id, left_user_id, changed)
    values (new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id, former_user_id::inboxdb.user_id, bits);
  else
    insert into inboxdb.change_3 (client_id, lead_id, left_user_id, changed)
    values (new."clientId"::inboxdb.client_id, new.id::inboxdb.lead_id, former_user_id::inboxdb.user_id, bits);
  end if;
  return null;
end
$$;
-- <<< sql/log/note_lead_change.sql

-- >>> sql/log/note_compared_lead.sql
create or replace function inboxdb.note_compared_lead() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Lead": note a lead of which a counted column changed, whatever the UPDATE names, on both
--   sides of a move. For hosts with BEFORE triggers, which may change a column not named (D121), and for hosts naming
--   every column in each UPDATE (D125).
-- Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
declare
  bits pg_catalog.int2;
  -- text, because a type of ours cannot be looked up without USAGE on its schema, and outside of any handler (D116)
  former_client_id pg_catalog.text;
  former_id pg_catalog.text;
  former_user_id pg_catalog.text;
  new_client_id pg_catalog.text;
  new_id pg_catalog.text;
begin
  -- The handler encloses reading alone: a write in it would take a transaction id for each row (D101).
  begin
    bits := case
        when old."clientId" is distinct from new."clientId" or old.id is distinct from new.id then 33
        when old."assignedToUserId" is distinct from new."assignedToUserId" then 5
        when old.status is distinct from new.status or old."sentimentTag" is distinct from new."sentimentTag"
          or old."snoozedUntil" is distinct from new."snoozedUntil" then 1
        else 0
      end
      + case
        when old."lastInboundAt" is distinct from new."lastInboundAt"
          or old."lastOutboundAt" is distinct from new."lastOutboundAt"
          or old."lastZrgOutboundAt" is distinct from new."lastZrgOutboundAt" then 2
        else 0
      end;
    if bits = 0 or inboxdb.can_note() is not true then
      return null;
    end if;
    former_client_id := old."clientId"::inboxdb.client_id;
    former_id := old.id::inboxdb.lead_id;
    former_user_id := old."assignedToUserId"::inboxdb.user_id;
    new_client_id := new."clientId"::inboxdb.client_id;
    new_id := new.id::inboxdb.lead_id;
  exception when others then
    begin
      perform inboxdb.note_unreadable();
    exception when others then
      null; -- what notes is lost, too
    end;
    return null;
  end;

  if bits < 5 then
    perform inboxdb.note_change(new_client_id::inboxdb.client_id, new_id::inboxdb.lead_id, null, bits);
    return null;
  end if;
  perform inboxdb.note_change(
    former_client_id::inboxdb.client_id, former_id::inboxdb.lead_id, former_user_id::inboxdb.user_id, bits
  );
  if bits > 32 then
    perform inboxdb.note_change(new_client_id::inboxdb.client_id, new_id::inboxdb.lead_id, null, bits);
  end if;
  return null;
end
$$;
-- <<< sql/log/note_compared_lead.sql

-- >>> sql/log/note_draft_change.sql
create or replace function inboxdb.note_draft_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "AIDraft": note the draft's lead, on both sides of a move between leads; before a delete also
--   the leads of the messages sent from the draft, because the host's foreign key is about to null "aiDraftId" (D5).
-- The change names no workspace: the collector fills in the lead's, because a move in flight may yet change it (D3).
-- Reads: "Message" (by the host's index on "aiDraftId", as the foreign key does). Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
declare
  -- text, because a type of ours cannot be looked up without USAGE on its schema, and outside of any handler (D116)
  old_lead_id pg_catalog.text;
  new_lead_id pg_catalog.text;
  message_lead_id pg_catalog.text;
begin
  -- The handler encloses reading alone: a lock in it would take a transaction id for each row (D101).
  begin
    if inboxdb.can_note() is not true then
      return case when tg_op = 'DELETE' then old end;
    end if;
    if tg_op <> 'INSERT' then
      old_lead_id := old."leadId"::inboxdb.lead_id;
    end if;
    if tg_op <> 'DELETE' then
      new_lead_id := new."leadId"::inboxdb.lead_id;
    else
      -- reads and locks no row; fails where the loop below would: names, types, privileges
      perform m."leadId" from public."Message" as m where m."aiDraftId" = old.id and false for no key update;
    end if;
  exception when others then
    begin
      perform inboxdb.note_unreadable();
    exception when others then
      null; -- what notes is lost, too
    end;
    return case when tg_op = 'DELETE' then old end;
  end;

  -- a draft or a message of no lead counts nowhere, and a change that names nothing would be one of every workspace
  if old_lead_id is not null then
    perform inboxdb.note_change(null, old_lead_id::inboxdb.lead_id);
  end if;
  if new_lead_id is not null and (tg_op = 'INSERT' or old_lead_id is distinct from new_lead_id) then
    perform inboxdb.note_change(null, new_lead_id::inboxdb.lead_id);
  end if;
  if tg_op = 'DELETE' then
    -- Locked, so that a message being moved by another transaction is found at its new lead. No further wait: the
    -- foreign key's action, next, updates the same rows.
    for message_lead_id in
      select m."leadId" from public."Message" as m where m."aiDraftId" = old.id for no key update
    loop
      if message_lead_id is not null and message_lead_id is distinct from old_lead_id then
        perform inboxdb.note_change(null, message_lead_id::inboxdb.lead_id);
      end if;
    end loop;
    return old;
  end if;
  return null;
end
$$;
-- <<< sql/log/note_draft_change.sql

-- >>> sql/log/note_workspace_change.sql
create or replace function inboxdb.note_workspace_change() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: row trigger on "Client": note the whole workspace, both of them when its id changes.
-- Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
declare
  -- text, because a type of ours cannot be looked up without USAGE on its schema, and outside of any handler (D116)
  old_client_id pg_catalog.text;
  new_client_id pg_catalog.text;
begin
  -- The handler encloses reading alone: a write in it would take a transaction id for each row (D101).
  begin
    if inboxdb.can_note() is not true then
      return null;
    end if;
    if tg_op <> 'INSERT' then
      old_client_id := old.id::inboxdb.client_id;
    end if;
    if tg_op <> 'DELETE' then
      new_client_id := new.id::inboxdb.client_id;
    end if;
  exception when others then
    begin
      perform inboxdb.note_unreadable();
    exception when others then
      null; -- what notes is lost, too
    end;
    return null;
  end;

  if tg_op <> 'INSERT' then
    perform inboxdb.note_change(old_client_id::inboxdb.client_id, null);
  end if;
  if tg_op <> 'DELETE' then
    perform inboxdb.note_change(new_client_id::inboxdb.client_id, null);
  end if;
  return null;
end
$$;
-- <<< sql/log/note_workspace_change.sql

-- >>> sql/log/note_truncate.sql
create or replace function inboxdb.note_truncate() returns trigger
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: statement trigger for TRUNCATE of a host table: append a single change for every workspace (D4).
-- Writes: the change log.
-- DEFINER: the writer has no rights in inboxdb.
declare
  may_note pg_catalog.bool := false;
begin
  begin
    may_note := inboxdb.can_note();
  exception when others then
    null; -- what notes is lost (D116)
  end;
  if may_note then
    perform inboxdb.note_change(null, null);
  end if;
  return null;
end
$$;
-- <<< sql/log/note_truncate.sql

-- >>> sql/log/must_compare.sql
create or replace function inboxdb.must_compare() returns boolean
language sql stable
set search_path = ''
as $$
  -- Purpose: whether the host has BEFORE UPDATE row triggers on "Lead", which may change a counted column not named by
  --   an UPDATE: no trigger with a list of columns fires for that (D121).
  -- Returns: true or false. The text is also run as a query by inboxdb/install/differences.py.
  -- Reads: the system catalog.
  -- INVOKER: called by arrange_triggers, and in view update_trigger.
  select exists (
    select
    from pg_catalog.pg_trigger as t
    where t.tgrelid = pg_catalog.to_regclass('public."Lead"')
      -- row, before, update
      and t.tgtype & 19 = 19
      and t.tgenabled in ('O', 'A')
  )
$$;
-- <<< sql/log/must_compare.sql

-- >>> sql/log/update_trigger.view.sql
create or replace view inboxdb.update_trigger as
select
  t.tgname as trigger_name,
  t.tgenabled in ('O', 'A') as is_enabled,
  case t.tgname
    when 'inboxdb_note_compared' then s.noted_updates = 'changed' or inboxdb.must_compare()
    else s.noted_updates = 'named'
  end as is_to_be_enabled
from pg_catalog.pg_trigger as t
cross join (select inboxdb.setting('noted_updates') as noted_updates) as s
where t.tgrelid = pg_catalog.to_regclass('public."Lead"')
  and t.tgname in ('inboxdb_note_update', 'inboxdb_note_rollup', 'inboxdb_note_compared');

comment on view inboxdb.update_trigger is
'The triggers noting UPDATEs of "Lead": whether each is enabled, and whether it is to be, by the setting '
'noted_updates and by the host''s own triggers (function must_compare).';
-- <<< sql/log/update_trigger.view.sql

-- >>> sql/log/arrange_triggers.sql
create or replace function inboxdb.arrange_triggers() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: enable and disable the triggers noting UPDATEs of "Lead" as view update_trigger says, and mark every
--   workspace where changes may have been missed before.
-- Errors: 42501 for a caller who does not own "Lead"; 55P03 where "Lead" cannot be locked within lock_timeout.
-- Locks: SHARE ROW EXCLUSIVE on "Lead", so that every write before had the former triggers, and has ended, and every
--   write after has the new ones: none falls between (D125).
-- Writes: the change log.
-- INVOKER: called by arrange_if_free, and by set_noted_updates, for the owner.
declare
  commands pg_catalog.text;
  may_have_missed pg_catalog.bool;
begin
  lock table public."Lead" in share row exclusive mode;
  select
    pg_catalog.string_agg(
      pg_catalog.format(
        '%s trigger %I',
        case when not t.is_to_be_enabled then 'disable' when f.fires_always then 'enable always' else 'enable' end,
        t.trigger_name
      ),
      ', '
    ) filter (where t.is_enabled <> t.is_to_be_enabled),
    -- nothing was missed while every named column was noted, and the host had no trigger of its own
    pg_catalog.bool_or(t.is_to_be_enabled and not t.is_enabled)
    and (inboxdb.must_compare() or not pg_catalog.bool_and(t.is_enabled or t.trigger_name = 'inboxdb_note_compared'))
  into commands, may_have_missed
  from inboxdb.update_trigger as t
  -- as where a subscription writes "Lead"
  cross join (
    select exists (
      select
      from pg_catalog.pg_trigger as i
      where i.tgrelid = pg_catalog.to_regclass('public."Lead"') and i.tgname = 'inboxdb_note_insert'
        and i.tgenabled = 'A'
    ) as fires_always
  ) as f;
  if commands is null then
    return;
  end if;
  execute 'alter table public."Lead" ' || commands;
  if may_have_missed then
    perform inboxdb.note_change(null, null);
  end if;
end
$$;
-- <<< sql/log/arrange_triggers.sql

-- >>> sql/log/arrange_if_free.sql
create or replace function inboxdb.arrange_if_free() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: as arrange_triggers, where the triggers are as another choice or other triggers of the host's want them;
--   with all of them disabled by hand nothing is done, and the doctor tells, because somebody may want that. While
--   somebody writes "Lead", and for a caller who does not own the table, nothing is done, and the doctor tells. A
--   comparing trigger no longer needed stays, since its price is time and no counts (D121).
-- Reads: update_trigger.
-- Locks: as arrange_triggers, not waited for.
-- INVOKER: called by check_host, and by the migration that makes the triggers.
begin
  if not exists (
    select
    from inboxdb.update_trigger as t
    cross join (
      select pg_catalog.bool_or(k.is_enabled) as is_enabled
      from inboxdb.update_trigger as k
      where k.trigger_name = 'inboxdb_note_compared'
    ) as c
    where t.is_enabled <> t.is_to_be_enabled
      and case
        when t.trigger_name = 'inboxdb_note_compared' then t.is_to_be_enabled
        else not t.is_to_be_enabled or c.is_enabled
      end
  ) then
    return;
  end if;
  begin
    lock table public."Lead" in share row exclusive mode nowait;
    perform inboxdb.arrange_triggers();
  exception when others then
    return;
  end;
end
$$;
-- <<< sql/log/arrange_if_free.sql

-- >>> sql/log/set_noted_updates.sql
create or replace function inboxdb.set_noted_updates(noted text) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: choose which UPDATEs of "Lead" are noted, from this transaction's commit on (D125).
-- Parameters: noted: named, for UPDATEs naming a counted column; changed, for UPDATEs changing one; null for the
--   default.
-- Errors: IB017 for anything else; those of arrange_triggers. Nothing is changed then.
-- Locks: as arrange_triggers.
-- Writes: setting; the change log.
-- INVOKER: for the owner.
begin
  -- first, so that of two calls the second waits here, and arranges the triggers left by the first
  perform inboxdb.set_setting('noted_updates', noted);
  perform inboxdb.arrange_triggers();
end
$$;
-- <<< sql/log/set_noted_updates.sql

-- >>> sql/log/changes_of.sql
create or replace function inboxdb.changes_of(target_client_ids inboxdb.client_id[], at_most integer)
returns table (
  client_id inboxdb.client_id, slice integer, tid tid, lead_id inboxdb.lead_id, left_user_id inboxdb.user_id,
  noted_at timestamptz
)
language sql stable
as $$
  -- Purpose: the undrained changes of workspaces, as in view change. The exceptions below the floor are read once for
  --   all workspaces.
  -- Each condition can be answered by a single index, because the planner takes near-empty slices for tiny and all
  -- their indexes for equal, and keeps the plan while a slice fills (D8): the row comparison fits the index on
  -- (client_id, xid) alone; "is true" fits no index.
  -- Parameters: target_client_ids; at_most, for each workspace, of the changes above the floor; null for all.
  -- Returns: the workspace; slice and ctid, for deleting the changes in the statement reading them; the lead, null for
  --   the whole workspace; the user whom the lead left; when the change was noted.
  -- Inlined, hence no search_path of its own.
  -- Reads: the change log, read_floor.
  -- INVOKER: called by our DEFINER functions only.
  with floor as (select f.read_from, f.also_read from inboxdb.read_floor as f)

  select w.client_id, c.slice, c.tid, c.lead_id, c.left_user_id, c.noted_at
  from pg_catalog.unnest(target_client_ids) as w (client_id)
  cross join lateral (
    select 0 as slice, c.ctid as tid, c.lead_id, c.left_user_id, c.noted_at
    from inboxdb.change_0 as c
    where (c.client_id, c.xid) >= (w.client_id, (select f.read_from from floor as f))
      and c.client_id <= w.client_id
    union all
    select 1, c.ctid, c.lead_id, c.left_user_id, c.noted_at
    from inboxdb.change_1 as c
    where (c.client_id, c.xid) >= (w.client_id, (select f.read_from from floor as f))
      and c.client_id <= w.client_id
    union all
    select 2, c.ctid, c.lead_id, c.left_user_id, c.noted_at
    from inboxdb.change_2 as c
    where (c.client_id, c.xid) >= (w.client_id, (select f.read_from from floor as f))
      and c.client_id <= w.client_id
    union all
    select 3, c.ctid, c.lead_id, c.left_user_id, c.noted_at
    from inboxdb.change_3 as c
    where (c.client_id, c.xid) >= (w.client_id, (select f.read_from from floor as f))
      and c.client_id <= w.client_id
    limit at_most
  ) as c
  union all
  select c.client_id, 0, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_0 as c
  where c.xid = any ((select f.also_read from floor as f)::pg_catalog.xid8[])
    and (c.client_id = any (target_client_ids)) is true
  union all
  select c.client_id, 1, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_1 as c
  where c.xid = any ((select f.also_read from floor as f)::pg_catalog.xid8[])
    and (c.client_id = any (target_client_ids)) is true
  union all
  select c.client_id, 2, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_2 as c
  where c.xid = any ((select f.also_read from floor as f)::pg_catalog.xid8[])
    and (c.client_id = any (target_client_ids)) is true
  union all
  select c.client_id, 3, c.ctid, c.lead_id, c.left_user_id, c.noted_at
  from inboxdb.change_3 as c
  where c.xid = any ((select f.also_read from floor as f)::pg_catalog.xid8[])
    and (c.client_id = any (target_client_ids)) is true
$$;
-- <<< sql/log/changes_of.sql

-- >>> sql/log/take_changes.sql
create or replace function inboxdb.take_changes(slices integer[], tids tid[]) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: delete changes from the log. None is taken twice: readers of a workspace's changes hold its lock, and
--   changes without a workspace are taken under the collector's lock.
-- Parameters: slices and tids, the place of each change, from changes_of or view change.
-- Writes: the change log.
-- INVOKER: called by remember_leads, fill_leads, remember_changed, collapse_changes and assign_changes only.
begin
  if 0 = any (slices) then
    delete from inboxdb.change_0 as c
    where c.ctid = any (array(
      select p.tid
      from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
      where p.slice = 0
    ));
  end if;
  if 1 = any (slices) then
    delete from inboxdb.change_1 as c
    where c.ctid = any (array(
      select p.tid
      from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
      where p.slice = 1
    ));
  end if;
  if 2 = any (slices) then
    delete from inboxdb.change_2 as c
    where c.ctid = any (array(
      select p.tid
      from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
      where p.slice = 2
    ));
  end if;
  if 3 = any (slices) then
    delete from inboxdb.change_3 as c
    where c.ctid = any (array(
      select p.tid
      from rows from (pg_catalog.unnest(slices), pg_catalog.unnest(tids)) as p (slice, tid)
      where p.slice = 3
    ));
  end if;
end
$$;
-- <<< sql/log/take_changes.sql

-- >>> sql/base/require_read_committed.sql
create or replace function inboxdb.require_read_committed() returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse isolation levels above READ COMMITTED, whose snapshot is older than the workspace's lock (D14).
-- Errors: IB004 above READ COMMITTED.
-- INVOKER: reads nothing.
begin
  if pg_catalog.current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = 'IB004',
      message = 'counts are refreshed in READ COMMITTED transactions only',
      detail = pg_catalog.format('This one is %s.', upper(pg_catalog.current_setting('transaction_isolation'))),
      hint = 'Start the transaction with BEGIN ISOLATION LEVEL READ COMMITTED, or call it outside a transaction.';
  end if;
end
$$;
-- <<< sql/base/require_read_committed.sql

-- >>> sql/counts/require_workspace.sql
create or replace function inboxdb.require_workspace(target_client_id inboxdb.client_id) returns void
language plpgsql stable
set search_path = ''
-- a policy hiding the workspace would make the error wrong: raise instead (D37)
set row_security = off
as $$
-- Purpose: refuse an unknown workspace, and one whose id is too long to be counted.
-- Parameters: target_client_id.
-- Errors: IB019 where the id is too long; IB002 where neither the host nor our tables know the workspace; 42501 where
--   row-level security would filter what the owner of this function sees.
-- Reads: "Client", workspace, inbox_counts (each by key).
-- INVOKER: called by our DEFINER functions only.
begin
  if inboxdb.is_too_long(target_client_id) then
    raise exception using
      errcode = 'IB019',
      message = pg_catalog.format(
        'the id of workspace %s... has %s bytes, and inboxdb counts workspaces with up to 2,000',
        pg_catalog.left(target_client_id::pg_catalog.text, 40),
        pg_catalog.octet_length(target_client_id::pg_catalog.text)
      ),
      detail = 'Nothing was changed.',
      hint = 'Give it a shorter "Client"."id": it is counted from then on.';
  end if;
  if not exists (select from inboxdb.known_workspace as k where k.client_id = target_client_id) then
    raise exception using
      errcode = 'IB002',
      message = pg_catalog.format('no workspace has the id %L', target_client_id),
      detail = 'Nothing was changed.',
      hint = 'The id is "Client"."id".';
  end if;
end
$$;
-- <<< sql/counts/require_workspace.sql

-- >>> sql/drain/try_lock_workspace.sql
create or replace function inboxdb.try_lock_workspace(target_client_id inboxdb.client_id, tries integer default 1)
returns boolean
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: lock the workspace for this transaction, without waiting. In a statement of its own, before the statement
--   counting: with a snapshot older than the lock a newer result would be overwritten (D14); and outside of exception
--   blocks, whose rollback would release the lock.
-- Parameters: target_client_id; tries, 5 ms apart: the lock may be held for a moment by a late claim (D19), or for a
--   refresh's duration.
-- Returns: whether the workspace was free. The lock ends with the transaction or with its backend; it survives
--   poolers.
-- INVOKER: an advisory lock, see lock_class.
begin
  perform inboxdb.checkpoint('lock asked for');
  for this_try in 1 .. tries loop
    if pg_catalog.pg_try_advisory_xact_lock(
      inboxdb.lock_class('workspace'), pg_catalog.hashtext(target_client_id::pg_catalog.text)
    ) then
      return true;
    end if;
    if this_try < tries then
      perform pg_catalog.pg_sleep(0.005);
    end if;
  end loop;
  return false;
end
$$;
-- <<< sql/drain/try_lock_workspace.sql

-- >>> sql/jobs/maintenance.view.sql
create or replace view inboxdb.maintenance as
-- The work of drains besides refreshes, a row each. A new row and its function are all that both drains need; maintain
-- keeps the clock, the share of time and failures.
select
  m.item, m.run_every::interval as run_every, m.time_limit::interval as time_limit,
  m.time_share::double precision as time_share, m.burst::interval as burst, m.chooser, m.function_name
from (
  values
  ('arrive', '5 s', '5 s', null, null, null, 'inboxdb.arrive'),
  ('check-host', '5 s', '5 s', null, null, null, 'inboxdb.check_host'),
  ('empty-slice', '5 s', '5 s', null, null, null, 'inboxdb.empty_slice'),
  ('prune', '5 s', '5 s', null, null, null, 'inboxdb.prune'),
  ('audit', '0', '0', 0.1, '1 s', 'inboxdb.next_audit', 'inboxdb.audit_claimed')
) as m (item, run_every, time_limit, time_share, burst, chooser, function_name);

comment on view inboxdb.maintenance is 'The work of drains besides refreshes: see function maintain.';
comment on column inboxdb.maintenance.run_every is 'How long after its end the item is due again, in each run.';
comment on column inboxdb.maintenance.time_limit is
'The runner cancels the function after so long; with a workspace after the time limit of a refresh, if longer.';
comment on column inboxdb.maintenance.time_share is
'The share of a worker''s time, spent while no workspace is due; null beside the refreshes, in each run once.';
comment on column inboxdb.maintenance.burst is 'The time that a worker may save up for the item.';
comment on column inboxdb.maintenance.chooser is
'A function that returns a workspace, null if none is due; committed before the work. Null without workspaces.';
comment on column inboxdb.maintenance.function_name is
'A function without parameters; after a chooser of the workspace, and returning outcome, version and changed_scopes.';
-- <<< sql/jobs/maintenance.view.sql

-- >>> sql/jobs/job.view.sql
create or replace view inboxdb.job as
-- The jobs per workspace, a row each. A new job adds a row here, and a function that takes the workspace's lock, does
-- the work, and calls record_job and bump_versions with the name of the job; then a line in docs/contracts.md. Nothing
-- else is touched: record_job, time_limit, failure, bump_versions, unpublished and job_status read this view.
select j.job_name, j.run_name, j.function_name, j.families, j.seconds_per_lead, j.has_modes
from (
  values (
    'recompute-inbox-counts', 'refresh', 'inboxdb.recompute_inbox_counts', array['inbox', 'analytics'],
    0.00002::double precision, true
  )
) as j (job_name, run_name, function_name, families, seconds_per_lead, has_modes);

comment on view inboxdb.job is 'The jobs per workspace: job_status tells how the last run of each went.';
comment on column inboxdb.job.job_name is 'Also in job_status, and in the key jobs:v1:{job_name}:{workspace}.';
comment on column inboxdb.job.run_name is 'The word for a run of the job in sentences about a failure.';
comment on column inboxdb.job.function_name is
'Runs the job for one workspace by hand, given its id, and raises every error in full.';
comment on column inboxdb.job.families is 'The cache families to get new versions after a run: its own first.';
comment on column inboxdb.job.seconds_per_lead is
'The least time limit per lead: several times the duration of a run that evaluates all leads.';
comment on column inboxdb.job.has_modes is 'Whether a run is by change or a recount: mode and recountReason in Redis.';
-- <<< sql/jobs/job.view.sql

-- >>> sql/announce/newest_version.sql
create or replace function inboxdb.newest_version(target_client_id inboxdb.client_id, this_family text)
returns table (version bigint, tid tid)
language sql stable rows 1
as $$
  -- Purpose: the cache version of a workspace and family. The newest first, because each bump leaves a dead row, which
  --   a held snapshot keeps (D35).
  -- Parameters: target_client_id; this_family, as in view job.
  -- Returns: the version, and the place of its row; no row before the first bump.
  -- Inlined, hence no search_path of its own.
  -- Reads: cache_version.
  -- INVOKER: called by our DEFINER functions only.
  select v.version, v.ctid
  from inboxdb.cache_version as v
  where v.client_id = target_client_id and v.family = this_family
  order by v.version desc
  limit 1
$$;
-- <<< sql/announce/newest_version.sql

-- >>> sql/announce/new_versions.sql
create or replace function inboxdb.new_versions(this_job text, target_client_ids inboxdb.client_id[])
returns table (client_id inboxdb.client_id, version bigint)
language plpgsql volatile
set search_path = ''
-- lookups by key: the planner knows the sizes of the array as little as that of the table
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
-- as planned after an ANALYZE, a bitmap scan would visit dead rows kept by a held snapshot
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: give workspaces new cache versions, one per family of the job, committed together with the job's work.
-- Parameters: this_job, as in view job; target_client_ids; the caller holds the lock of each.
-- Returns: each workspace, and the new version of the job's first family: greatest(old + 1, epoch milliseconds), so
--   that neither a restore nor a workspace made anew goes back.
-- Writes: cache_version.
-- A caller that does not store counts stores the version beside them: bump_versions.
-- INVOKER: called by apply_changes, bump_versions and recount_workspace only.
declare
  now pg_catalog.timestamptz := inboxdb.clock();
  epoch bigint := pg_catalog.date_part('epoch', now) * 1000;
  families pg_catalog.text[] := (select j.families from inboxdb.job as j where j.job_name = this_job);
begin
  return query
  with
  present as materialized (
    select w.client_id, f.family, n.version, n.tid
    from pg_catalog.unnest(target_client_ids) as w (client_id)
    cross join pg_catalog.unnest(families) as f (family)
    left join lateral inboxdb.newest_version(w.client_id, f.family) as n on true
  ),
  bumped as (
    update inboxdb.cache_version as v
    set
      version = greatest(v.version + 1, epoch),
      bumped_at = now,
      unpublished_since = coalesce(v.unpublished_since, now)
    from present as p
    where v.ctid = p.tid
    returning v.client_id, v.family, v.version
  ),
  made as (
    insert into inboxdb.cache_version as v (client_id, family, version, bumped_at, unpublished_since)
    select p.client_id, p.family, epoch, now, now
    from present as p
    where p.version is null
    returning v.client_id, v.family, v.version
  )
  select v.client_id, v.version
  from (select b.* from bumped as b union all select m.* from made as m) as v
  where v.family = families[1];
end
$$;
-- <<< sql/announce/new_versions.sql

-- >>> sql/announce/bump_versions.sql
create or replace function inboxdb.bump_versions(this_job text, target_client_id inboxdb.client_id) returns bigint
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: give a workspace new cache versions, one per family of the job, committed together with the job's work.
-- Parameters: this_job, as in view job; target_client_id; the caller holds its lock.
-- Returns: the new version of the job's first family, as new_versions.
-- Writes: cache_version; inbox_counts, where readers of counts read the version (D124).
-- INVOKER: called by job functions only, except for those that store counts, which write the version themselves.
declare
  bumped constant bigint := (
    select n.version from inboxdb.new_versions(this_job, array[target_client_id]) as n
  );
begin
  update inboxdb.inbox_counts as s
  set version = n.version
  from inboxdb.newest_version(target_client_id, 'inbox') as n
  where s.client_id = target_client_id and s.is_global and s.scope_user_id = inboxdb.sentinel()
    and s.version is distinct from n.version;
  return bumped;
end
$$;
-- <<< sql/announce/bump_versions.sql

-- >>> sql/base/run_id.sql
create or replace function inboxdb.run_id() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: the id of the run this session belongs to (D47).
  -- Returns: the eight hexadecimal digits at the end of application_name (before the suffix PgBouncer appends if told
  --   to), null without such digits.
  -- INVOKER: reads a setting.
  select pg_catalog.substring(pg_catalog.current_setting('application_name'), '^inboxdb .* ([0-9a-f]{8})( - .*)?$')
$$;
-- <<< sql/base/run_id.sql

-- >>> sql/jobs/newest_job_status.sql
create or replace function inboxdb.newest_job_status(target_client_id inboxdb.client_id, this_job text)
returns setof inboxdb.job_status
language sql stable rows 1
as $$
  -- Purpose: the row of job_status of a workspace and job. The newest first, because each run leaves a dead row,
  --   which a held snapshot keeps (D35).
  -- Parameters: target_client_id; this_job, as in view job.
  -- Returns: the row, none before the first run.
  -- Inlined, hence no search_path of its own.
  -- Reads: job_status.
  -- INVOKER: called by our DEFINER functions only.
  select s.*
  from inboxdb.job_status as s
  where s.client_id = target_client_id and s.job_name = this_job
  order by s.last_started_at desc
  limit 1
$$;
-- <<< sql/jobs/newest_job_status.sql

-- >>> sql/jobs/record_jobs.sql
create or replace function inboxdb.record_jobs(
  this_job text, target_client_ids inboxdb.client_id[], started_at timestamptz[], attempt_numbers integer[], error text,
  why_recounted text
) returns void
language plpgsql volatile
set search_path = ''
-- lookups by key: the planner knows the sizes of the arrays as little as that of the table
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
-- as planned after an ANALYZE, a bitmap scan would visit dead rows kept by a held snapshot
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: store the outcome of a job's last run for each of some workspaces in job_status, to be published.
-- Parameters: this_job, as in view job; target_client_ids, whose locks the caller holds; started_at, of each;
--   attempt_numbers, of each, since the job was due; error, null for success, else SQLSTATE and our own sentence;
--   why_recounted, as in job_status.
-- Errors: 22023 for a job that view job does not list.
-- Writes: job_status.
-- INVOKER: called by record_job and refresh_set only.
declare
  finished_at pg_catalog.timestamptz := inboxdb.clock();
  this_status pg_catalog.text := case when error is null then 'succeeded' else 'failed' end;
  this_run pg_catalog.text := inboxdb.run_id();
begin
  if not exists (select from inboxdb.job as j where j.job_name = this_job) then
    raise invalid_parameter_value using
      message = pg_catalog.format('%L is no job', this_job),
      detail = 'Nothing was recorded.',
      hint = 'Give the job a row of view inboxdb.job.';
  end if;
  with
  ran as materialized (
    select
      r.client_id, r.started_at, r.attempt, s.last_started_at as newest, t.tid,
      pg_catalog.date_part('epoch', finished_at - r.started_at) * 1000 as took_ms
    from rows from (
      pg_catalog.unnest(target_client_ids), pg_catalog.unnest(record_jobs.started_at),
      pg_catalog.unnest(attempt_numbers)
    ) as r (client_id, started_at, attempt)
    left join lateral inboxdb.newest_job_status(r.client_id, this_job) as s on true
    left join lateral (
      select j.ctid as tid
      from inboxdb.job_status as j
      where j.client_id = r.client_id and j.job_name = this_job and j.last_started_at = s.last_started_at
      offset 0
    ) as t on true
  ),
  updated as (
    update inboxdb.job_status as j
    set
      last_started_at = r.started_at,
      last_finished_at = finished_at,
      last_status = this_status,
      last_error = error,
      duration_ms = r.took_ms,
      attempt = r.attempt,
      recount_reason = why_recounted,
      run_id = this_run,
      unpublished_since = coalesce(j.unpublished_since, finished_at)
    from ran as r
    where j.ctid = r.tid
      -- by rank, as in the cache: a failure recorded late does not replace the outcome of a later start, except an
      -- outcome from the future, written by a clock that was ahead
      and (j.last_started_at <= r.started_at or j.last_started_at > finished_at)
  )
  insert into inboxdb.job_status (
    job_name, client_id, last_started_at, last_finished_at, last_status, last_error, duration_ms, attempt,
    recount_reason, run_id, unpublished_since
  )
  select
    this_job, r.client_id, r.started_at, finished_at, this_status, error, r.took_ms, r.attempt,
    why_recounted, this_run, finished_at
  from ran as r
  where r.newest is null;
end
$$;
-- <<< sql/jobs/record_jobs.sql

-- >>> sql/jobs/record_job.sql
create or replace function inboxdb.record_job(
  this_job text, target_client_id inboxdb.client_id, started_at timestamptz, attempt_number integer, error text,
  why_recounted text default null
) returns void
language sql volatile
set search_path = ''
as $$
  -- Purpose: store the outcome of a job's last run for a workspace in job_status, to be published.
  -- Parameters: this_job, as in view job; target_client_id, whose lock the caller holds; started_at; attempt_number
  --   since the job was due; error, null for success, else SQLSTATE and our own sentence; why_recounted, as in
  --   job_status.
  -- Errors: 22023 for a job that view job does not list.
  -- Writes: job_status.
  -- INVOKER: called by job functions only.
  select inboxdb.record_jobs(
    this_job, array[target_client_id], array[started_at], array[attempt_number], error, why_recounted
  )
$$;
-- <<< sql/jobs/record_job.sql

-- >>> sql/jobs/failure.sql
create or replace function inboxdb.failure(
  this_job text, error_code text, out sentence text, out is_transient boolean, out attempts_allowed integer
)
language sql stable
set search_path = ''
as $$
  -- Purpose: our sentence for a failed run of a job, and how many attempts the failure is worth.
  -- Parameters: this_job, as in view job; error_code, a SQLSTATE; null where the run's session was gone before it could
  --   record a failure.
  -- Returns: SQLSTATE and our own sentence, because the server's message may quote rows; whether the failure may pass
  --   by itself; after how many attempts the workspace is quarantined: 15 (half an hour) where the failure may pass,
  --   else 8 (4 minutes).
  -- Source: docs/errors.md.
  -- Reads: job.
  -- INVOKER: called by job functions only.
  select
    pg_catalog.format('%s: ', known.code)
    || pg_catalog.replace(pg_catalog.replace(known.said, '{run}', j.run_name), '{function}', j.function_name),
    known.may_pass,
    case when known.may_pass then 15 else 8 end
  from inboxdb.job as j
  cross join (
    select
      coalesce(error_code, '08006'),
      case
        when error_code is null then 'the session of the {run} was gone, or a statement_timeout ended the call'
        when error_code = '57014' then 'the {run} was cancelled, or hit its time limit'
        when error_code in ('40001', '40P01', '55P03') then 'the {run} lost against another transaction'
        when error_code = '42501' then 'the {run} may not read what it needs (row-level security or a missing right)'
        when error_code in ('42P01', '42703', '42883', '42804')
          then 'the host''s tables no longer fit: apply the migrations again'
        when error_code = '54000'
          then 'the id of a lead or a user is longer than an index can hold: 2,600 bytes with the workspace''s'
        when error_code in ('22021', '22P05') then 'an id of the workspace has characters that UTF8 lacks'
        when error_code like '53%' then 'the server is out of resources'
        when error_code like '08%' or error_code like '57P%' then 'the connection was lost'
        else 'the {run} failed; {function} raises the error in full'
      end,
      error_code is null
      or error_code in ('57014', '40001', '40P01', '55P03')
      or error_code like '53%' or error_code like '08%' or error_code like '57P%' or error_code like '58%'
  ) as known (code, said, may_pass)
  where j.job_name = this_job
$$;
-- <<< sql/jobs/failure.sql

-- >>> sql/jobs/retry_delay.sql
create or replace function inboxdb.retry_delay(attempts integer) returns interval
language sql volatile
set search_path = ''
as $$
  -- Purpose: how long a workspace waits for its next attempt.
  -- Parameters: attempts made so far, from 1.
  -- Returns: 1 second, doubled with each attempt, 5 minutes at most, times a random 75 to 100 %, so that workspaces
  --   failing together are not retried together for ever.
  -- INVOKER: reads nothing.
  select
    least(interval '1 second' * pg_catalog.power(2, least(attempts, 20) - 1), interval '5 minutes')
    * (1 - pg_catalog.random() / 4)
$$;
-- <<< sql/jobs/retry_delay.sql

-- >>> sql/drain/record_failure.sql
create or replace function inboxdb.record_failure(
  target_client_id inboxdb.client_id, started_at timestamptz, error_code text
)
returns void
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: record why a refresh failed, outside of the rolled-back part. The workspace keeps its changes, and waits
--   from now on for its next attempt: longer each time.
-- Nothing is recorded where the workspace is not on the work list, was never claimed, is quarantined by now (with its
-- reason kept, and without waiting for a requeue), or is locked by another drain.
-- Parameters: target_client_id; started_at; error_code, the SQLSTATE, null where there is none.
-- Writes: inbox_counts_dirty, job_status.
-- DEFINER: the runner calls it for a refresh that was cancelled, or whose connection was lost.
declare
  said pg_catalog.text := (inboxdb.failure('recompute-inbox-counts', error_code)).sentence;
  attempt_number integer;
begin
  -- another drain refreshes the workspace by now, and its outcome counts
  if not inboxdb.try_lock_workspace(target_client_id) then
    return;
  end if;
  update inboxdb.inbox_counts_dirty as d
  set
    last_error = said,
    -- never sooner than before: below claim_from the row would not be found (D11)
    next_attempt_at = greatest(d.next_attempt_at, inboxdb.clock() + inboxdb.retry_delay(d.attempts))
  where inboxdb.is_work_row(
      d.client_id, d.next_attempt_at, target_client_id, (select f.claim_from from inboxdb.read_floor as f)
    )
    and d.attempts > 0 and d.quarantined_at is null
  returning d.attempts into attempt_number;
  if found then
    perform inboxdb.record_job('recompute-inbox-counts', target_client_id, started_at, attempt_number, said);
  end if;
end
$$;
-- <<< sql/drain/record_failure.sql

-- >>> sql/drain/audit_period.sql
create or replace function inboxdb.audit_period() returns interval
language sql stable
set search_path = ''
as $$
  -- Purpose: how long after a workspace's last audit or recount the next audit is due.
  -- Returns: the setting audit_hours.
  -- Reads: setting.
  -- INVOKER: called by our DEFINER functions only.
  select pg_catalog.make_interval(secs => inboxdb.setting('audit_hours')::double precision * 3600)
$$;
-- <<< sql/drain/audit_period.sql

-- >>> sql/drain/is_comparison_due.sql
create or replace function inboxdb.is_comparison_due(target_client_id inboxdb.client_id, as_of timestamptz)
returns boolean
language sql stable
set search_path = ''
as $$
  -- Purpose: say whether a recount or an audit of a workspace is to compare its leads one by one, and not by hashes:
  --   once in 28 periods of audits, a week by default.
  -- Parameters: target_client_id; as_of.
  -- Returns: true or false.
  -- Reads: workspace, setting.
  -- INVOKER: called by recount_workspace and audit_claimed only.
  select not exists (
    select
    from inboxdb.workspace as w
    where w.client_id = target_client_id
      -- later than now by a clock that was ahead
      and w.compared_at between as_of - 28 * inboxdb.audit_period() and as_of + interval '1 minute'
  )
$$;
-- <<< sql/drain/is_comparison_due.sql

-- >>> sql/drain/reason_to_recount.sql
create or replace function inboxdb.reason_to_recount(
  target_client_id inboxdb.client_id, as_of timestamptz, otherwise text
) returns text
language plpgsql stable
set search_path = ''
-- no bitmap scan: it would visit the dead rows of inbox_counts kept by a held snapshot, as planned after an ANALYZE
set enable_bitmapscan = off
as $$
-- Purpose: say why a workspace is to be recounted, and not refreshed by change.
-- Parameters: target_client_id; as_of, the instant of the new counts; otherwise, the answer where counted_lead can be
--   trusted, null to look at the changes.
-- Returns: first_fill, definitions_changed (counted_lead is by old definitions), clock_set_back (snoozes that ended
--   last on), whole_workspace (a change names no lead), many_changes, workspace_gone (from the host); null for by
--   change.
-- Reads: workspace, inbox_counts, "Client", the change log: no more of it than decides.
-- Source: a tenth: `python -m tests.bench --only refresh`: a changed lead costs about as much as ten that are counted.
-- INVOKER: called by refresh_workspace and audit_workspace only, which forbid sequential scans.
declare
  kept inboxdb.workspace;
  enough integer;
  found pg_catalog.record;
begin
  select w.* into kept from inboxdb.workspace as w where w.client_id = target_client_id;
  if kept.definitions is null then
    return 'first_fill';
  elsif kept.definitions <> inboxdb.definitions() then
    return 'definitions_changed';
  elsif as_of < (
    select s.computed_at
    from inboxdb.inbox_counts as s
    where s.client_id = target_client_id and s.is_global
    order by s.client_id desc, s.is_global desc, s.scope_user_id desc
    limit 1
  ) then
    return 'clock_set_back';
  elsif otherwise is not null then
    return otherwise;
  end if;

  enough := greatest(kept.leads / 10, 10);
  select pg_catalog.count(*) as changes, pg_catalog.bool_or(c.lead_id is null) as whole into found
  from (select c.lead_id from inboxdb.changes_of(array[target_client_id], enough + 1) as c limit enough + 1) as c;
  return case
    when found.whole then 'whole_workspace'
    when found.changes > enough then 'many_changes'
    when not exists (select from public."Client" as c where c.id = target_client_id) then 'workspace_gone'
  end;
end
$$;
-- <<< sql/drain/reason_to_recount.sql

-- >>> sql/counts/classify_leads.sql
create or replace function inboxdb.classify_leads(target_client_id inboxdb.client_id, buckets integer[])
returns table (lead_key bytea, user_key bytea, counts integer, snoozed_until timestamptz, ids_hash bigint)
-- STABLE matters: the scan runs in the caller's snapshot (D15).
language plpgsql stable rows 10000
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set enable_seqscan = on
set enable_hashjoin = on
set enable_mergejoin = on
set work_mem = '4MB'
set jit = off
set max_parallel_workers_per_gather = 0
as $$
-- Purpose: the leads of a workspace, in the form of counted_lead.
-- Parameters: target_client_id; buckets, whose leads are wanted, null for all.
-- Returns: lead_now's.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: lead_now, workspace, in one scan.
-- INVOKER: called by compared_leads and fill_leads only.
begin
  perform inboxdb.fit_plan(target_client_id);
  if buckets is null then
    return query
    select inboxdb.id_key(l.lead_id), l.user_key, l.counts, l.snoozed_until, l.ids_hash
    from inboxdb.lead_now as l
    where l.client_id = target_client_id;
  else
    return query
    select inboxdb.id_key(l.lead_id), l.user_key, l.counts, l.snoozed_until, l.ids_hash
    from inboxdb.lead_now as l
    where l.client_id = target_client_id and inboxdb.lead_bucket(l.ids_hash) = any (buckets);
  end if;
end
$$;
-- <<< sql/counts/classify_leads.sql

-- >>> sql/drain/changed_leads.sql
create or replace function inboxdb.changed_leads(
  client_ids inboxdb.client_id[], lead_ids inboxdb.lead_id[], as_of timestamptz
)
returns table (client_id inboxdb.client_id, workspace integer, lead inboxdb.compared_lead)
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable rows 100
set search_path = ''
set row_security = off
as $$
-- Purpose: compare leads with their rows in counted_lead, by key.
-- Parameters: client_ids and lead_ids of changes, each pair once; as_of, the instant at which snoozes are judged.
-- Returns: the leads that the workspaces have, or counted_lead, explained by their change; workspace is the number in
--   counted_lead.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: counted_lead, lead_now, workspace.
-- INVOKER: called by remember_changed and differing_leads only, which forbid all but nested loops.
begin
  perform inboxdb.checkpoint('snapshot taken');
  return query
  select
    c.client_id, w.number,
    (
      k.tid, c.lead_key, k.user_key, k.counts, k.snoozed_until, k.ids_hash,
      n.is_here, n.user_key, n.counts, n.snoozed_until, n.ids_hash, 'change'
    )::inboxdb.compared_lead
  from (
    select c.client_id, c.lead_id, inboxdb.id_key(c.lead_id) as lead_key
    from rows from (pg_catalog.unnest(client_ids), pg_catalog.unnest(lead_ids)) as c (client_id, lead_id)
  ) as c
  cross join lateral (
    select w.number from inboxdb.workspace as w where w.client_id = c.client_id offset 0
  ) as w
  left join lateral (
    select k.ctid as tid, k.user_key, k.counts::integer as counts, k.snoozed_until, k.ids_hash
    from inboxdb.counted_lead as k
    where k.workspace = w.number and k.lead_key = c.lead_key
    offset 0
  ) as k on true
  left join lateral (
    select
      true as is_here, f.user_key, f.counts, f.ids_hash,
      case when f.snoozed_until > as_of then f.snoozed_until end as snoozed_until
    from inboxdb.lead_now as f
    where f.lead_id = c.lead_id and f.client_id = c.client_id
    offset 0
  ) as n on true
  where k.tid is not null or n.is_here;
  perform inboxdb.checkpoint('counted');
end
$$;
-- <<< sql/drain/changed_leads.sql

-- >>> sql/drain/differing_buckets.sql
create or replace function inboxdb.differing_buckets(target_client_id inboxdb.client_id, as_of timestamptz)
returns integer[]
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set enable_seqscan = on
set enable_hashjoin = on
set enable_mergejoin = on
set work_mem = '4MB'
set jit = off
set max_parallel_workers_per_gather = 0
as $$
-- Purpose: find by hashes where a workspace's leads differ from counted_lead: sums of lead_hash per bucket. Sums,
--   because two equal differences would cancel each other in an exclusive or.
-- Parameters: target_client_id; as_of, the instant at which snoozes are judged.
-- Returns: the buckets that differ.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: lead_now and counted_lead, in one scan each; workspace.
-- INVOKER: called by compared_leads only.
declare
  this_workspace integer;
begin
  select w.number into this_workspace from inboxdb.workspace as w where w.client_id = target_client_id;
  perform inboxdb.fit_plan(target_client_id);
  return array(
    select bucket
    from (
      select l.bucket, pg_catalog.sum(l.hash) as total
      from (
        select
          inboxdb.lead_bucket(n.ids_hash) as bucket,
          inboxdb.lead_hash(
            n.ids_hash, n.counts, case when n.snoozed_until > as_of then n.snoozed_until end
          ) as hash
        from (
          select f.ids_hash, f.counts, f.snoozed_until
          from inboxdb.lead_now as f
          where f.client_id = target_client_id
          -- each column computed once per lead
          offset 0
        ) as n
      ) as l
      group by l.bucket
    ) as host
    full join (
      select l.bucket, pg_catalog.sum(l.hash) as total
      from (
        select
          inboxdb.lead_bucket(k.ids_hash) as bucket,
          inboxdb.lead_hash(k.ids_hash, k.counts, k.snoozed_until) as hash
        from inboxdb.counted_lead as k
        where k.workspace = this_workspace
        -- an estimate of few buckets, and not of as many as leads, which would be sorted
        offset 0
      ) as l
      group by l.bucket
    ) as kept using (bucket)
    where host.total is distinct from kept.total
  );
end
$$;
-- <<< sql/drain/differing_buckets.sql

-- >>> sql/drain/compared_leads.sql
create or replace function inboxdb.compared_leads(
  target_client_id inboxdb.client_id, as_of timestamptz, one_by_one boolean
)
returns setof inboxdb.compared_lead
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable rows 100
set search_path = ''
set row_security = off
set enable_hashjoin = on
set enable_mergejoin = on
set work_mem = '64MB'
as $$
-- Purpose: the leads of a workspace that differ from counted_lead.
-- Parameters: target_client_id; as_of, the instant at which snoozes are judged; one_by_one, to compare all leads, and
--   not only those in buckets whose hashes differ.
-- Returns: the leads, and the explanation of each difference: change (noted, perhaps not yet assigned to a workspace),
--   whole (a change of the whole workspace), snooze (the lead's snooze ended), message (the AI's message is stored, and
--   the lead not yet written), gone (the host deleted the workspace); null without an explanation.
-- Errors: those of classify_leads.
-- Reads: counted_lead, differing_buckets, classify_leads, "Client", workspace, the change log, the work list.
-- INVOKER: called by differing_leads only.
declare
  buckets integer[];
begin
  perform inboxdb.checkpoint('snapshot taken');
  if not one_by_one and exists (select from public."Client" as c where c.id = target_client_id) then
    buckets := inboxdb.differing_buckets(target_client_id, as_of);
    if pg_catalog.cardinality(buckets) = 0 then
      perform inboxdb.checkpoint('counted');
      return;
    elsif pg_catalog.cardinality(buckets) > (
      select least(w.leads, 65536) / 8 from inboxdb.workspace as w where w.client_id = target_client_id
    ) then
      buckets := null;
    end if;
  end if;
  return query
  with
  noted as materialized (
    select c.lead_id from inboxdb.changes_of(array[target_client_id], null) as c
  ),
  host as materialized (
    select exists (select from public."Client" as c where c.id = target_client_id) as has_it
  ),
  compared as (
    select
      k.tid, coalesce(k.lead_key, l.lead_key) as lead_key,
      k.user_key as old_user, k.counts::integer as old_counts, k.snoozed_until as old_snooze, k.ids_hash as old_hash,
      l.is_here, l.user_key as new_user, l.counts as new_counts, l.snoozed_until as new_snooze, l.ids_hash as new_hash
    from (
      select k.ctid as tid, k.lead_key, k.user_key, k.counts, k.snoozed_until, k.ids_hash
      from inboxdb.workspace as w
      inner join inboxdb.counted_lead as k on w.number = k.workspace
      where w.client_id = target_client_id
        and (buckets is null or inboxdb.lead_bucket(k.ids_hash) = any (buckets))
    ) as k
    full join (
      select
        true as is_here, c.lead_key, c.user_key, c.counts, c.ids_hash,
        case when c.snoozed_until > as_of then c.snoozed_until end as snoozed_until
      from inboxdb.classify_leads(target_client_id, buckets) as c
      where (select h.has_it from host as h)
    ) as l on k.lead_key = l.lead_key
    where k.tid is null or l.is_here is null
      or (k.ids_hash, k.user_key, k.counts, k.snoozed_until)
      is distinct from (l.ids_hash, l.user_key, l.counts, l.snoozed_until)
  )
  select
    c.*,
    case
      when not (select h.has_it from host as h) then 'gone'
      when exists (select from noted as n where n.lead_id is null) then 'whole'
      when exists (
        select from inboxdb.work_list as d where d.client_id = target_client_id and d.collapsed
      ) then 'whole'
      when c.lead_key in (select inboxdb.id_key(n.lead_id) from noted as n) then 'change'
      when c.is_here
        and (c.new_hash, c.new_user, c.new_counts) is not distinct from (c.old_hash, c.old_user, c.old_counts)
        and c.old_snooze <= as_of then 'snooze'
      when c.is_here
        and (c.new_hash, c.new_user, c.new_snooze) is not distinct from (c.old_hash, c.old_user, c.old_snooze)
        and c.new_counts = c.old_counts | (1 << (select k.bit from inboxdb.count as k where k.name = 'ai_sent'))
        then 'message'
      -- last, because the whole log is read: changes of drafts and of TRUNCATE name no workspace before a collector
      -- assigns them (D30)
      when exists (
        select from inboxdb.change as o where o.client_id is null and o.lead_id is null
      ) then 'whole'
      when c.lead_key in (
        select inboxdb.id_key(o.lead_id) from inboxdb.change as o where o.client_id is null and o.lead_id is not null
      ) then 'change'
    end
  from compared as c;
  perform inboxdb.checkpoint('counted');
end
$$;
-- <<< sql/drain/compared_leads.sql

-- >>> sql/drain/difference_of_hashes.sql
create or replace function inboxdb.difference_of_hashes(target_client_id inboxdb.client_id, as_of timestamptz)
returns numeric
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set enable_seqscan = on
set enable_hashjoin = on
set enable_mergejoin = on
set work_mem = '4MB'
set jit = off
set max_parallel_workers_per_gather = 0
as $$
-- Purpose: say by hashes whether a workspace's leads differ from counted_lead: the sum of lead_hash of the one, less
--   that of the other. Sums, because two equal differences would cancel each other in an exclusive or.
-- Parameters: target_client_id; as_of, the instant at which snoozes are judged.
-- Returns: the difference, 0 where nothing differs.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: lead_now and counted_lead, in one scan each; workspace.
-- INVOKER: called by differing_leads only.
declare
  this_workspace integer;
begin
  select w.number into this_workspace from inboxdb.workspace as w where w.client_id = target_client_id;
  perform inboxdb.fit_plan(target_client_id);
  return (
    select
      coalesce(
        pg_catalog.sum(
          inboxdb.lead_hash(l.ids_hash, l.counts, case when l.snoozed_until > as_of then l.snoozed_until end)
        ),
        0
      )
    from (
      select n.ids_hash, n.counts, n.snoozed_until
      from inboxdb.lead_now as n
      where n.client_id = target_client_id
      -- each column computed once per lead
      offset 0
    ) as l
  ) - (
    select coalesce(pg_catalog.sum(inboxdb.lead_hash(k.ids_hash, k.counts, k.snoozed_until)), 0)
    from inboxdb.counted_lead as k
    where k.workspace = this_workspace
  );
end
$$;
-- <<< sql/drain/difference_of_hashes.sql

-- >>> sql/drain/differing_leads.sql
create or replace function inboxdb.differing_leads(
  target_client_id inboxdb.client_id, as_of timestamptz, one_by_one boolean
)
returns setof inboxdb.compared_lead
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable rows 100
set search_path = ''
set row_security = off
-- changed_leads looks leads up by key, and keeps its plan in the session
set enable_hashjoin = off
set enable_mergejoin = off
as $$
-- Purpose: the leads of a workspace that differ from counted_lead: by hashes where the leads noted in the log explain
--   every difference, else as compared_leads.
-- Parameters: target_client_id; as_of, the instant at which snoozes are judged; one_by_one, to trust no hash.
-- Returns: as compared_leads.
-- Errors: those of compared_leads.
-- Reads: the change log, changed_leads, difference_of_hashes; compared_leads.
-- INVOKER: called by remember_leads and audit_workspace only, which forbid sequential scans.
declare
  -- more are not looked up by key
  most integer := 10000;
  noted inboxdb.lead_id[];
  known inboxdb.compared_lead[] := '{}';
begin
  if not one_by_one and exists (select from public."Client" as c where c.id = target_client_id) then
    noted := array(
      select distinct n.lead_id
      from inboxdb.changes_of(array[target_client_id], null) as n
      where n.lead_id is not null
      limit most + 1
    );
    if pg_catalog.cardinality(noted) between 1 and most then
      known := array(
        select c.lead
        from inboxdb.changed_leads(
            pg_catalog.array_fill(target_client_id, array[pg_catalog.cardinality(noted)]), noted, as_of
          ) as c
      );
    end if;
    if pg_catalog.cardinality(noted) <= most and inboxdb.difference_of_hashes(target_client_id, as_of) = (
      select
        coalesce(
          pg_catalog.sum(
            case when k.is_here then inboxdb.lead_hash(k.new_hash, k.new_counts, k.new_snooze) else 0 end::numeric
            - case when k.tid is not null then inboxdb.lead_hash(k.old_hash, k.old_counts, k.old_snooze) else 0 end
          ),
          0
        )
      from pg_catalog.unnest(known) as k
    ) then
      return query
      select k.*
      from pg_catalog.unnest(known) as k
      where k.tid is null or k.is_here is null
        or (k.old_hash, k.old_user, k.old_counts, k.old_snooze)
        is distinct from (k.new_hash, k.new_user, k.new_counts, k.new_snooze);
      return;
    end if;
  end if;
  return query select c.* from inboxdb.compared_leads(target_client_id, as_of, one_by_one) as c;
end
$$;
-- <<< sql/drain/differing_leads.sql

-- >>> sql/drain/remember_leads.sql
create or replace function inboxdb.remember_leads(
  target_client_id inboxdb.client_id, as_of timestamptz, one_by_one boolean,
  out noted_since timestamptz, out touched_scopes inboxdb.user_id[], out moved inboxdb.lead_kind[], out drifted integer,
  out still_exists boolean
)
language plpgsql volatile
set search_path = ''
set row_security = off
-- lookups by key: a plan made while the log is small is kept for the session, and has to do for a bloated log
set enable_hashjoin = off
set enable_mergejoin = off
set work_mem = '64MB'
as $$
-- Purpose: take a workspace's changes, evaluate all its leads, and bring counted_lead up to date: rows that differ are
--   written, others not.
-- Parameters: target_client_id, with a row in workspace; as_of, the instant at which snoozes are judged; one_by_one, as
--   of differing_leads. The caller took the lock in an EARLIER statement and is READ COMMITTED (D14).
-- Returns: when the oldest change was noted, null for none; the users with changed leads, null for anybody; the kinds
--   of leads that came, and that went; how many leads differ from counted_lead without an explanation; whether the
--   host still has the workspace.
-- Errors: those of differing_leads.
-- Reads: differing_leads, "Client". Writes: counted_lead, the change log.
-- INVOKER: called by recount_workspace only, which forbids sequential scans.
declare
  slices integer[];
  tids pg_catalog.tid[];
  lead_ids inboxdb.lead_id[];
begin
  -- ONE statement, so one snapshot: a change not seen stays in the log, a change seen is evaluated.
  with
  changed as materialized (
    select c.slice, c.tid, c.lead_id, c.left_user_id, c.noted_at
    from inboxdb.changes_of(array[target_client_id], null) as c
  ),
  compared as materialized (
    select c.* from inboxdb.differing_leads(target_client_id, as_of, one_by_one) as c
  ),
  gone as (
    delete from inboxdb.counted_lead as k using compared as c where k.ctid = c.tid and c.is_here is null
  ),
  rewritten as (
    update inboxdb.counted_lead as k
    set ids_hash = c.new_hash, counts = c.new_counts, user_key = c.new_user, snoozed_until = c.new_snooze
    from compared as c
    where k.ctid = c.tid and c.is_here
      and (c.old_hash, c.old_user, c.old_counts, c.old_snooze)
      is distinct from (c.new_hash, c.new_user, c.new_counts, c.new_snooze)
  ),
  added as (
    insert into inboxdb.counted_lead (ids_hash, workspace, counts, lead_key, user_key, snoozed_until)
    select c.new_hash, w.number, c.new_counts, c.lead_key, c.new_user, c.new_snooze
    from inboxdb.workspace as w
    cross join compared as c
    where w.client_id = target_client_id and c.tid is null
    order by c.lead_key
  ),
  kind as (
    select m.user_key, m.counts, pg_catalog.sum(m.leads) as leads
    from compared as c
    cross join lateral (
      values
      (c.tid is not null, c.old_user, inboxdb.kind_now(c.old_counts, c.old_snooze is not null), -1),
      (c.is_here, c.new_user, inboxdb.kind_now(c.new_counts, c.new_snooze is not null), 1)
    ) as m (is_one, user_key, counts, leads)
    where m.is_one
    group by m.user_key, m.counts
  )
  select
    pg_catalog.min(c.noted_at), pg_catalog.array_agg(c.slice), pg_catalog.array_agg(c.tid),
    pg_catalog.array_agg(c.lead_id),
    array(select distinct n.left_user_id from changed as n where n.left_user_id <> inboxdb.sentinel()),
    array(select (k.user_key, k.counts, k.leads)::inboxdb.lead_kind from kind as k where k.leads <> 0),
    (select pg_catalog.count(*) from compared as d where d.explained_by is null),
    exists (select from public."Client" as h where h.id = target_client_id)
  into noted_since, slices, tids, lead_ids, touched_scopes, moved, drifted, still_exists
  from changed as c;
  perform inboxdb.take_changes(slices, tids);

  touched_scopes := case
    -- of too many leads, not each is looked up: then all users count as changed
    when coalesce(pg_catalog.cardinality(lead_ids), 0) <= 1000 and pg_catalog.array_position(lead_ids, null) is null
      then touched_scopes || array(
        select inboxdb.key_id(k.user_key)::inboxdb.user_id
        from inboxdb.workspace as w
        cross join pg_catalog.unnest(lead_ids) as c (lead_id)
        inner join inboxdb.counted_lead as k on w.number = k.workspace and inboxdb.id_key(c.lead_id) = k.lead_key
        where w.client_id = target_client_id and k.user_key is not null
      )
  end;
end
$$;
-- <<< sql/drain/remember_leads.sql

-- >>> sql/drain/fill_leads.sql
create or replace function inboxdb.fill_leads(
  target_client_id inboxdb.client_id, as_of timestamptz, out noted_since timestamptz, out still_exists boolean
)
language plpgsql volatile
set search_path = ''
set row_security = off
set work_mem = '64MB'
as $$
-- Purpose: take a workspace's changes, and fill counted_lead with all its leads, of which there is none yet: nothing
--   is compared.
-- Parameters: target_client_id, with a row in workspace; as_of, the instant at which snoozes are judged. The caller
--   took the lock in an EARLIER statement and is READ COMMITTED (D14).
-- Returns: when the oldest change was noted, null for none; whether the host still has the workspace.
-- Errors: those of classify_leads.
-- Reads: classify_leads, "Client", workspace. Writes: counted_lead, the change log.
-- INVOKER: called by recount_workspace only, which forbids sequential scans.
declare
  slices integer[];
  tids pg_catalog.tid[];
begin
  -- ONE statement, so one snapshot: a change not seen stays in the log, a change seen is evaluated.
  with
  changed as materialized (
    select c.slice, c.tid, c.noted_at from inboxdb.changes_of(array[target_client_id], null) as c
  ),
  added as (
    insert into inboxdb.counted_lead (ids_hash, workspace, counts, lead_key, user_key, snoozed_until)
    select
      c.ids_hash, w.number, c.counts, c.lead_key, c.user_key,
      case when c.snoozed_until > as_of then c.snoozed_until end
    from inboxdb.workspace as w
    cross join inboxdb.classify_leads(target_client_id, null) as c
    where w.client_id = target_client_id
      and exists (select from public."Client" as h where h.id = target_client_id)
    -- in the order of the key, because the index then grows at a single place
    order by c.lead_key
  )
  select
    pg_catalog.min(c.noted_at), pg_catalog.array_agg(c.slice), pg_catalog.array_agg(c.tid),
    exists (select from public."Client" as h where h.id = target_client_id)
  into noted_since, slices, tids, still_exists
  from changed as c;
  perform inboxdb.take_changes(slices, tids);
end
$$;
-- <<< sql/drain/fill_leads.sql

-- >>> sql/counts/scope_counts.sql
create or replace function inboxdb.scope_counts(kinds inboxdb.lead_kind[]) returns setof inboxdb.counts_row
language sql stable rows 100
as $$
  -- Purpose: add leads up, for the whole workspace and for each user; nothing else adds up for a refresh.
  -- Parameters: kinds, of leads, each kind of each user once or more often.
  -- Returns: the global row, zeros included, and a row per user; leads and counts are sums, or differences where kinds
  --   are taken off.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select
    null::pg_catalog.tid,
    grouping(k.user_key) = 1,
    (case when grouping(k.user_key) = 1 then inboxdb.sentinel() else inboxdb.key_id(k.user_key)::inboxdb.user_id end)
    ::inboxdb.user_id,
    pg_catalog.sum(k.leads)::integer,
    array[
      -- each count, with commas: pg_catalog.sum(k.leads * (k.counts >> {bit} & 1))::integer
      pg_catalog.sum(k.leads * (k.counts >> 0 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 1 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 2 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 3 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 4 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 5 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 6 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 7 & 1))::integer,
      pg_catalog.sum(k.leads * (k.counts >> 8 & 1))::integer
      -- end
    ]
  from pg_catalog.unnest(kinds || (null, 0, 0)::inboxdb.lead_kind) as k
  group by grouping sets ((), (k.user_key))
  having grouping(k.user_key) = 1 or k.user_key is not null
$$;
-- <<< sql/counts/scope_counts.sql

-- >>> sql/counts/stored_counts.sql
create or replace function inboxdb.stored_counts(target_client_id inboxdb.client_id)
returns setof inboxdb.counts_row
language sql stable rows 100
set search_path = ''
as $$
  -- Purpose: a workspace's rows of inbox_counts, found from the end of the index, row by row: a held snapshot keeps a
  --   dead row for each refresh, before the live row in the index, and a lookup by key would visit them all (D36).
  -- Parameters: target_client_id.
  -- Returns: the rows, and the ctid of each.
  -- Reads: inbox_counts.
  -- INVOKER: called by recount_workspace and drifted_scopes only, which forbid sequential scans.
  with recursive
  newest as (
    (
      select s as kept
      from inboxdb.counts_vector as s
      where s.client_id >= target_client_id and s.client_id <= target_client_id
      order by s.client_id desc, s.is_global desc, s.scope_user_id desc
      limit 1
    )
    union all
    select before.kept
    from newest as n
    cross join lateral (
      select s as kept
      from inboxdb.counts_vector as s
      where s.client_id >= target_client_id
        and (s.client_id, s.is_global, s.scope_user_id)
        < ((n.kept).client_id, (n.kept).is_global, (n.kept).scope_user_id)
      order by s.client_id desc, s.is_global desc, s.scope_user_id desc
      limit 1
    ) as before
  )
  select (n.kept).tid, (n.kept).is_global, (n.kept).scope_user_id, (n.kept).leads, (n.kept).counts
  from newest as n
$$;
-- <<< sql/counts/stored_counts.sql

-- >>> sql/counts/remembered_kinds.sql
create or replace function inboxdb.remembered_kinds(target_client_id inboxdb.client_id) returns inboxdb.lead_kind[]
language sql stable
set search_path = ''
set work_mem = '64MB'
set jit = off
as $$
  -- Purpose: count a workspace's rows of counted_lead by kind.
  -- Parameters: target_client_id.
  -- Returns: each kind of each user once; for scope_counts, which adds them up.
  -- Reads: counted_lead, workspace.
  -- INVOKER: called by drifted_scopes and recount_workspace only.
  select array(
    select (k.user_key, k.kind, k.leads)::inboxdb.lead_kind
    from (
      select
        k.user_key,
        inboxdb.kind_now(k.counts, k.snoozed_until is not null) as kind,
        pg_catalog.count(*) as leads
      from inboxdb.workspace as w
      inner join inboxdb.counted_lead as k on w.number = k.workspace
      where w.client_id = target_client_id
      group by 1, 2
    ) as k
  )
$$;
-- <<< sql/counts/remembered_kinds.sql

-- >>> sql/counts/drifted_scopes.sql
create or replace function inboxdb.drifted_scopes(target_client_id inboxdb.client_id) returns integer
language sql stable
set search_path = ''
as $$
  -- Purpose: how many of a workspace's rows of counts are not the sum of counted_lead. No waiting change explains such
  --   a difference, because every refresh leaves the two equal.
  -- Parameters: target_client_id.
  -- Returns: how many rows differ, are missing or superfluous.
  -- Reads: stored_counts, remembered_kinds.
  -- INVOKER: called by audit_workspace only, which forbids sequential scans.
  select pg_catalog.count(*)
  from inboxdb.stored_counts(target_client_id) as s
  full join inboxdb.scope_counts(inboxdb.remembered_kinds(target_client_id)) as r using (is_global, scope_user_id)
  where (s.leads, s.counts) is distinct from (r.leads, r.counts)
$$;
-- <<< sql/counts/drifted_scopes.sql

-- >>> sql/counts/changed_counts.sql
create or replace function inboxdb.changed_counts(target_client_id inboxdb.client_id, kinds inboxdb.lead_kind[])
returns setof inboxdb.counts_row
language sql stable rows 100
as $$
  -- Purpose: the rows of inbox_counts that change with leads, as they will be.
  -- Parameters: target_client_id; kinds, of leads that came, and that went.
  -- Returns: the global row, and the rows of users with changed leads or counts, each with the ctid of the live row,
  --   found from the end of the index, because a held snapshot keeps dead rows before (D36).
  -- Inlined, hence no search_path of its own.
  -- Reads: inbox_counts.
  -- INVOKER: called by apply_changes only, which forbids sequential scans.
  select
    p.tid, d.is_global, d.scope_user_id,
    coalesce(p.leads, 0) + d.leads,
    array(
      select coalesce(v.stored, 0) + coalesce(v.difference, 0)
      from rows from (pg_catalog.unnest(p.counts), pg_catalog.unnest(d.counts)) with ordinality
        as v (stored, difference, place)
      order by v.place
    )
  from inboxdb.scope_counts(kinds) as d
  left join lateral (
    select s.tid, s.is_global, s.scope_user_id, s.leads, s.counts
    from inboxdb.counts_vector as s
    -- a range, because equal conditions on all columns would make the order void, and the scan begin with dead rows
    where s.client_id >= target_client_id
      and (s.client_id, s.is_global, s.scope_user_id) <= (target_client_id, d.is_global, d.scope_user_id)
    order by s.client_id desc, s.is_global desc, s.scope_user_id desc
    limit 1
  ) as p on d.is_global = p.is_global and d.scope_user_id = p.scope_user_id
  where d.is_global or d.leads <> 0 or 0 <> any (d.counts)
$$;
-- <<< sql/counts/changed_counts.sql

-- >>> sql/counts/is_possible.sql
create or replace function inboxdb.is_possible(tid tid, is_global boolean, leads integer, counts integer[])
returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: whether a row of inbox_counts can be as its changes make it. If not, a change was missed before.
  -- Parameters: of the row, as in counts_row.
  -- Returns: false where a number would fall below zero, a count exceed the leads, or the global row is not there yet.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select leads >= all (0 || counts) and 0 <= all (counts) and (tid is not null or not is_global)
$$;
-- <<< sql/counts/is_possible.sql

-- >>> sql/counts/store_counts.sql
create or replace function inboxdb.store_counts(
  target_client_ids inboxdb.client_id[], as_of timestamptz, due inboxdb.counts_row[], versions bigint[]
) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: write rows of inbox_counts; nothing else does, except for bump_versions, the version.
-- Parameters: due, the rows as they are to be, each with the ctid of the present row; leads are null to delete the row;
--   target_client_ids, the workspace of each; as_of, the instant of the counts; versions, the inbox cache version of
--   each workspace, for its global row, null to keep the present one.
-- Errors: 40001 where another session wrote counts of these workspaces meanwhile, past the locks.
-- Writes: inbox_counts, by ctid (D36). One statement, because each has to be set up, and takes its locks (D96).
-- INVOKER: called by apply_changes and recount_workspace only, which forbid sequential scans.
declare
  written integer;
begin
  merge into inboxdb.inbox_counts as s
  using
    rows from (pg_catalog.unnest(target_client_ids), pg_catalog.unnest(due), pg_catalog.unnest(versions))
      as d (client_id, tid, is_global, scope_user_id, leads, counts, version)
    -- the place alone: written so that the primary key, with all dead rows, cannot answer (D8)
    on s.ctid = d.tid and (s.client_id = d.client_id) is true
  when matched and d.leads is null then
    delete
  when matched then
    update set
      leads = d.leads,
      -- each count: {name} = d.counts[{place}],
      all_responses = d.counts[1],
      requires_attention = d.counts[2],
      previously_required_attention = d.counts[3],
      total_non_blacklisted = d.counts[4],
      awaiting_reply = d.counts[5],
      needs_repair = d.counts[6],
      ai_sent = d.counts[7],
      ai_review = d.counts[8],
      total = d.counts[9],
      -- end
      computed_at = as_of,
      version = case when s.is_global then coalesce(d.version, s.version) end,
      updated_at = case
        when
          -- each count: s.{name} = d.counts[{place}] and
          s.all_responses = d.counts[1] and
          s.requires_attention = d.counts[2] and
          s.previously_required_attention = d.counts[3] and
          s.total_non_blacklisted = d.counts[4] and
          s.awaiting_reply = d.counts[5] and
          s.needs_repair = d.counts[6] and
          s.ai_sent = d.counts[7] and
          s.ai_review = d.counts[8] and
          s.total = d.counts[9] and
          -- end
          true
          then s.updated_at
        else as_of
      end
  when not matched and d.tid is null then
    insert (
      client_id, is_global, scope_user_id, leads,
      -- each count: {name},
      all_responses,
      requires_attention,
      previously_required_attention,
      total_non_blacklisted,
      awaiting_reply,
      needs_repair,
      ai_sent,
      ai_review,
      total,
      -- end
      computed_at, updated_at, version
    )
    values (
      d.client_id, d.is_global, d.scope_user_id, d.leads,
      -- each count: d.counts[{place}],
      d.counts[1],
      d.counts[2],
      d.counts[3],
      d.counts[4],
      d.counts[5],
      d.counts[6],
      d.counts[7],
      d.counts[8],
      d.counts[9],
      -- end
      as_of, as_of, case when d.is_global then d.version end
    );
  get diagnostics written = row_count;

  if written <> pg_catalog.cardinality(due) then
    raise exception using
      errcode = '40001',
      message = pg_catalog.format(
        'the stored counts of workspace %s were changed by somebody else',
        (
          select pg_catalog.string_agg(distinct pg_catalog.quote_literal(w.client_id::pg_catalog.text), ', ')
          from pg_catalog.unnest(target_client_ids) as w (client_id)
        )
      ),
      detail = 'Only a refresh writes inboxdb.inbox_counts, and this one holds the workspace. Nothing was changed.',
      hint = 'The drain tries again.';
  end if;
end
$$;
-- <<< sql/counts/store_counts.sql

-- >>> sql/counts/note_refresh.sql
create or replace function inboxdb.note_refresh(
  target_client_ids inboxdb.client_id[], as_of timestamptz, leads_now integer[], is_recount boolean, one_by_one boolean
) returns void
language plpgsql volatile
set search_path = ''
-- lookups by key: the planner knows the sizes of the arrays as little as that of the table
set enable_hashjoin = off
set enable_mergejoin = off
as $$
-- Purpose: store in workspace the results of refreshes: the number of leads, the end of the next snooze, and after a
--   recount the definitions, when, and how leads were compared. Called in a statement after remember_leads or
--   remember_changed, whose own snapshots do not see the rows written.
-- Parameters: target_client_ids; as_of; leads_now, of each; is_recount; one_by_one, whether all leads were
--   compared one by one.
-- Reads: counted_lead, by an index, from as_of on, because a held snapshot keeps dead rows of ended snoozes.
-- Writes: workspace, only where a value changes, because a held snapshot keeps each dead row.
-- INVOKER: called by apply_changes and recount_workspace only.
begin
  update inboxdb.workspace as w
  set
    leads = f.leads,
    next_snooze_at = f.next_snooze,
    definitions = inboxdb.definitions(),
    audited_at = case when is_recount then as_of else w.audited_at end,
    compared_at = case when one_by_one then as_of else w.compared_at end
  from (
    select k.client_id, r.leads, n.snoozed_until as next_snooze
    from rows from (pg_catalog.unnest(target_client_ids), pg_catalog.unnest(leads_now)) as r (client_id, leads)
    inner join inboxdb.workspace as k on r.client_id = k.client_id
    left join lateral (
      select c.snoozed_until
      from inboxdb.counted_lead as c
      where c.workspace = k.number and c.snoozed_until > as_of and c.snoozed_until < 'infinity'
      order by c.workspace, c.snoozed_until
      limit 1
    ) as n on true
    where k.next_snooze_at is distinct from n.snoozed_until
      or pg_catalog.abs(k.leads - r.leads) > k.leads / 10
      or k.definitions is distinct from inboxdb.definitions()
      or is_recount and (k.audited_at between as_of - interval '1 minute' and as_of) is not true
      or one_by_one and (k.compared_at between as_of - interval '1 minute' and as_of) is not true
  ) as f
  where w.client_id = f.client_id;
end
$$;
-- <<< sql/counts/note_refresh.sql

-- >>> sql/drain/end_snoozes.sql
create or replace function inboxdb.end_snoozes(
  target_client_id inboxdb.client_id, first_snooze timestamptz, as_of timestamptz
) returns inboxdb.lead_kind[]
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: let leads count whose snooze ended. No host table is read, because the end of a snooze changes whether a
--   lead counts, not its counts.
-- Parameters: target_client_id; first_snooze and as_of, between which the snoozes end: below there are dead rows only.
--   Called after remember_changed, so that leads changed as well are up to date already (D31).
-- Returns: the kinds of leads that came, and that went.
-- Writes: counted_lead, by its index on snoozed_until.
-- INVOKER: called by apply_changes only, which forbids sequential scans.
declare
  moved inboxdb.lead_kind[];
begin
  with
  ended as (
    update inboxdb.counted_lead as k
    set snoozed_until = null
    from inboxdb.workspace as w
    where w.client_id = target_client_id and k.workspace = w.number
      and k.snoozed_until >= first_snooze and k.snoozed_until <= as_of
    returning k.user_key, k.counts
  )
  select
    pg_catalog.array_agg(
      (e.user_key, inboxdb.kind_now(e.counts, m.was_snoozed), m.sign * e.leads)::inboxdb.lead_kind
    )
  into moved
  from (
    select e.user_key, e.counts, pg_catalog.count(*) as leads from ended as e group by e.user_key, e.counts
  ) as e
  cross join (values (true, -1), (false, 1)) as m (was_snoozed, sign);
  return moved;
end
$$;
-- <<< sql/drain/end_snoozes.sql

-- >>> sql/drain/remember_changed.sql
create or replace function inboxdb.remember_changed(target_client_ids inboxdb.client_id[], as_of timestamptz)
returns inboxdb.changed_workspace[]
language plpgsql volatile
set search_path = ''
set row_security = off
set work_mem = '64MB'
as $$
-- Purpose: take the changes of single leads of workspaces, evaluate these leads, and bring counted_lead up to date:
--   rows that differ are written, others not. A change of a whole workspace stays in the log, for a recount.
-- Parameters: target_client_ids, with all their leads in counted_lead; as_of, the instant at which snoozes are judged.
--   The caller took the locks in an EARLIER statement and is READ COMMITTED (D14).
-- Returns: what was taken, of each workspace, without a version.
-- Errors: those of changed_leads.
-- Reads: changed_leads. Writes: counted_lead, the change log.
-- INVOKER: called by apply_changes only, which forbids all but nested loops.
declare
  slices integer[];
  tids pg_catalog.tid[];
  taken inboxdb.changed_workspace[];
begin
  -- ONE statement, so one snapshot: a change not seen stays in the log, a change seen is evaluated.
  with
  changed as materialized (
    select c.* from inboxdb.changes_of(target_client_ids, null) as c where c.lead_id is not null
  ),
  compared as materialized (
    select c.client_id, c.workspace, (c.lead).*
    from (
      select pg_catalog.array_agg(d.client_id) as client_ids, pg_catalog.array_agg(d.lead_id) as lead_ids
      from (select distinct n.client_id, n.lead_id from changed as n) as d
    ) as d
    cross join lateral inboxdb.changed_leads(d.client_ids, d.lead_ids, as_of) as c
  ),
  gone as (
    delete from inboxdb.counted_lead as k using compared as c where k.ctid = c.tid and c.is_here is null
  ),
  rewritten as (
    update inboxdb.counted_lead as k
    set ids_hash = c.new_hash, counts = c.new_counts, user_key = c.new_user, snoozed_until = c.new_snooze
    from compared as c
    where k.ctid = c.tid and c.is_here
      and (c.old_hash, c.old_user, c.old_counts, c.old_snooze)
      is distinct from (c.new_hash, c.new_user, c.new_counts, c.new_snooze)
  ),
  added as (
    insert into inboxdb.counted_lead (ids_hash, workspace, counts, lead_key, user_key, snoozed_until)
    select c.new_hash, c.workspace, c.new_counts, c.lead_key, c.new_user, c.new_snooze
    from compared as c
    where c.tid is null
    order by c.workspace, c.lead_key
  ),
  kind as (
    select c.client_id, (m.user_key, m.counts, pg_catalog.sum(m.leads))::inboxdb.lead_kind as kind
    from compared as c
    cross join lateral (
      values
      (c.tid is not null, c.old_user, inboxdb.kind_now(c.old_counts, c.old_snooze is not null), -1),
      (c.is_here, c.new_user, inboxdb.kind_now(c.new_counts, c.new_snooze is not null), 1)
    ) as m (is_one, user_key, counts, leads)
    where m.is_one
    group by c.client_id, m.user_key, m.counts
    having pg_catalog.sum(m.leads) <> 0
  ),
  told as (
    select
      w.client_id, null::pg_catalog.timestamptz as noted_at, null::inboxdb.user_id as user_id,
      null::inboxdb.lead_kind as kind
    from pg_catalog.unnest(target_client_ids) as w (client_id)
    union all
    select n.client_id, n.noted_at, n.left_user_id, null from changed as n
    union all
    select c.client_id, null, inboxdb.key_id(c.new_user)::inboxdb.user_id, null
    from compared as c
    where c.new_user is not null
    union all
    select k.client_id, null, null, k.kind from kind as k
  )
  select
    pg_catalog.array_agg(n.slice), pg_catalog.array_agg(n.tid),
    array(
      select (
        t.client_id, pg_catalog.min(t.noted_at),
        pg_catalog.array_agg(t.user_id) filter (where t.user_id <> inboxdb.sentinel()),
        pg_catalog.array_agg(t.kind) filter (where (t.kind).leads is not null),
        null
      )::inboxdb.changed_workspace
      from told as t
      group by t.client_id
    )
  into slices, tids, taken
  from changed as n;
  perform inboxdb.take_changes(slices, tids);
  return taken;
end
$$;
-- <<< sql/drain/remember_changed.sql

-- >>> sql/drain/apply_changes.sql
create or replace function inboxdb.apply_changes(target_client_ids inboxdb.client_id[], as_of timestamptz)
returns inboxdb.changed_workspace[]
language plpgsql volatile
set search_path = ''
-- all by key: as planned after an ANALYZE, a bitmap scan would visit dead rows kept by a held snapshot
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
-- Purpose: refresh workspaces by change: take the changes of single leads and the snoozes that ended, and apply the
--   differences to the counts (D20).
-- Parameters: target_client_ids, with all their leads in counted_lead; as_of, not earlier than the last refreshes. The
--   caller took the locks in an EARLIER statement and is READ COMMITTED (D14).
-- Returns: of each workspace when the oldest change was noted, or the first snooze ended; the users with changed counts
--   or leads; the new inbox cache version, null where nothing was noted.
-- Errors: IB014 where a count would fall below zero or exceed its leads, because a change was missed before; those of
--   remember_changed and store_counts.
-- A change of a whole workspace stays in the log, for a recount.
-- New cache versions are given to workspaces where something was noted, before the counts, which are stored with them.
-- Reads, writes: as remember_changed, end_snoozes, changed_counts, new_versions, store_counts and note_refresh.
-- INVOKER: called by refresh_workspace and refresh_set only, which forbid sequential scans.
declare
  taken inboxdb.changed_workspace[] := inboxdb.remember_changed(target_client_ids, as_of);
  snooze pg_catalog.record;
  ids_of_due inboxdb.client_id[];
  due inboxdb.counts_row[];
  ids inboxdb.client_id[];
  leads_now integer[];
  unfit pg_catalog.text;
  versions bigint[];
begin
  for snooze in
    select t.place, t.client_id, w.next_snooze_at as ended_at
    from pg_catalog.unnest(taken) with ordinality as t (client_id, noted_since, touched_scopes, moved, version, place)
    inner join inboxdb.workspace as w on t.client_id = w.client_id
    where w.next_snooze_at <= as_of
  loop
    taken[snooze.place].noted_since := least(taken[snooze.place].noted_since, snooze.ended_at);
    taken[snooze.place].moved := taken[snooze.place].moved
      || inboxdb.end_snoozes(snooze.client_id, snooze.ended_at, as_of);
  end loop;
  taken := array(
    select (w.client_id, w.noted_since, w.touched_scopes, w.moved, v.version)::inboxdb.changed_workspace
    from pg_catalog.unnest(taken) as w
    left join inboxdb.new_versions(
        'recompute-inbox-counts',
        array(select n.client_id from pg_catalog.unnest(taken) as n where n.noted_since is not null)
      ) as v on w.client_id = v.client_id
  );

  select
    pg_catalog.array_agg(w.client_id), pg_catalog.array_agg(w.version),
    pg_catalog.array_agg(
      (d.tid, d.is_global, d.scope_user_id, case when d.is_global or d.leads > 0 then d.leads end, d.counts)
      ::inboxdb.counts_row
    ),
    pg_catalog.array_agg(w.client_id) filter (where d.is_global),
    pg_catalog.array_agg(d.leads) filter (where d.is_global),
    pg_catalog.string_agg(distinct pg_catalog.quote_literal(w.client_id::pg_catalog.text), ', ')
    filter (where not inboxdb.is_possible(d.tid, d.is_global, d.leads, d.counts))
  into ids_of_due, versions, due, ids, leads_now, unfit
  from pg_catalog.unnest(taken) as w
  cross join lateral inboxdb.changed_counts(w.client_id, w.moved) as d;
  if unfit is not null then
    raise exception using
      errcode = 'IB014',
      message = pg_catalog.format('the changes of workspace %s do not fit its stored counts', unfit),
      detail = 'A count would fall below zero, or exceed the leads. Nothing was changed.',
      hint = 'The refresh that found it counts the workspace anew; `inboxdb status` shows that it healed.';
  end if;
  perform inboxdb.store_counts(ids_of_due, as_of, due, versions);
  perform inboxdb.note_refresh(ids, as_of, leads_now, false, false);

  return array(
    select (
      w.client_id, w.noted_since,
      array(
        select t.id from pg_catalog.unnest(w.touched_scopes) as t (id)
        union
        select d.scope_user_id
        from rows from (pg_catalog.unnest(ids_of_due), pg_catalog.unnest(due))
          as d (client_id, tid, is_global, scope_user_id, leads, counts)
        where d.client_id = w.client_id and not d.is_global
      ),
      null, w.version
    )::inboxdb.changed_workspace
    from pg_catalog.unnest(taken) as w
  );
end
$$;
-- <<< sql/drain/apply_changes.sql

-- >>> sql/drain/draw_number.sql
create or replace function inboxdb.draw_number() returns integer
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: a number for a workspace about to be counted for the first time. Greater than all others, because rows
--   inserted amid counted_lead's index leave its pages half full: 140 bytes a lead in place of 108 (D107).
-- Returns: the number, from the clock's seconds on, so that a workspace made anew gets another one. Reserved until this
--   transaction ends, because a unique constraint alone would make one worker wait for another's recount.
-- Reads: workspace, counted_lead (rows of a workspace that was lost by hand or left out of a dump have a number, too).
-- Locks: an advisory lock, see lock_class.
-- INVOKER: called by recount_workspace only.
declare
  drawn pg_catalog.int4 := greatest(
    (select pg_catalog.max(w.number) from inboxdb.workspace as w) + 1,
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::bigint - 2147483648 - 946684800
  );
begin
  while not pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('number'), drawn)
    or exists (select from inboxdb.counted_lead as k where k.workspace = drawn)
  loop
    drawn := drawn + 1;
  end loop;
  return drawn;
end
$$;
-- <<< sql/drain/draw_number.sql

-- >>> sql/drain/recount_workspace.sql
create or replace function inboxdb.recount_workspace(
  target_client_id inboxdb.client_id, as_of timestamptz, reason text, collapsed_since timestamptz,
  out noted_since timestamptz, out changed_scopes inboxdb.user_id[], out version bigint, out still_exists boolean
)
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: recount a workspace: take its changes, evaluate all its leads, and store every difference.
-- Parameters: target_client_id; as_of, the instant of the counts; reason, as in job_status; collapsed_since, when the
--   oldest of the collapsed changes was noted, null for none. The caller took the lock in an EARLIER statement and is
--   READ COMMITTED (D14).
-- Returns: when the oldest change was noted, or the first snooze ended, or an audit found drift, else null; the users
--   with changed counts or leads; the inbox cache version; whether the host still has the workspace: if not, the
--   workspace loses its rows.
-- Errors: those of remember_leads and store_counts.
-- Leads are compared by hashes after a mark or a recompute, and one by one otherwise, or once that is due.
-- Differences without a noted change are drift (D25), except after a first fill, new definitions or a clock set back,
-- when counted_lead says nothing about the counts before.
-- Reads: as remember_leads or fill_leads, stored_counts, remembered_kinds, newest_version. Writes: as remember_leads or
--   fill_leads, new_versions, store_counts, workspace, drift.
-- INVOKER: called by refresh_workspace only.
declare
  is_judged boolean := reason not in ('first_fill', 'definitions_changed', 'clock_set_back');
  -- by hashes where few leads can differ, and nothing found so far says that hashes hide something
  one_by_one boolean := reason not in ('whole_workspace', 'recompute')
    or inboxdb.is_comparison_due(target_client_id, as_of);
  first_snooze pg_catalog.timestamptz;
  drifted_scopes integer;
  drifted_leads integer;
  is_drift boolean;
  touched_scopes inboxdb.user_id[];
  kinds_before inboxdb.lead_kind[];
  moved inboxdb.lead_kind[];
  due inboxdb.counts_row[];
  leads_now integer;
begin
  select w.next_snooze_at into first_snooze from inboxdb.workspace as w where w.client_id = target_client_id;
  -- another number, where a transaction that ended meanwhile has taken the number drawn
  while not found loop
    insert into inboxdb.workspace (client_id, number, leads)
    select target_client_id, inboxdb.draw_number(), pg_catalog.count(*)
    from public."Lead" as l
    where l."clientId" = target_client_id
    on conflict (number) do nothing;
  end loop;
  kinds_before := inboxdb.remembered_kinds(target_client_id);

  if reason = 'first_fill' and kinds_before = '{}' then
    select f.noted_since, f.still_exists into noted_since, still_exists
    from inboxdb.fill_leads(target_client_id, as_of) as f;
    moved := inboxdb.remembered_kinds(target_client_id);
  else
    select r.noted_since, r.touched_scopes, r.moved, r.drifted, r.still_exists
    into noted_since, touched_scopes, moved, drifted_leads, still_exists
    from inboxdb.remember_leads(target_client_id, as_of, one_by_one) as r;
  end if;
  noted_since := least(noted_since, collapsed_since, case when first_snooze <= as_of then first_snooze end);

  select
    pg_catalog.array_agg((s.tid, is_global, scope_user_id, r.leads, r.counts)::inboxdb.counts_row)
    filter (
      where is_global and (s.tid is not null or still_exists)
        or (s.leads, s.counts) is distinct from (r.leads, r.counts)
    ),
    pg_catalog.array_agg(scope_user_id)
    filter (
      where not is_global
        and (s.counts is distinct from r.counts or touched_scopes is null or collapsed_since is not null)
    ),
    pg_catalog.max(r.leads) filter (where is_global),
    pg_catalog.count(*) filter (where (s.leads, s.counts) is distinct from (b.leads, b.counts))
  into due, changed_scopes, leads_now, drifted_scopes
  from inboxdb.stored_counts(target_client_id) as s
  full join inboxdb.scope_counts(kinds_before) as b using (is_global, scope_user_id)
  full join (
    select c.*
    from inboxdb.scope_counts(kinds_before || moved) as c
    where still_exists and (c.is_global or c.leads > 0)
  ) as r using (is_global, scope_user_id);
  changed_scopes := array(select pg_catalog.unnest(changed_scopes) union select pg_catalog.unnest(touched_scopes));
  is_drift := is_judged and (reason = 'did_not_fit' or drifted_leads > 0 or drifted_scopes > 0);
  -- drift is a change that nobody noted (D32); a recompute by hand keeps the version (D33)
  if is_drift and reason = 'audit' then
    noted_since := coalesce(noted_since, as_of);
  end if;
  if noted_since is not null then
    version := (select n.version from inboxdb.new_versions('recompute-inbox-counts', array[target_client_id]) as n);
  else
    version := (select n.version from inboxdb.newest_version(target_client_id, 'inbox') as n);
  end if;
  perform inboxdb.store_counts(
    pg_catalog.array_fill(target_client_id, array[coalesce(pg_catalog.cardinality(due), 0)]), as_of,
    coalesce(due, '{}'), pg_catalog.array_fill(version, array[coalesce(pg_catalog.cardinality(due), 0)])
  );

  if still_exists then
    perform inboxdb.note_refresh(array[target_client_id], as_of, array[leads_now], true, one_by_one);
  else
    delete from inboxdb.workspace as w where w.client_id = target_client_id;
  end if;
  if is_drift then
    insert into inboxdb.drift (client_id, found_by, leads, scopes)
    values (target_client_id, reason, drifted_leads, drifted_scopes);
  end if;
end
$$;
-- <<< sql/drain/recount_workspace.sql

-- >>> sql/drain/audit_workspace.sql
create or replace function inboxdb.audit_workspace(target_client_id inboxdb.client_id, one_by_one boolean)
returns boolean
-- STABLE matters: everything is read in a single snapshot (D29)
language plpgsql stable
set search_path = ''
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: compare all leads of a workspace with counted_lead, and its counts with their sum, while other drains may
--   refresh the workspace.
-- Parameters: target_client_id; one_by_one, as of differing_leads.
-- Returns: true if every difference is explained by a change that waits; false if the workspace is to be recounted,
--   because a difference has no explanation, or the next refresh would be a recount anyhow.
-- Errors: those of differing_leads.
-- Reads: drifted_scopes, differing_leads, reason_to_recount. Costs a scan of the workspace, and locks nothing.
-- INVOKER: called by audit_claimed only.
declare
  as_of pg_catalog.timestamptz := inboxdb.clock();
begin
  perform inboxdb.checkpoint('auditing', target_client_id::pg_catalog.text);
  return inboxdb.reason_to_recount(target_client_id, as_of, null) is null
    and inboxdb.drifted_scopes(target_client_id) = 0
    and not exists (
      select
      from inboxdb.differing_leads(target_client_id, as_of, one_by_one) as c
      where c.explained_by is null or c.explained_by = 'message'
    );
end
$$;
-- <<< sql/drain/audit_workspace.sql

-- >>> sql/drain/refresh_workspace.sql
create or replace function inboxdb.refresh_workspace(
  target_client_id inboxdb.client_id, recount_because text default null,
  out version bigint, out changed_scopes inboxdb.user_id[], out seconds_waited double precision
)
language plpgsql volatile
set search_path = ''
-- no sequential scan: a plan made while the log is small is kept for the session, and has to do for a bloated log
set enable_seqscan = off
-- generic plan, because no parameter changes the best plan, and planning takes longer than all else (D9)
set plan_cache_mode = force_generic_plan
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
as $$
-- Purpose: bring a workspace's counts up to date, by change, or by a recount where the changed leads are not known or a
--   recount is cheaper.
-- Parameters: target_client_id; recount_because, a reason for a recount in any case. The caller took the workspace's
--   lock in an EARLIER statement and is READ COMMITTED (D14).
-- Returns: the inbox cache version: a new version if a change was taken or a snooze ended, else the present version or
--   null; with a new version also the users with changed counts or leads, and how long the oldest reason for the
--   refresh had waited since noted.
-- Errors: those of recount_workspace; 40001 where somebody else wrote the workspace's counts meanwhile.
-- Reads, writes: as apply_changes and recount_workspace; cache_version, job_status, inbox_counts_dirty. A workspace
--   deleted by the host loses its rows, except its versions (D34).
-- INVOKER: called by our DEFINER functions only.
declare
  -- read after the lock and before the snapshot: never later than the leads evaluated
  as_of pg_catalog.timestamptz := inboxdb.clock();
  -- changes collapsed onto the work list's row, which nobody else changes under our lock
  collapsed_since pg_catalog.timestamptz := (
    select d.dirty_since
    from inboxdb.inbox_counts_dirty as d
    where inboxdb.is_work_row(
        d.client_id, d.next_attempt_at, target_client_id, (select f.claim_from from inboxdb.read_floor as f)
      )
      and d.collapsed
  );
  reason pg_catalog.text;
  oldest_reason pg_catalog.timestamptz;
  still_exists boolean := true;
  attempt_number integer;
begin
  perform inboxdb.checkpoint('workspace locked', target_client_id::pg_catalog.text);
  reason := inboxdb.reason_to_recount(
    target_client_id, as_of, coalesce(recount_because, case when collapsed_since is not null then 'whole_workspace' end)
  );
  if reason is null then
    begin
      select a.noted_since, a.touched_scopes, a.version into oldest_reason, changed_scopes, version
      from pg_catalog.unnest(inboxdb.apply_changes(array[target_client_id], as_of)) as a;
    exception when sqlstate 'IB014' then
      reason := 'did_not_fit';
    end;
  end if;
  if reason is not null then
    select r.noted_since, r.changed_scopes, r.version, r.still_exists
    into oldest_reason, changed_scopes, version, still_exists
    from inboxdb.recount_workspace(target_client_id, as_of, reason, collapsed_since) as r;
  end if;

  perform inboxdb.checkpoint('counts stored', target_client_id::pg_catalog.text);
  if oldest_reason is null then
    changed_scopes := null;
    version := coalesce(version, (select n.version from inboxdb.newest_version(target_client_id, 'inbox') as n));
  end if;

  perform inboxdb.checkpoint('versions bumped', target_client_id::pg_catalog.text);
  delete from inboxdb.inbox_counts_dirty as d
  where inboxdb.is_work_row(
      d.client_id, d.next_attempt_at, target_client_id, (select f.claim_from from inboxdb.read_floor as f)
    )
  returning d.attempts into attempt_number;
  if still_exists then
    perform inboxdb.record_job(
      'recompute-inbox-counts', target_client_id, as_of, coalesce(attempt_number, 1), null, reason
    );
  else
    delete from inboxdb.job_status as j where j.client_id = target_client_id;
  end if;
  seconds_waited := pg_catalog.date_part('epoch', inboxdb.clock() - oldest_reason);
end
$$;
-- <<< sql/drain/refresh_workspace.sql

-- >>> sql/drain/fit_for_set.sql
create or replace function inboxdb.fit_for_set(target_client_ids inboxdb.client_id[], as_of timestamptz)
returns inboxdb.client_id[]
language plpgsql stable
set search_path = ''
as $$
-- Purpose: choose the workspaces that a set may refresh: by change, of 1,000 changes in all, those with the fewest
--   first, so that no workspace of the set is locked for long.
-- Parameters: target_client_ids; as_of, the instant of the new counts.
-- Returns: the workspaces with 1 to 100 changes, each of a lead, for which reason_to_recount knows no reason, and
--   without a snooze that ended.
-- Reads: the change log, workspace, inbox_counts, "Client", inbox_counts_dirty.
-- INVOKER: called by refresh_set only, which forbids all but nested loops.
begin
  return array(
    select c.client_id
    from (
      select
        c.client_id, pg_catalog.count(*) as changes,
        pg_catalog.sum(pg_catalog.count(*)) over (order by pg_catalog.count(*), c.client_id)
          as changes_so_far
      from inboxdb.changes_of(target_client_ids, 101) as c
      group by c.client_id
      having pg_catalog.count(*) = pg_catalog.count(c.lead_id)
    ) as c
    cross join lateral (
      select w.leads, w.definitions, w.next_snooze_at
      from inboxdb.workspace as w
      where w.client_id = c.client_id
      offset 0
    ) as w
    -- the global row, found from the end of the index (D36)
    cross join lateral (
      select s.computed_at
      from inboxdb.inbox_counts as s
      where s.client_id = c.client_id and s.is_global
      order by s.client_id desc, s.is_global desc, s.scope_user_id desc
      limit 1
    ) as s
    where c.changes <= least(greatest(w.leads / 10, 10), 100)
      and c.changes_so_far <= 1000
      and w.definitions = inboxdb.definitions()
      and (w.next_snooze_at <= as_of) is not true
      and s.computed_at <= as_of
      and exists (select from public."Client" as h where h.id = c.client_id offset 0)
      and not exists (
        select
        from inboxdb.inbox_counts_dirty as d
        where inboxdb.is_work_row(
            d.client_id, d.next_attempt_at, c.client_id, (select f.claim_from from inboxdb.read_floor as f)
          )
          and d.collapsed
        offset 0
      )
  );
end
$$;
-- <<< sql/drain/fit_for_set.sql

-- >>> sql/drain/refresh_set.sql
create or replace function inboxdb.refresh_set(target_client_ids inboxdb.client_id[], started_at timestamptz[])
returns table (
  client_id inboxdb.client_id, version bigint, changed_scopes inboxdb.user_id[], seconds_waited double precision
)
language plpgsql volatile
set search_path = ''
-- lookups by key: a plan made while the log is small is kept for the session, and has to do for a bloated log
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
-- generic plan, because no parameter changes the best plan, and planning takes longer than all else (D9)
set plan_cache_mode = force_generic_plan
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
as $$
-- Purpose: refresh workspaces with a few changed leads each, by a few statements for all of them (D119).
-- Parameters: target_client_ids, whose locks the caller took in an EARLIER statement, being READ COMMITTED (D14);
--   started_at, of each.
-- Returns: a row per refreshed workspace, as refresh_workspace with a new version. Other workspaces are left as they
--   are, to be refreshed by themselves.
-- Errors: those of apply_changes. Nothing was changed then.
-- Reads, writes: as fit_for_set, apply_changes and record_jobs; inbox_counts_dirty.
-- INVOKER: called by drain_set only.
declare
  -- read after the locks and before the snapshot: never later than the leads evaluated
  as_of pg_catalog.timestamptz := inboxdb.clock();
  refreshed inboxdb.changed_workspace[];
  ids inboxdb.client_id[];
  attempt_numbers integer[];
begin
  perform inboxdb.checkpoint('workspace locked', w.client_id::pg_catalog.text)
  from pg_catalog.unnest(target_client_ids) as w (client_id);
  ids := inboxdb.fit_for_set(target_client_ids, as_of);
  if pg_catalog.cardinality(ids) = 0 then
    return;
  end if;
  refreshed := inboxdb.apply_changes(ids, as_of);

  perform inboxdb.checkpoint('counts stored', w.client_id::pg_catalog.text)
  from pg_catalog.unnest(ids) as w (client_id);
  perform inboxdb.checkpoint('versions bumped', w.client_id::pg_catalog.text)
  from pg_catalog.unnest(ids) as w (client_id);
  with
  work as materialized (
    select w.place, d.tid, d.attempts
    from pg_catalog.unnest(ids) with ordinality as w (client_id, place)
    left join lateral (
      select d.ctid as tid, d.attempts
      from inboxdb.inbox_counts_dirty as d
      where inboxdb.is_work_row(
          d.client_id, d.next_attempt_at, w.client_id, (select f.claim_from from inboxdb.read_floor as f)
        )
      offset 0
    ) as d on true
  ),
  done as (
    delete from inboxdb.inbox_counts_dirty as d using work as w where d.ctid = w.tid
  )
  select pg_catalog.array_agg(coalesce(w.attempts, 1) order by w.place) into attempt_numbers from work as w;
  perform inboxdb.record_jobs(
    'recompute-inbox-counts', ids,
    array(
      select started_at[pg_catalog.array_position(target_client_ids, w.client_id)]
      from pg_catalog.unnest(ids) with ordinality as w (client_id, place)
      order by w.place
    ),
    attempt_numbers, null, null
  );

  return query
  select w.client_id, w.version, w.touched_scopes, pg_catalog.date_part('epoch', inboxdb.clock() - w.noted_since)
  from pg_catalog.unnest(refreshed) as w;
end
$$;
-- <<< sql/drain/refresh_set.sql

-- >>> sql/drain/mark_inbox_counts_dirty.sql
create or replace function inboxdb.mark_inbox_counts_dirty(target_client_id inboxdb.client_id) returns void
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: mark a workspace: note a change of all of it, as a trigger would. Waits for nobody, and is rolled back with
--   the caller's transaction.
-- Parameters: target_client_id.
-- Errors: IB002 for an unknown workspace, IB019 for an id that is too long.
-- Writes: the change log.
-- DEFINER: its callers have no rights in inboxdb.
begin
  perform inboxdb.require_workspace(target_client_id);
  perform inboxdb.note_change(target_client_id, null);
end
$$;
-- <<< sql/drain/mark_inbox_counts_dirty.sql

-- >>> sql/drain/mark_all_inbox_counts_dirty.sql
create or replace function inboxdb.mark_all_inbox_counts_dirty() returns void
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: ask for a refresh of every workspace: at install, and wherever changes may have been missed.
-- Writes: the change log (one row; the collector expands it).
-- DEFINER: its callers have no rights in inboxdb.
begin
  perform inboxdb.note_change(null, null);
end
$$;
-- <<< sql/drain/mark_all_inbox_counts_dirty.sql

-- >>> sql/drain/recompute_inbox_counts.sql
create or replace function inboxdb.recompute_inbox_counts(target_client_id inboxdb.client_id) returns void
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: recount a workspace now, dirty or not.
-- Parameters: target_client_id.
-- Errors: IB002 for an unknown workspace, IB019 for an id that is too long; IB003 where it stayed locked for 5
--   seconds; IB004 above READ COMMITTED; IB012 while suspended.
-- Reads, writes: as refresh_workspace.
-- DEFINER: its callers have no rights in inboxdb.
declare
  give_up_at pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '5 seconds';
begin
  perform inboxdb.require_read_committed();
  perform inboxdb.require_resumed();
  perform inboxdb.require_workspace(target_client_id);
  while not inboxdb.try_lock_workspace(target_client_id) loop
    if pg_catalog.clock_timestamp() >= give_up_at then
      raise exception using
        errcode = 'IB003',
        message = pg_catalog.format('workspace %L stayed locked for 5 seconds', target_client_id),
        detail = 'A drain or another recompute is at work on it. Nothing was changed.',
        hint = 'Try again; pg_locks shows the holder under classid ' || inboxdb.lock_class('workspace');
    end if;
    perform pg_catalog.pg_sleep(0.05);
  end loop;
  perform inboxdb.refresh_workspace(target_client_id, 'recompute');
end
$$;
-- <<< sql/drain/recompute_inbox_counts.sql

-- >>> sql/drain/requeue_inbox_counts.sql
create or replace function inboxdb.requeue_inbox_counts(target_client_id inboxdb.client_id default null) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: put a quarantined workspace back on the work list, with all its attempts. The next collector makes it due.
-- Parameters: target_client_id; null for every quarantined workspace.
-- Returns: how many were put back.
-- Errors: IB002 for an unknown workspace, IB019 for an id that is too long; IB011 for a workspace not quarantined.
-- Writes: inbox_counts_dirty.
-- DEFINER: its callers have no rights in inboxdb.
declare
  requeued integer;
begin
  -- next_attempt_at stays, because the collector alone may make a row due sooner (D11)
  update inboxdb.inbox_counts_dirty as d
  set quarantined_at = null, attempts = 0, last_error = null
  where d.quarantined_at is not null and (target_client_id is null or d.client_id = target_client_id);
  get diagnostics requeued = row_count;
  if requeued = 0 and target_client_id is not null then
    perform inboxdb.require_workspace(target_client_id);
    raise exception using
      errcode = 'IB011',
      message = pg_catalog.format('workspace %L is not quarantined', target_client_id),
      detail = 'Nothing was changed.',
      hint = 'inboxdb status lists those that are; inboxdb mark asks for a refresh of any other.';
  end if;
  return requeued;
end
$$;
-- <<< sql/drain/requeue_inbox_counts.sql

-- >>> sql/drain/refresh_or_record.sql
create or replace function inboxdb.refresh_or_record(
  target_client_id inboxdb.client_id, recount_because text,
  out outcome text, out version bigint, out changed_scopes inboxdb.user_id[], out seconds_waited double precision
)
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: refresh a workspace, or record why that failed.
-- Parameters: target_client_id, locked in an EARLIER statement (D14); recount_because, as of refresh_workspace.
-- Returns: the outcome: refreshed, or failed (recorded; the changes stay); else as refresh_workspace.
-- Errors: 57014 when cancelled, not recorded here.
-- Reads, writes: as refresh_workspace, record_failure.
-- INVOKER: called by drain_next and audit_claimed only.
declare
  started_at pg_catalog.timestamptz := inboxdb.clock();
  error_code pg_catalog.text;
begin
  select r.version, r.changed_scopes, r.seconds_waited into version, changed_scopes, seconds_waited
  from inboxdb.refresh_workspace(target_client_id, recount_because) as r;
  outcome := 'refreshed';
exception when others then
  get stacked diagnostics error_code = returned_sqlstate;
  perform inboxdb.record_failure(target_client_id, started_at, error_code);
  outcome := 'failed';
end
$$;
-- <<< sql/drain/refresh_or_record.sql

-- >>> sql/log/host_problem.sql
create or replace function inboxdb.host_problem() returns text
language sql stable
set search_path = ''
-- else format_type would quote the name of every type, and none would be what it was
set quote_all_identifiers = off
as $$
  -- Purpose: find out whether the host has changed its schema under our functions and triggers: a rename is followed by
  --   views, triggers' conditions and policies, but not by a function's text (D101); no trigger of ours fires for a
  --   table that inherits from the host's (D109).
  -- Returns: null where every column is there, is of the type that it had, and is the one read by our views, not
  --   another of the same name, and where no table inherits from one with triggers; else what is not so.
  -- Reads: the system catalog.
  -- INVOKER: called by check_host only.
  with named (place, host_table, host_column, type_of, read_by) as (
    values
    (1, 'Client', 'id', 'inboxdb.client_id', 'inboxdb.known_workspace'),
    (2, 'Lead', 'id', 'inboxdb.lead_id', 'inboxdb.classified_lead'),
    (3, 'Lead', 'clientId', 'inboxdb.client_id', 'inboxdb.classified_lead'),
    (4, 'Lead', 'assignedToUserId', 'inboxdb.user_id', 'inboxdb.classified_lead'),
    (5, 'AIDraft', 'leadId', 'inboxdb.lead_id', 'inboxdb.classified_lead'),
    (6, 'Message', 'leadId', 'inboxdb.lead_id', 'inboxdb.classified_lead'),
    (7, 'Message', 'aiDraftId', null, 'inboxdb.classified_lead')
  ),

  changed (place, problem) as (
    select n.place, pg_catalog.format('column public.%I.%I %s', n.host_table, n.host_column, change.text)
    from named as n
    left join pg_catalog.pg_attribute as a
      on pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table)) = a.attrelid
      and n.host_column = a.attname and not a.attisdropped
    left join pg_catalog.pg_type as t on pg_catalog.to_regtype(n.type_of) = t.oid
    cross join lateral (
      select
        case
          when a.attname is null then 'is missing'
          when pg_catalog.replace(pg_catalog.format_type(a.atttypid, null), 'character varying', 'text')
            <> pg_catalog.format_type(t.typbasetype, null)
            then pg_catalog.format(
                'is %s, and was %s', pg_catalog.format_type(a.atttypid, null),
                pg_catalog.format_type(t.typbasetype, null)
              )
          when not exists (
            select
            from pg_catalog.pg_rewrite as w
            inner join pg_catalog.pg_depend as d
              on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
              and w.oid = d.objid
              and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
              and a.attrelid = d.refobjid
              and a.attnum = d.refobjsubid
            where w.ev_class = pg_catalog.to_regclass(n.read_by)
          ) then pg_catalog.format('is another than the one that %s reads', n.read_by)
        end as text
    ) as change
    where change.text is not null
  ),

  inherited (place, problem) as (
    select
      n.place, pg_catalog.format('table public.%I is inherited by %s', n.host_table, i.inhrelid::pg_catalog.regclass)
    from (select pg_catalog.min(n.place) as place, n.host_table from named as n group by n.host_table) as n
    inner join pg_catalog.pg_inherits as i
      on pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table)) = i.inhparent
  )

  select pg_catalog.string_agg(found.problem, '; ' order by found.place, found.problem)
  from (
    select c.place, c.problem from changed as c
    union all
    select i.place, i.problem from inherited as i
  ) as found
$$;
-- <<< sql/log/host_problem.sql

-- >>> sql/log/assign_changes.sql
create or replace function inboxdb.assign_changes() returns void
language plpgsql volatile
set search_path = ''
-- a policy hiding a lead or a workspace would lose its change: raise instead (D37)
set row_security = off
-- no sequential scan: the planner expects a third of the log to be undrained, but a bloated log is mostly dead rows
set enable_seqscan = off
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
as $$
-- Purpose: replace changes without a workspace: a draft's by a change for the workspace where the lead is now (D3), a
--   TRUNCATE's by a change for each workspace (D4). A lead moving afterwards notes its own change, committed after this
--   snapshot, so that the refresh taking the change sees the draft, too.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: the change log, "Lead", known_workspace. Writes: the change log.
-- INVOKER: called by collect only, under its lock.
declare
  slices integer[];
  tids pg_catalog.tid[];
begin
  with
  open_change as materialized (
    select c.slice, c.tid, c.lead_id, c.noted_at from inboxdb.change as c where c.client_id is null
  ),
  by_lead as (
    select o.lead_id, pg_catalog.min(o.noted_at) as noted_at from open_change as o group by o.lead_id
  ),
  assigned as (
    -- any slice will do, the late writer included: readers read all of them
    insert into inboxdb.change_0 (client_id, lead_id, noted_at)
    select l."clientId", o.lead_id, o.noted_at
    from by_lead as o
    inner join public."Lead" as l on o.lead_id = l.id
    -- a lead of no workspace counts nowhere, and would be assigned again for ever
    where l."clientId" is not null and not inboxdb.is_too_long(l."clientId"::inboxdb.client_id)
    union all
    select k.client_id, null, o.noted_at
    from by_lead as o
    cross join inboxdb.known_workspace as k
    where o.lead_id is null
  )
  select pg_catalog.array_agg(o.slice), pg_catalog.array_agg(o.tid) into slices, tids from open_change as o;
  perform inboxdb.take_changes(slices, tids);
end
$$;
-- <<< sql/log/assign_changes.sql

-- >>> sql/log/least_size_to_empty.sql
create or replace function inboxdb.least_size_to_empty() returns bigint
language sql stable
set search_path = ''
as $$
  -- Purpose: say from which size on a slice of the change log is truncated.
  -- Returns: bytes. 128 kB, below which a new file costs more than reading the dead rows (D6); 64 MB where a standby
  --   may replay the lock, and cancel readers of the slice there, such as a dump (D112). Logical decoding replays none.
  -- Reads: pg_stat_replication, pg_replication_slots.
  -- INVOKER: called by empty_slice only; apart, so that tests on a server with the slots of others choose.
  select case
    when
      exists (
        select
        from pg_catalog.pg_stat_replication as r
        where not exists (
          select
          from pg_catalog.pg_replication_slots as s
          where s.slot_type = 'logical' and s.active_pid = r.pid
        )
      )
      or exists (select from pg_catalog.pg_replication_slots as s where s.slot_type = 'physical')
      then 67108864
    else 131072
  end
$$;
-- <<< sql/log/least_size_to_empty.sql

-- >>> sql/drain/collapse_changes.sql
create or replace function inboxdb.collapse_changes(target_client_id inboxdb.client_id) returns void
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set jit = off
as $$
-- Purpose: take a workspace's changes out of the log without a refresh, because changes of a failing workspace would
--   keep the log from being truncated. The work list's row stands for them from then on, as a mark of the workspace
--   (D40).
-- At most a hundred thousand changes, so that a claim is over soon; the next claim goes on.
-- Nothing is done without a row on the work list (deleted by a refresh meanwhile, so that nothing would stand for the
--   changes), or while the row is locked.
-- Parameters: target_client_id; the caller took its lock in an EARLIER statement.
-- Writes: the change log, inbox_counts_dirty.
-- INVOKER: called by claim_if_free, collect and quarantine only.
declare
  slices integer[];
  tids pg_catalog.tid[];
begin
  perform
  from inboxdb.inbox_counts_dirty as d
  where inboxdb.is_work_row(
      d.client_id, d.next_attempt_at, target_client_id, (select f.claim_from from inboxdb.read_floor as f)
    )
  for update skip locked;
  if not found then
    return;
  end if;

  select pg_catalog.array_agg(c.slice), pg_catalog.array_agg(c.tid) into slices, tids
  from (select c.slice, c.tid from inboxdb.changes_of(array[target_client_id], null) as c limit 100000) as c;
  if slices is not null then
    perform inboxdb.take_changes(slices, tids);
    update inboxdb.work_list as d set collapsed = true where d.client_id = target_client_id;
  end if;
end
$$;
-- <<< sql/drain/collapse_changes.sql

-- >>> sql/drain/raise_floor.sql
create or replace function inboxdb.raise_floor(now timestamptz, floor_of_claims timestamptz) returns void
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set jit = off
as $$
-- Purpose: raise the floors of the change log and the work list (D10, D11). Below a floor nothing visible is left, and
--   nothing can appear: new changes there can only come from transactions open in this snapshot, kept in also_read. So
--   a writer open for hours is an exception below the floor, and dead rows after it are not read meanwhile.
-- Parameters: now, the clock when the collector began; floor_of_claims, from which the work list's rows are due.
-- Writes: drain_state: once a second at most, because an older floor holds too, and a held snapshot keeps each dead row
--   of this table; at once when 256 changes or more were left, and fewer are now; every 10 seconds without any change,
--   so that readers see a collector at work.
-- INVOKER: called by collect only, under its lock.
begin
  with
  undrained as materialized (
    select c.xid from inboxdb.change as c order by c.xid limit 256
  ),
  -- read_from is at most here: the 256th undrained change, or the end of the snapshot
  beyond as (
    select least(
      -- at most xmax, although another server may have counted further
      pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()),
      case when pg_catalog.count(*) = 256 then pg_catalog.max(u.xid) end
    ) as xid
    from undrained as u
  ),
  open_xid as materialized (
    select o.xid, pg_catalog.lead(o.xid, 1, b.xid) over by_xid as next_xid, pg_catalog.row_number() over by_xid as place
    from beyond as b
    cross join (
      select x.xid from pg_catalog.pg_snapshot_xip(pg_catalog.pg_current_snapshot()) as x (xid)
      union
      -- the caller's own transaction, not listed in its snapshot: may yet note changes
      select pg_catalog.pg_current_xact_id_if_assigned()
      union
      select u.xid from undrained as u
    ) as o
    where o.xid < b.xid
    window by_xid as (order by o.xid)
  ),
  -- up to 64 exceptions in also_read; of more, only the ones before the last wide gap
  one_by_one as (
    select coalesce(pg_catalog.max(o.place), 0) as places
    from open_xid as o
    where o.place <= 64
      and (
        not exists (select from open_xid as further where further.place > 64)
        or o.next_xid::pg_catalog.text::pg_catalog.int8 - o.xid::pg_catalog.text::pg_catalog.int8 > 1000
      )
  ),
  found as (
    select
      coalesce(
        (select o.xid from open_xid as o where o.place = n.places + 1), (select b.xid from beyond as b)
      ) as read_from,
      array(select o.xid from open_xid as o where o.place <= n.places) as also_read,
      (select pg_catalog.count(*) from undrained) as changes_left
    from one_by_one as n
  )
  update inboxdb.drain_state as s
  set
    revision = s.revision + 1,
    server_started_at = pg_catalog.pg_postmaster_start_time(),
    read_from = f.read_from,
    also_read = f.also_read,
    claim_from = least(
      raise_floor.now,
      (
        select d.next_attempt_at
        from inboxdb.inbox_counts_dirty as d
        where d.next_attempt_at >= raise_floor.floor_of_claims
        order by d.next_attempt_at
        limit 1
      )
    ),
    changes_left = f.changes_left,
    collected_at = pg_catalog.clock_timestamp()
  from found as f
  where s.revision = (
    select locked.revision
    from inboxdb.drain_state as locked
    cross join found as f
    where locked.revision >= (select now.revision from inboxdb.drain_state_now as now)
      and (
        locked.collected_at is null
        or locked.collected_at > pg_catalog.clock_timestamp()
        or locked.server_started_at <> pg_catalog.pg_postmaster_start_time()
        or locked.claim_from > raise_floor.floor_of_claims
        or (locked.changes_left = 256) <> (f.changes_left = 256)
        or (
          locked.collected_at < pg_catalog.clock_timestamp() - interval '1 second'
          and (
            locked.changes_left > 0
            or f.changes_left > 0
            -- more than 3 transactions since: perhaps changes, drained by now
            or f.read_from::pg_catalog.text::pg_catalog.int8 - locked.read_from::pg_catalog.text::pg_catalog.int8 > 3
          )
        )
        or locked.collected_at < pg_catalog.clock_timestamp() - interval '10 seconds'
      )
    -- not waiting for a publisher, who writes this row, too, because the old floors still hold
    for update of locked skip locked
  );
end
$$;
-- <<< sql/drain/raise_floor.sql

-- >>> sql/drain/check_host.sql
create or replace function inboxdb.check_host() returns boolean
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: suspend inboxdb, with a WARNING, where the host has changed a column named by a function of ours (D101), or
--   changes cannot be noted, because a right was lost (D116): the counts would be wrong without a sign. See that our
--   triggers are enabled as was chosen (D125), and as the host's own triggers need (D121).
-- Returns: whether all is as it was.
-- Reads: the system catalog. Writes: installation, the change log.
-- INVOKER: called by maintain, by its name in view maintenance, and by collect.
declare
  problem constant pg_catalog.text := coalesce(
    inboxdb.host_problem(),
    case
      when inboxdb.can_note() is not true
        then pg_catalog.format('role %I lost a right that noting changes needs', current_user)
    end
  );
begin
  if problem is null or inboxdb.suspended_since() is not null then
    perform inboxdb.arrange_if_free();
    return problem is null;
  end if;
  insert into inboxdb.installation as i (suspended_since, suspended_because)
  values (pg_catalog.date_trunc('second', pg_catalog.clock_timestamp()), problem)
  on conflict (is_only) do update
  set suspended_since = excluded.suspended_since, suspended_because = excluded.suspended_because
  where i.suspended_since is null;
  raise warning 'inboxdb suspends itself, because the host has changed: %', problem
    using hint = 'Bring that back as it was, then run: inboxdb migrate resume.';
  return false;
end
$$;
-- <<< sql/drain/check_host.sql

-- >>> sql/drain/arrive.sql
create or replace function inboxdb.arrive() returns boolean
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: find out whether the database was moved, copied or restored to where it is now, and have every workspace
--   recounted then, because a move may leave out rows, and counts that caches know (D107).
-- Returns: whether drains may claim: not while another one finds out.
-- Errors: IB018 of place.
-- A WARNING on arrival. The floors are distrusted on another server, moved or restarted.
-- Reads: place. Writes: drain_state, workspace; the change log.
-- INVOKER: called by claim_next, and by maintain, by its name in view maintenance.
declare
  here constant pg_catalog.text := inboxdb.place();
  started_at constant pg_catalog.timestamptz := pg_catalog.pg_postmaster_start_time();
  kept pg_catalog.record;
  has_moved pg_catalog.bool;
begin
  select s.place, s.server_started_at into kept from inboxdb.drain_state_now as s;
  if (kept.place, kept.server_started_at) is not distinct from (here, started_at) then
    return true;
  end if;
  -- of collecting, so that two workers arrive once
  if not pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('collector'), 0) then
    return false;
  end if;
  perform inboxdb.checkpoint('arriving');
  select s.place, s.server_started_at, s.revision into kept
  from inboxdb.drain_state as s
  where s.revision >= (select now.revision from inboxdb.drain_state_now as now)
  for update skip locked;
  -- a publisher writes the row, too, and is not waited for
  if not found then
    return false;
  elsif (kept.place, kept.server_started_at) is not distinct from (here, started_at) then
    return true;
  end if;

  has_moved := kept.place <> here
    -- emptied by a crash
    or (
      kept.server_started_at <> started_at
      and exists (
        select
        from pg_catalog.pg_class as c
        where c.relpersistence = 'u' and c.relkind = 'r'
          and (
            c.relnamespace = pg_catalog.to_regnamespace('inboxdb')
            or c.oid in (
              pg_catalog.to_regclass('public."Client"'), pg_catalog.to_regclass('public."Lead"'),
              pg_catalog.to_regclass('public."AIDraft"'), pg_catalog.to_regclass('public."Message"')
            )
          )
      )
    );
  if has_moved then
    perform inboxdb.note_change(null, null);
    -- as before the first fill: what counted_lead lacks is no drift
    update inboxdb.workspace as w
    set definitions = null
    where w.client_id in (select k.client_id from inboxdb.workspace as k for update skip locked);
  end if;
  update inboxdb.drain_state as s
  set
    revision = s.revision + 1,
    server_started_at = started_at,
    place = here,
    arrived_at = case when has_moved then pg_catalog.clock_timestamp() else s.arrived_at end,
    read_from = '0',
    also_read = '{}',
    claim_from = '-infinity'
  where s.revision = kept.revision;
  if has_moved then
    raise warning 'inboxdb counts every workspace anew, because %',
      case
        when kept.place <> here then 'the database was moved, restored or promoted'
        else 'the server was started, and a table that is unlogged may be empty'
      end
      using hint = 'Until that is done, counts may be late. docs/operations.md: Moving, copying, restoring.';
  end if;
  return true;
end
$$;
-- <<< sql/drain/arrive.sql

-- >>> sql/drain/collect.sql
create or replace function inboxdb.collect() returns integer
language plpgsql volatile security definer
set search_path = ''
-- no sequential scan: the planner expects a third of the log to be undrained, but a bloated log is mostly dead rows
set enable_seqscan = off
-- generic plan, because no parameter changes the best plan; the server would choose custom plans, whose average cost it
-- remembers from when the log was small, and planning takes longer than all else (D9)
set plan_cache_mode = force_generic_plan
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
as $$
-- Purpose: find dirty workspaces not on the work list yet, and put them there. Meant to be a short transaction of its
--   own. Never waits: collectors are alone by a try-lock, and only keys without a visible row are inserted.
-- Returns: how many workspaces were added; 0 also while another collector is at work, or inboxdb is suspended.
-- Errors: IB004 above READ COMMITTED.
-- Reads: the change log, workspace, "Lead" and known_workspace for changes that name no workspace.
-- Writes: inbox_counts_dirty, drain_state; fills in the workspace of changes without one; collapses the
--   changes of quarantined workspaces.
-- DEFINER: its callers have no rights in inboxdb.
declare
  now pg_catalog.timestamptz := inboxdb.clock();
  floor_of_claims pg_catalog.timestamptz;
  quarantined inboxdb.client_id;
  late pg_catalog.record;
  added integer;
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null then
    return 0;
  end if;
  if not pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('collector'), 0) then
    return 0;
  end if;

  perform inboxdb.checkpoint('collector locked');
  if exists (select from inboxdb.change as c where c.client_id is null) then
    -- also noted by a trigger unable to read its row
    if not inboxdb.check_host() then
      return 0;
    end if;
    perform inboxdb.assign_changes();
  end if;

  for quarantined in
    select d.client_id
    from inboxdb.work_list as d
    where d.next_attempt_at >= 'infinity' and d.quarantined_at is not null
      and exists (select from inboxdb.changes_of(array[d.client_id], null) offset 0)
    -- at most 100, because each takes a lock, and the lock table has room for some thousands
    limit 100
  loop
    perform inboxdb.checkpoint('quarantined found');
    if inboxdb.try_lock_workspace(quarantined) then
      perform inboxdb.collapse_changes(quarantined);
    end if;
  end loop;

  select f.claim_from into floor_of_claims from inboxdb.read_floor as f;
  if floor_of_claims > now then
    -- The clock went back, so the floor has to as well; but a publisher with a lock on the row is not waited for.
    perform 1 from inboxdb.drain_state for update skip locked;
    if not found then
      return 0;
    end if;
    floor_of_claims := '-infinity';
  end if;

  -- Due later than any delay, because claimed by a clock that was ahead. Rows being deleted by a refresh are skipped.
  for late in
    select d.client_id, d.next_attempt_at
    from inboxdb.inbox_counts_dirty as d
    where d.next_attempt_at > now + interval '5 minutes' and d.quarantined_at is null
    order by d.next_attempt_at
    for update skip locked
  loop
    update inboxdb.inbox_counts_dirty as d
    set next_attempt_at = now
    where d.client_id = late.client_id and d.next_attempt_at = late.next_attempt_at;
  end loop;

  perform inboxdb.checkpoint('changes assigned');
  insert into inboxdb.inbox_counts_dirty (client_id, dirty_since, next_attempt_at)
  -- Due at once, even if the change was noted by a clock ahead of this one; in the order of the changes, but not below
  -- the floor of claims (D11).
  select found.client_id, found.since, greatest(least(found.since, now), floor_of_claims)
  from (
    select reason.client_id, pg_catalog.min(reason.since) as since
    from (
      select c.client_id, c.noted_at as since
      from inboxdb.change as c
      union all
      select w.client_id, w.next_snooze_at
      from inboxdb.workspace as w
      where w.next_snooze_at <= now
    ) as reason
    group by reason.client_id
    -- not null, written as HAVING count() > 0, because WHERE ... is not null would let a partial index be read whole
    having pg_catalog.count(reason.client_id) > 0
  ) as found
  where not exists (
    select
    from inboxdb.inbox_counts_dirty as d
    where inboxdb.is_work_row(d.client_id, d.next_attempt_at, found.client_id, floor_of_claims)
    -- OFFSET 0: a lookup for each workspace, because for an anti-join the planner would read the whole index
    offset 0
  );
  get diagnostics added = row_count;

  perform inboxdb.raise_floor(now, floor_of_claims);
  return added;
end
$$;
-- <<< sql/drain/collect.sql

-- >>> sql/drain/quarantine.sql
create or replace function inboxdb.quarantine(target_client_id inboxdb.client_id) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: stop trying a workspace until requeue_inbox_counts. Its counts stay as they are; its changes are collapsed,
--   now and later (D40).
-- Parameters: target_client_id, on the work list; the caller took its lock in an EARLIER statement.
-- Writes: inbox_counts_dirty, the change log; job_status, where no attempt survived to record its failure.
-- INVOKER: called by claim_if_free only.
declare
  attempt_number integer;
  reason pg_catalog.text;
begin
  select d.attempts, d.last_error into attempt_number, reason
  from inboxdb.work_list as d
  where d.client_id = target_client_id;
  if reason is null then
    reason := (inboxdb.failure('recompute-inbox-counts', null)).sentence;
    perform inboxdb.record_job('recompute-inbox-counts', target_client_id, inboxdb.clock(), attempt_number, reason);
  end if;
  update inboxdb.work_list as d
  set quarantined_at = inboxdb.clock(), next_attempt_at = 'infinity', last_error = reason
  where d.client_id = target_client_id;
  perform inboxdb.collapse_changes(target_client_id);
end
$$;
-- <<< sql/drain/quarantine.sql

-- >>> sql/drain/claim_if_free.sql
create or replace function inboxdb.claim_if_free(target_client_id inboxdb.client_id, may_quarantine boolean)
returns boolean
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: claim a workspace, if no other drain was first: lock it, and count the attempt. A workspace without attempts
--   left is quarantined instead (D39).
-- Parameters: target_client_id, seen due; may_quarantine, false to let it have one attempt more.
-- Returns: whether the workspace is claimed. If not, its lock is given back, except after a quarantine.
-- Reads, writes: inbox_counts_dirty, job_status; the change log.
-- INVOKER: called by claim_next only, which forbids sequential scans.
declare
  is_spent pg_catalog.bool;
  attempt_number integer;
begin
  -- A block of its own, whose rollback gives the lock back: another drain's claim is committed, and its refresh needs
  -- the lock (D19).
  begin
    -- A lock call for one workspace: as a condition of a query, the call would lock every row visited. Claims and
    -- refreshes change the workspace's row under this lock, so that none waits for another's row lock.
    if not inboxdb.try_lock_workspace(target_client_id) then
      raise no_data_found;
    end if;
    select
      d.attempts >= (
        inboxdb.failure('recompute-inbox-counts', pg_catalog.left(d.last_error, 5))
      ).attempts_allowed into strict is_spent
    from inboxdb.inbox_counts_dirty as d
    where inboxdb.is_due(
        d.client_id, d.next_attempt_at, target_client_id, (select f.claim_from from inboxdb.read_floor as f)
      );
  exception when no_data_found then
    return false;
  end;
  if is_spent and may_quarantine then
    perform inboxdb.quarantine(target_client_id);
    return false;
  end if;

  perform inboxdb.checkpoint('claiming');
  update inboxdb.inbox_counts_dirty as d
  set
    attempts = d.attempts + 1,
    -- never sooner than before: below claim_from the row would not be found (D11)
    next_attempt_at = greatest(d.next_attempt_at, inboxdb.clock() + inboxdb.retry_delay(d.attempts + 1))
  where inboxdb.is_work_row(
      d.client_id, d.next_attempt_at, target_client_id, (select f.claim_from from inboxdb.read_floor as f)
    )
  returning d.attempts into attempt_number;
  if attempt_number > 3 then
    perform inboxdb.collapse_changes(target_client_id);
  end if;
  return true;
end
$$;
-- <<< sql/drain/claim_if_free.sql

-- >>> sql/drain/claim_next.sql
create or replace function inboxdb.claim_next(may_collect boolean default true) returns inboxdb.client_id
language plpgsql volatile security definer
set search_path = ''
-- no sequential scan: it would read the work list's dead rows below the floor
set enable_seqscan = off
-- generic plan, because no parameter changes the best plan, and planning takes longer than all else (D9)
set plan_cache_mode = force_generic_plan
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
as $$
-- Purpose: claim the workspace that is due longest; collect first when none is due. To be committed before the refresh:
--   the attempt then counts even if the refresh kills its backend (D18). A workspace without attempts left is
--   quarantined instead (D39).
-- Parameters: may_collect; false at the end of a transaction that has refreshed another workspace, because a failing
--   collector would roll back the refresh.
-- Returns: the workspace, null when nothing is due, inboxdb is suspended, or another drain finds out where the database
--   is now.
-- Errors: IB004 above READ COMMITTED; IB018 of arrive.
-- Reads, writes: as claim_if_free, collect and, after a start of the server, arrive.
-- DEFINER: its callers have no rights in inboxdb.
declare
  candidate inboxdb.client_id;
  busy inboxdb.client_id[] := '{}';
  collected boolean := not may_collect;
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null then
    return null;
  end if;
  if not exists (
    select
    from inboxdb.drain_state_now as s
    where s.place is not null and s.server_started_at = pg_catalog.pg_postmaster_start_time()
  )
    and not (may_collect and inboxdb.arrive())
  then
    return null;
  end if;
  loop
    select d.client_id into candidate
    from inboxdb.work_list as d
    where d.next_attempt_at <= (select inboxdb.clock())
      and d.client_id <> all (busy)
    order by d.next_attempt_at
    limit 1;

    if candidate is null then
      if collected then
        return null;
      end if;
      perform inboxdb.collect();
      collected := true;
      continue;
    end if;

    perform inboxdb.checkpoint('candidate chosen');
    -- At most 100, because each quarantine keeps a lock, and the lock table has room for some thousands; the next spent
    -- workspace is tried once more.
    if inboxdb.claim_if_free(candidate, pg_catalog.cardinality(busy) < 100) then
      return candidate;
    end if;
    busy := busy || candidate;
  end loop;
end
$$;
-- <<< sql/drain/claim_next.sql

-- >>> sql/drain/claim_set.sql
create or replace function inboxdb.claim_set(
  at_most integer, workers integer default 1, may_collect boolean default true
) returns inboxdb.client_id[]
language plpgsql volatile security definer
set search_path = ''
-- no sequential scan: it would read the work list's dead rows below the floor
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
-- generic plan, because no parameter changes the best plan, and planning takes longer than all else (D9)
set plan_cache_mode = force_generic_plan
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
as $$
-- Purpose: claim the workspace that is due longest, as claim_next, and with it the workspaces due next, as long as each
--   looks fit for a set: not tried before, and counted by today's definitions. To be committed before the refresh.
-- Parameters: at_most, how many; workers, that share what is due; may_collect, as of claim_next.
-- Returns: the workspaces in the order in which they were due, 50 at most; none as claim_next.
-- Errors: IB004 above READ COMMITTED; IB018 of arrive.
-- Reads, writes: as claim_next; workspace.
-- DEFINER: its callers have no rights in inboxdb.
declare
  oldest constant inboxdb.client_id := inboxdb.claim_next(may_collect);
  floor_of_claims constant pg_catalog.timestamptz := (select f.claim_from from inboxdb.read_floor as f);
  candidates inboxdb.client_id[];
  candidate inboxdb.client_id;
  members inboxdb.client_id[] := '{}';
  due_again pg_catalog.timestamptz;
  claimed integer;
begin
  if oldest is null then
    return members;
  end if;
  select d.next_attempt_at into due_again
  from inboxdb.inbox_counts_dirty as d
  where inboxdb.is_work_row(d.client_id, d.next_attempt_at, oldest, floor_of_claims)
    and d.attempts = 1 and not d.collapsed
    and exists (
      select from inboxdb.workspace as w where w.client_id = oldest and w.definitions = inboxdb.definitions() offset 0
    );
  if not found or at_most <= 1 then
    return array[oldest];
  end if;

  candidates := array(
    select d.client_id
    from (
      select
        d.client_id, d.next_attempt_at,
        pg_catalog.bool_and(
          d.attempts = 0 and not d.collapsed and coalesce(w.definitions = inboxdb.definitions(), false)
        ) over (order by d.next_attempt_at, d.client_id) as is_fit_with_all_before
      from (
        select l.client_id, l.next_attempt_at, l.attempts, l.collapsed
        from inboxdb.work_list as l
        where l.next_attempt_at <= (select inboxdb.clock())
        order by l.next_attempt_at
        limit least(50 * workers, 400)
      ) as d
      left join lateral (
        select w.definitions from inboxdb.workspace as w where w.client_id = d.client_id offset 0
      ) as w on true
    ) as d
    where d.is_fit_with_all_before
    order by d.next_attempt_at, d.client_id
  );
  perform inboxdb.checkpoint('set chosen');
  -- A block of its own, whose rollback gives the locks back where another drain claimed one of them first (D19).
  begin
    foreach candidate in array candidates loop
      exit when pg_catalog.cardinality(members) + 1
        >= least(at_most, 50, pg_catalog.ceil((pg_catalog.cardinality(candidates) + 1.0) / workers));
      if inboxdb.try_lock_workspace(candidate) then
        members := members || candidate;
      end if;
    end loop;
    update inboxdb.inbox_counts_dirty as d
    set
      attempts = 1,
      -- after the oldest, in the same order, and so not sooner than before (D11)
      next_attempt_at = due_again + w.place * interval '1 microsecond'
    from pg_catalog.unnest(members) with ordinality as w (client_id, place)
    cross join lateral (
      select o.ctid as tid
      from inboxdb.inbox_counts_dirty as o
      where inboxdb.is_due(o.client_id, o.next_attempt_at, w.client_id, floor_of_claims)
        and o.attempts = 0
      offset 0
    ) as o
    where d.ctid = o.tid;
    get diagnostics claimed = row_count;
    if claimed < pg_catalog.cardinality(members) then
      raise no_data_found;
    end if;
  exception when no_data_found then
    members := '{}';
  end;
  return oldest || members;
end
$$;
-- <<< sql/drain/claim_set.sql

-- >>> sql/jobs/time_limit.sql
create or replace function inboxdb.time_limit(
  target_client_id inboxdb.client_id, least_seconds double precision default 60,
  this_job text default 'recompute-inbox-counts'
) returns double precision
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how long a run of the job may take for the workspace: twice the duration of the last run, so that the
  --   limit doubles after each timeout (D38); at least its seconds_per_lead, because the last run may have been by
  --   change.
  -- Parameters: target_client_id; least_seconds, the minimum for every workspace; this_job, as in view job.
  -- Returns: seconds, 900 at most (or least_seconds, if greater).
  -- Reads: job, job_status, workspace.
  -- DEFINER: its callers have no rights in inboxdb.
  select greatest(
    least_seconds,
    -- null, not 900, without a last run
    (
      select least(j.duration_ms / 500.0, 900)
      from inboxdb.newest_job_status(target_client_id, this_job) as j
    ),
    (
      select least(w.leads * j.seconds_per_lead, 900)
      from inboxdb.workspace as w
      cross join inboxdb.job as j
      where w.client_id = target_client_id and j.job_name = this_job
    )
  )
$$;
-- <<< sql/jobs/time_limit.sql

-- >>> sql/drain/drain_next.sql
create or replace function inboxdb.drain_next(
  claimed inboxdb.client_id default null,
  out client_id inboxdb.client_id, out outcome text, out version bigint, out changed_scopes inboxdb.user_id[],
  out seconds_waited double precision
)
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: refresh a dirty workspace in this transaction; collect first when nothing is due.
-- Parameters: claimed, a workspace claimed by claim_next in an earlier, committed transaction (or any other, due or
--   not); null: claim in this transaction, by hand, but then a refresh killing its backend is tried again at once, and
--   nobody else collects until this transaction ends (D18).
-- Returns: the workspace; the outcome: refreshed, failed (recorded; the changes stay), skipped (locked by another
--   drain, or inboxdb is suspended), idle (nothing due; workspace null); the inbox cache version after a refresh; the
--   users with changed counts or leads, null without changes, for send_signals after the commit; how long the oldest
--   reason for the refresh had waited, for heartbeat.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled, not recorded here.
-- Reads, writes: as claim_next, refresh_or_record.
-- DEFINER: its callers have no rights in inboxdb.
begin
  perform inboxdb.require_read_committed();
  client_id := coalesce(claimed, inboxdb.claim_next());
  if client_id is null then
    outcome := 'idle';
  -- claimed before suspension: during the host's migration the refresh would fail, and count as a failed attempt
  elsif inboxdb.suspended_since() is not null then
    outcome := 'skipped';
  elsif not inboxdb.try_lock_workspace(client_id, case when claimed is null then 1 else 2 end) then
    outcome := 'skipped';
  else
    select r.outcome, r.version, r.changed_scopes, r.seconds_waited
    into outcome, version, changed_scopes, seconds_waited
    from inboxdb.refresh_or_record(client_id, null) as r;
  end if;
end
$$;
-- <<< sql/drain/drain_next.sql

-- >>> sql/drain/drain_set.sql
create or replace function inboxdb.drain_set(claimed inboxdb.client_id[])
returns table (
  client_id inboxdb.client_id, outcome text, version bigint, changed_scopes inboxdb.user_id[],
  seconds_waited double precision, undone_by text
)
language plpgsql volatile security definer
set search_path = ''
-- a workspace held up by another session holds up no other one of the set
set lock_timeout = '100ms'
as $$
-- Purpose: refresh the workspaces of a set in this transaction, by statements for all of them.
-- Parameters: claimed, by claim_set in an earlier, committed transaction.
-- Returns: a row per workspace: refreshed, with the rest as drain_next; or left: to be refreshed by drain_next, in a
--   transaction of its own. Left are workspaces that need more than a set does, or are locked; all of them where
--   inboxdb is suspended, or the set failed: undone_by is the SQLSTATE then, and whose fault that was, drain_next
--   finds out and records.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled: nothing was changed then.
-- Reads, writes: as refresh_set.
-- DEFINER: its callers have no rights in inboxdb.
declare
  member inboxdb.client_id;
  locked inboxdb.client_id[] := '{}';
  started_at pg_catalog.timestamptz[] := '{}';
  refreshed inboxdb.client_id[] := '{}';
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is null then
    foreach member in array claimed loop
      if inboxdb.try_lock_workspace(member) then
        locked := locked || member;
        started_at := started_at || inboxdb.clock();
      end if;
    end loop;
    begin
      for client_id, version, changed_scopes, seconds_waited in
        select r.client_id, r.version, r.changed_scopes, r.seconds_waited
        from inboxdb.refresh_set(locked, started_at) as r
      loop
        outcome := 'refreshed';
        refreshed := refreshed || client_id;
        return next;
      end loop;
    exception when others then
      -- recorded, if the error comes again, by the refresh of the workspace at fault
      get stacked diagnostics undone_by = returned_sqlstate;
    end;
  end if;

  outcome := 'left';
  version := null;
  changed_scopes := null;
  seconds_waited := null;
  foreach client_id in array claimed loop
    if client_id <> all (refreshed) then
      return next;
    end if;
  end loop;
end
$$;
-- <<< sql/drain/drain_set.sql

-- >>> sql/drain/next_audit.sql
create or replace function inboxdb.next_audit() returns inboxdb.client_id
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: choose the workspace whose audit is due longest, for audit_claimed. To be committed before the audit: then
--   the workspace is chosen again after five minutes, and an audit killing its backend does not hold up other
--   workspaces. Quarantined workspaces are left out.
-- Returns: the workspace, null when none is due, or inboxdb is suspended.
-- Errors: IB004 above READ COMMITTED.
-- Reads: work_list. Writes: workspace.
-- DEFINER: its callers have no rights in inboxdb.
declare
  now pg_catalog.timestamptz := inboxdb.clock();
  retried_after pg_catalog.interval := '5 minutes';
  candidate inboxdb.client_id;
  busy inboxdb.client_id[] := '{}';
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null then
    return null;
  end if;
  -- ten locked candidates: other drains are at work on them
  while pg_catalog.cardinality(busy) < 10 loop
    select due.client_id into candidate
    from (
      (
        select w.client_id, w.audited_at
        from inboxdb.workspace as w
        where w.audited_at <= now - inboxdb.audit_period()
          and (w.audit_not_before is null or w.audit_not_before not between now and now + retried_after)
          and w.client_id <> all (busy)
          and not exists (
            select from inboxdb.work_list as d where d.client_id = w.client_id and d.quarantined_at is not null
          )
        order by w.audited_at
        limit 1
      )
      union all
      -- audited in the future, by a clock that was ahead
      (
        select w.client_id, w.audited_at
        from inboxdb.workspace as w
        where w.audited_at > now + interval '1 minute'
          and (w.audit_not_before is null or w.audit_not_before not between now and now + retried_after)
          and w.client_id <> all (busy)
        order by w.audited_at desc
        limit 1
      )
    ) as due
    order by due.audited_at
    limit 1;
    exit when candidate is null;
    -- a refresh holds the lock while changing the row of table workspace, so neither waits for the other's row lock
    if inboxdb.try_lock_workspace(candidate) then
      update inboxdb.workspace as w
      set audit_not_before = now + retried_after
      where w.client_id = candidate
        and (w.audited_at <= now - inboxdb.audit_period() or w.audited_at > now + interval '1 minute')
        and (w.audit_not_before is null or w.audit_not_before not between now and now + retried_after);
      if found then
        return candidate;
      end if;
    end if;
    busy := busy || candidate;
  end loop;
  return null;
end
$$;
-- <<< sql/drain/next_audit.sql

-- >>> sql/log/empty_slice.sql
create or replace function inboxdb.empty_slice() returns boolean
language plpgsql volatile security definer
set search_path = ''
-- custom plan, so that with the slice's number known the other slices are not read
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
-- Purpose: truncate the slice of the change log furthest from use, because a held snapshot keeps its dead rows from
--   vacuum (D6). To be called in a transaction of its own.
-- Returns: whether the slice was truncated: not while small, with undrained changes, or in use by anyone.
-- Errors: IB004 above READ COMMITTED.
-- Locks: ACCESS EXCLUSIVE on the slice, not waited for. A writer late to the slice waits for this short transaction.
-- DEFINER: TRUNCATE is for the owner.
declare
  number integer := (inboxdb.current_slice() + 2) % 4;
  slice pg_catalog.regclass := pg_catalog.format('inboxdb.change_%s', number);
begin
  perform inboxdb.require_read_committed();
  if pg_catalog.pg_relation_size(slice) < inboxdb.least_size_to_empty() then
    return false;
  end if;
  begin
    execute pg_catalog.format('lock table %s in access exclusive mode nowait', slice);
  exception when lock_not_available then
    return false;
  end;
  -- a statement after the lock: its snapshot sees every change committed to the slice before the lock
  if exists (select from inboxdb.change as c where c.slice = number) then
    return false;
  end if;
  execute pg_catalog.format('truncate table only %s', slice);
  return true;
end
$$;
-- <<< sql/log/empty_slice.sql

-- >>> sql/announce/signal_topic.sql
create or replace function inboxdb.signal_topic(client_id inboxdb.client_id, scope_user_id inboxdb.user_id) returns text
language sql immutable parallel safe
set search_path = ''
as $$
  -- Purpose: the realtime topic of one scope.
  -- Parameters: client_id; scope_user_id, the sentinel for the whole workspace.
  -- Returns: inbox:v1:{workspace}:{scope}, with % and : inside ids as %25 and %3A, so that no two scopes share a topic.
  -- Source: docs/contracts.md.
  -- INVOKER: called by our DEFINER functions only.
  select pg_catalog.format(
    'inbox:v1:%s:%s',
    pg_catalog.replace(pg_catalog.replace(client_id::pg_catalog.text, '%', '%25'), ':', '%3A'),
    pg_catalog.replace(pg_catalog.replace(scope_user_id::pg_catalog.text, '%', '%25'), ':', '%3A')
  )
$$;
-- <<< sql/announce/signal_topic.sql

-- >>> sql/announce/send_signals.sql
create or replace function inboxdb.send_signals(
  target_client_id inboxdb.client_id, new_version bigint, changed_scopes inboxdb.user_id[]
) returns integer
language plpgsql volatile security definer
set search_path = ''
set lock_timeout = '1s'
as $$
-- Purpose: signal a change, without its content, to the workspace's global scope and to each user with changed counts
--   or leads. Called after the new version's commit, in a transaction of its own: the database-wide lock of NOTIFY, and
--   a broken realtime, stay out of the refresh (D62).
-- Parameters: target_client_id, new_version, changed_scopes: as returned by drain_next.
-- Returns: how many signals were handed over; failed ones are dropped, because clients poll, too. Null where sending
--   took more than 2 s: the drain then had better send none for a while.
-- Source: docs/contracts.md.
-- Writes: realtime.messages through Supabase's realtime.send, where it exists; else the channel inboxdb.
-- DEFINER: the drain has no rights in Supabase's schema realtime.
declare
  scope inboxdb.user_id;
  payload pg_catalog.jsonb;
  on_supabase pg_catalog.bool := false;
  give_up_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '2 seconds';
  sent pg_catalog.int4 := 0;
begin
  -- without USAGE on the schema, naming its objects raises an error
  if pg_catalog.to_regnamespace('realtime') is not null
    and pg_catalog.has_schema_privilege('realtime', 'usage')
  then
    -- a schema of Supabase's, a superuser's or ours only: anybody else's function of this name would run as us
    on_supabase := exists (
      select
      from pg_catalog.pg_proc as p
      inner join pg_catalog.pg_roles as r on p.proowner = r.oid
      where p.oid = pg_catalog.to_regprocedure(
          'realtime.send(pg_catalog.jsonb,pg_catalog.text,pg_catalog.text,pg_catalog.bool)'
        )
        and (r.rolsuper or r.rolname = current_user)
    );
  end if;

  perform inboxdb.checkpoint('signalling', target_client_id::pg_catalog.text);
  foreach scope in array inboxdb.sentinel() || changed_scopes loop
    -- realtime.send swallows a lock_timeout: without a limit here each further user would wait again
    if pg_catalog.clock_timestamp() > give_up_at then
      return null;
    end if;
    payload := pg_catalog.jsonb_build_object('workspace', target_client_id, 'scope', scope, 'version', new_version);
    begin
      if on_supabase then
        -- dynamic, because realtime.send exists on Supabase only
        execute 'select realtime.send($1, ''inbox_changed'', $2, true)'
        using payload, inboxdb.signal_topic(target_client_id, scope);
      -- a full NOTIFY queue fails the commit, after every exception block
      elsif pg_catalog.pg_notification_queue_usage() < 0.9 then
        perform pg_catalog.pg_notify('inboxdb', payload::pg_catalog.text);
      else
        continue;
      end if;
      sent := sent + 1;
    exception when others then
      -- nothing is reported, because the server's message may quote other payloads; the client polls
      null;
    end;
  end loop;
  return sent;
end
$$;
-- <<< sql/announce/send_signals.sql

-- >>> sql/announce/send_all_signals.sql
create or replace function inboxdb.send_all_signals(refreshes jsonb) returns integer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: signal the changes of several workspaces, as send_signals does for one, in one transaction.
-- Parameters: refreshes, an array of objects with client_id, version and changed_scopes, as returned by drain_next or
--   drain_set.
-- Returns: how many of the workspaces were told, in their order: not all, where telling took more than a second, so
--   that the commit comes soon. Null where sending to a single workspace took more than 2 s: the drain then had better
--   send none for a while.
-- Writes: as send_signals.
-- DEFINER: the drain has no rights in Supabase's schema realtime.
declare
  give_up_at constant pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '1 second';
  refresh pg_catalog.record;
  told integer := 0;
begin
  for refresh in
    select r.client_id, r.version, r.changed_scopes
    from pg_catalog.jsonb_to_recordset(refreshes)
      as r (client_id inboxdb.client_id, version bigint, changed_scopes inboxdb.user_id[])
  loop
    if inboxdb.send_signals(refresh.client_id, refresh.version, refresh.changed_scopes) is null then
      return null;
    end if;
    told := told + 1;
    exit when pg_catalog.clock_timestamp() > give_up_at;
  end loop;
  return told;
end
$$;
-- <<< sql/announce/send_all_signals.sql

-- >>> sql/jobs/prune.sql
create or replace function inboxdb.prune(at_most integer default 1000) returns void
language sql volatile
set search_path = ''
as $$
  -- Purpose: delete samples of freshness after an hour, runs a day after their last heartbeat, drift after 30 days.
  -- Parameters: at_most, rows of each table per call, the oldest first.
  -- Writes: freshness, run, drift; rows locked by others are skipped.
  -- INVOKER: called by maintain, by its name in view maintenance.
  with
  -- MATERIALIZED: inside the delete's condition the sub-select with LIMIT could run again for each row and delete more
  old as materialized (
    select f.sampled_at, f.id
    from inboxdb.freshness as f
    where f.sampled_at < inboxdb.clock() - interval '1 hour'
    order by f.sampled_at, f.id
    limit at_most
    for update skip locked
  )
  delete from inboxdb.freshness as f using old as o
  where f.sampled_at = o.sampled_at and f.id = o.id;

  with
  old as materialized (
    select r.run_id
    from inboxdb.run as r
    where r.seen_at < inboxdb.clock() - interval '1 day'
    order by r.seen_at
    limit at_most
    for update skip locked
  )
  delete from inboxdb.run as r using old as o
  where r.run_id = o.run_id;

  with
  old as materialized (
    select d.found_at, d.id
    from inboxdb.drift as d
    where d.found_at < inboxdb.clock() - interval '30 days'
    order by d.found_at, d.id
    limit at_most
    for update skip locked
  )
  delete from inboxdb.drift as d using old as o
  where d.found_at = o.found_at and d.id = o.id
$$;
-- <<< sql/jobs/prune.sql

-- >>> sql/jobs/heartbeat.sql
create or replace function inboxdb.heartbeat(
  this_run_id text, this_kind text, connections integer, refreshes bigint, failures bigint,
  samples real[] default '{}', is_over boolean default false, troubles text default null,
  undone_by text default null
) returns void
language sql volatile security definer
set search_path = ''
as $$
  -- Purpose: a run's sign of life, at its beginning and end and every 5 seconds between.
  -- Parameters: this_run_id, eight hexadecimal digits; this_kind, as in table run; connections at work; refreshes and
  --   failures so far; samples, seconds_waited of the refreshes since the last call; is_over at the end;
  --   troubles, what the run cannot do besides draining, null where all is well; undone_by, the SQLSTATE by
  --   which a set was undone since the last call, null for none.
  -- Writes: run (the run's own row only, so without waiting for others), freshness.
  -- DEFINER: its callers have no rights in inboxdb.
  insert into inboxdb.run as r (
    run_id, kind, workers, started_at, seen_at, ended_at, refreshed, failed, troubles, undone_by, undone_at
  )
  select
    this_run_id, this_kind, connections, clock.now, clock.now, case when is_over then clock.now end, refreshes,
    failures, pg_catalog.left(troubles, 1000), undone_by, case when undone_by is not null then clock.now end
  from inboxdb.clock() as clock (now)
  on conflict (run_id) do update set
    seen_at = excluded.seen_at,
    ended_at = excluded.ended_at,
    refreshed = excluded.refreshed,
    failed = excluded.failed,
    troubles = excluded.troubles,
    undone_by = coalesce(excluded.undone_by, r.undone_by),
    undone_at = coalesce(excluded.undone_at, r.undone_at);

  insert into inboxdb.freshness (seconds)
  select samples
  where samples <> '{}'
$$;
-- <<< sql/jobs/heartbeat.sql

-- >>> sql/jobs/maintenance_credit.sql
create or replace function inboxdb.maintenance_credit(kept jsonb, item inboxdb.maintenance, now double precision)
returns double precision
language sql immutable
set search_path = ''
as $$
  -- Purpose: how many seconds a worker may spend on an item of maintenance: a share of the time that passes, saved up
  --   to a burst, less the time spent.
  -- Parameters: kept, as maintain keeps it; item, with a share; now, in seconds since 1970.
  -- Returns: seconds, the burst at first; infinite for an item without a share.
  -- INVOKER: reads nothing.
  select case
    when item.time_share is null then 'infinity'
    else least(
      pg_catalog.date_part('epoch', item.burst),
      coalesce((kept #>> array[item.item, 'credit'])::double precision, pg_catalog.date_part('epoch', item.burst))
      + item.time_share * greatest(now - coalesce((kept #>> array[item.item, 'at'])::double precision, now), 0)
    )
  end
$$;
-- <<< sql/jobs/maintenance_credit.sql

-- >>> sql/jobs/after_maintenance.sql
create or replace function inboxdb.after_maintenance(kept jsonb, item inboxdb.maintenance, now double precision)
returns jsonb
language sql immutable
set search_path = ''
as $$
  -- Purpose: put the item at hand down: note when it ended, and subtract the time that it took from its credit.
  -- Parameters: kept, as maintain keeps it; item, as in view maintenance; now, in seconds since 1970.
  -- Returns: kept, with nothing at hand.
  -- Seconds are kept as numeric, because the text of a double precision follows extra_float_digits of the session.
  -- INVOKER: reads nothing.
  select (kept - 'at_hand') || pg_catalog.jsonb_build_object(
    item.item, pg_catalog.jsonb_build_object(
      'at', now::numeric,
      'credit', case
        when item.time_share is not null
          then (
            inboxdb.maintenance_credit(kept, item, now)
            - greatest(now - (kept #>> '{at_hand,began_at}')::double precision, 0)
          )::numeric
      end
    )
  )
$$;
-- <<< sql/jobs/after_maintenance.sql

-- >>> sql/jobs/record_maintenance_failure.sql
create or replace function inboxdb.record_maintenance_failure(item text, error_code text) returns void
language sql volatile
set search_path = ''
as $$
  -- Purpose: record that an item of maintenance failed, for inboxdb doctor.
  -- Parameters: item, as in view maintenance; error_code, the SQLSTATE.
  -- Writes: maintenance_failure: not waiting for another drain that writes the same row.
  -- INVOKER: called by maintain only.
  insert into inboxdb.maintenance_failure as f (item, failed_at, last_error)
  select failed.item, clock.now, failed.error_code
  from (select record_maintenance_failure.item, record_maintenance_failure.error_code) as failed
  cross join inboxdb.clock() as clock (now)
  where pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('maintenance'), pg_catalog.hashtext(failed.item))
  on conflict on constraint maintenance_failure_pkey do update
  set failed_at = excluded.failed_at, last_error = excluded.last_error
  where f.failed_at not between excluded.failed_at - interval '1 minute' and excluded.failed_at
$$;
-- <<< sql/jobs/record_maintenance_failure.sql

-- >>> sql/jobs/failing_maintenance.sql
create or replace function inboxdb.failing_maintenance()
returns table (item text, failed_at timestamptz, last_error text)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: the items of maintenance that failed in the last hour, for inboxdb doctor.
  -- Returns: the item, when it last failed, and the SQLSTATE.
  -- Reads: maintenance_failure.
  -- DEFINER: its callers have no rights in inboxdb.
  select f.item, f.failed_at, f.last_error
  from inboxdb.maintenance_failure as f
  where f.failed_at > inboxdb.clock() - interval '1 hour'
$$;
-- <<< sql/jobs/failing_maintenance.sql

-- >>> sql/jobs/maintain.sql
create or replace function inboxdb.maintain(
  inout kept jsonb, at_rest boolean, error_code text default null,
  out item text, out time_limit double precision, out client_id inboxdb.client_id, out outcome text,
  out version bigint, out changed_scopes inboxdb.user_id[]
)
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: the next step of maintenance, to be called in a transaction of its own until item is null. Steps alternate:
--   one chooses a due item, one runs the chosen item; so the choice is committed before the work that may kill its
--   backend, and the runner knows the time limit.
-- Parameters: kept, of the last step, null at first; at_rest, whether items with a share are meant, while no workspace
--   is due; error_code, why the last step did not come back: its SQLSTATE.
-- Returns: kept, for the next step: clocks and credits of this caller, so that nothing is written and no drain waits
--   for another; the item, null if none is due. After a choice, time_limit in seconds. After the work, its outcome:
--   done, failed, or with a workspace the outcome, version and changed_scopes of a refresh, for send_signals.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled, to be given as error_code.
-- Reads: maintenance. Writes: maintenance_failure; as the function of the item.
-- DEFINER: its callers have no rights in inboxdb.
declare
  now double precision := pg_catalog.date_part('epoch', pg_catalog.clock_timestamp());
  chosen inboxdb.maintenance;
begin
  perform inboxdb.require_read_committed();
  kept := coalesce(kept, '{}');
  if kept ? 'at_hand' then
    item := kept #>> '{at_hand,item}';
    client_id := kept #>> '{at_hand,client_id}';
    select m.* into chosen from inboxdb.maintenance as m where m.item = maintain.item;
    if not found then
      -- the row is gone since: an upgrade
      kept := kept - 'at_hand';
      outcome := 'failed';
      return;
    end if;
    outcome := 'done';
    begin
      if error_code is not null then
        outcome := 'failed';
      elsif chosen.chooser is null then
        execute pg_catalog.format('select %s()', chosen.function_name);
      else
        execute pg_catalog.format(
          'select d.outcome, d.version, d.changed_scopes from %s($1) as d', chosen.function_name
        ) into outcome, version, changed_scopes using client_id;
      end if;
    exception when others then
      get stacked diagnostics error_code = returned_sqlstate;
      outcome := 'failed';
    end;
    if error_code is not null then
      perform inboxdb.record_maintenance_failure(item, pg_catalog.left(error_code, 5));
    end if;
    kept := inboxdb.after_maintenance(kept, chosen, pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()));
    return;
  end if;

  for chosen in
    select m.*
    from inboxdb.maintenance as m
    where (m.time_share is not null) = at_rest
      and inboxdb.maintenance_credit(kept, m, now) > 0
      -- not ahead: a clock that went back stops no maintenance
      and coalesce(
        (kept #>> array[m.item, 'at'])::double precision
        not between now - pg_catalog.date_part('epoch', m.run_every) + 0.001 and now,
        true
      )
    order by m.item
  loop
    if chosen.chooser is not null then
      begin
        execute pg_catalog.format('select %s()', chosen.chooser) into client_id;
      exception when others then
        get stacked diagnostics error_code = returned_sqlstate;
        perform inboxdb.record_maintenance_failure(chosen.item, error_code);
      end;
      continue when client_id is null;
    end if;
    item := chosen.item;
    time_limit := greatest(
      pg_catalog.date_part('epoch', chosen.time_limit),
      case when client_id is not null then inboxdb.time_limit(client_id, 0) end
    );
    kept := kept || pg_catalog.jsonb_build_object(
      'at_hand', pg_catalog.jsonb_build_object('item', item, 'client_id', client_id, 'began_at', now::numeric)
    );
    return;
  end loop;
end
$$;
-- <<< sql/jobs/maintain.sql

-- >>> sql/drain/audit_claimed.sql
create or replace function inboxdb.audit_claimed(
  claimed inboxdb.client_id, out outcome text, out version bigint, out changed_scopes inboxdb.user_id[]
)
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: audit a workspace chosen by next_audit, and recount in case of drift; a row of view maintenance names this
--   function.
-- Parameters: claimed, by next_audit in an earlier, committed transaction.
-- Returns: the outcome: audited (all was right), or as of drain_next; the version and the changed scopes after a
--   recount.
-- Errors: IB004 above READ COMMITTED; 57014 when cancelled.
-- Reads, writes: as audit_workspace, refresh_or_record. Writes: workspace; the change log after a failed audit.
-- INVOKER: called by maintain, by its name in view maintenance.
declare
  began_at pg_catalog.timestamptz := inboxdb.clock();
  one_by_one boolean := inboxdb.is_comparison_due(claimed, began_at);
  is_sound boolean;
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null then
    outcome := 'skipped';
    return;
  end if;
  -- before the lock, so that other drains go on refreshing the workspace during the audit (D29)
  begin
    is_sound := inboxdb.audit_workspace(claimed, one_by_one);
  exception when others then
    -- a refresh will fail likewise, with a record, further attempts and a quarantine at last
    perform inboxdb.note_change(claimed, null);
    outcome := 'failed';
    return;
  end;
  if not inboxdb.try_lock_workspace(claimed, 100) then
    outcome := 'skipped';
  elsif is_sound then
    update inboxdb.workspace as w
    set
      audited_at = began_at,
      audit_not_before = null,
      compared_at = case when one_by_one then began_at else w.compared_at end
    where w.client_id = claimed;
    outcome := 'audited';
  else
    select r.outcome, r.version, r.changed_scopes into outcome, version, changed_scopes
    from inboxdb.refresh_or_record(claimed, 'audit') as r;
  end if;
end
$$;
-- <<< sql/drain/audit_claimed.sql

-- >>> sql/drain/next_transaction.sql
-- A committing procedure may have neither SET nor SECURITY DEFINER, so every name is qualified here, operators too.
create or replace procedure inboxdb.next_transaction()
language plpgsql
as $$
-- Purpose: commit, and begin the next transaction of drain_dirty: READ COMMITTED, a lock given up after a minute, and
--   nothing that cuts a transaction short, whatever the server, the database or the role has set (D113).
-- INVOKER: reads nothing.
begin
  commit;
  set transaction isolation level read committed;
  perform pg_catalog.set_config('lock_timeout', '60s', true);
  -- of PostgreSQL 17
  if pg_catalog.current_setting('transaction_timeout', true) is not null then
    perform pg_catalog.set_config('transaction_timeout', '0', true);
  end if;
  -- of minor versions since 2024
  if pg_catalog.current_setting('restrict_nonsystem_relation_kind', true) is not null then
    perform pg_catalog.set_config('restrict_nonsystem_relation_kind', '', true);
  end if;
end
$$;
-- <<< sql/drain/next_transaction.sql

-- >>> sql/drain/drain_dirty.sql
-- A committing procedure may have neither SET nor SECURITY DEFINER, so every name is qualified here, operators too.
create or replace procedure inboxdb.drain_dirty(max_workspaces integer default null, max_seconds integer default null)
language plpgsql
as $$
-- Purpose: drain with SQL alone (psql, pg_cron): claim and refresh workspaces while any is due.
-- Parameters: max_workspaces to claim, null for no limit. max_seconds, how long to go on: with nothing due the
--   procedure looks again every second, so that a schedule by the minute keeps up with every change; null or 0: end as
--   soon as nothing is due, after 55 seconds at most. No workspace is started afterwards, nor after half of the
--   session's statement_timeout, which bounds the whole call. A refresh waiting for a lock is given up after a minute.
-- Errors: 2D000 inside a transaction block, because of the COMMIT after each workspace.
-- A WARNING where inboxdb is suspended, when there is nothing to claim.
-- Beside the refreshes, and with nothing due, view maintenance says what else is done.
-- Reads, writes: as claim_set, drain_set, drain_next, maintain, send_signals, send_all_signals, heartbeat.
-- INVOKER: its caller needs EXECUTE on these seven functions, and on next_transaction, clock, lock_class,
--   suspended_since and why_suspended.
declare
  looks_again boolean := coalesce(max_seconds operator(pg_catalog.>) 0, false);
  began_at pg_catalog.timestamptz := pg_catalog.clock_timestamp();
  stop_at pg_catalog.timestamptz := began_at
    operator(pg_catalog.+) pg_catalog.make_interval(secs => case when looks_again then max_seconds else 55 end);
  run_id pg_catalog.text := pg_catalog.substr(pg_catalog.gen_random_uuid()::pg_catalog.text, 1, 8);
  call_limit pg_catalog.float8 := pg_catalog.date_part(
    'epoch', pg_catalog.current_setting('statement_timeout')::pg_catalog.interval
  );
  beat_at pg_catalog.timestamptz := '-infinity';
  samples pg_catalog.float4[] := '{}';
  refreshes pg_catalog.int8 := 0;
  failures pg_catalog.int8 := 0;
  drained integer := 0;
  claimed inboxdb.client_id[];
  -- to be refreshed in a transaction of their own
  alone inboxdb.client_id[];
  member inboxdb.client_id;
  -- of a set: whom to tell what
  to_tell pg_catalog.jsonb[];
  told integer;
  drain_outcome pg_catalog.text;
  new_version bigint;
  scopes inboxdb.user_id[];
  waited pg_catalog.float8;
  -- once realtime hangs, no further signals are sent
  silent boolean := false;
  -- by which SQLSTATE a set was undone since the last heartbeat
  set_undone_by pg_catalog.text;
  troubles pg_catalog.text;
  -- of maintenance: beside the refreshes, and at rest
  beside pg_catalog.jsonb;
  at_rest pg_catalog.jsonb;
  item pg_catalog.text;
begin
  if call_limit operator(pg_catalog.>) 0 then
    stop_at := least(
      stop_at, began_at operator(pg_catalog.+) pg_catalog.make_interval(secs => call_limit operator(pg_catalog./) 2)
    );
  end if;
  loop
    call inboxdb.next_transaction();
    troubles := case when silent then 'realtime hangs' end;
    if pg_catalog.clock_timestamp() operator(pg_catalog.>=) beat_at then
      beat_at := pg_catalog.clock_timestamp() operator(pg_catalog.+) pg_catalog.make_interval(secs => 5);
      perform inboxdb.heartbeat(
        run_id, 'sql', 1, refreshes, failures, samples, false, troubles, set_undone_by
      );
      samples := '{}';
      set_undone_by := null;
      call inboxdb.next_transaction();
      loop
        select m.kept, m.item into beside, item from inboxdb.maintain(beside, false) as m;
        call inboxdb.next_transaction();
        exit when item is null;
      end loop;
    end if;
    exit when drained operator(pg_catalog.>=) max_workspaces;
    exit when pg_catalog.clock_timestamp() operator(pg_catalog.>=) stop_at;
    claimed := inboxdb.claim_set(least(50, max_workspaces operator(pg_catalog.-) drained));
    if pg_catalog.cardinality(claimed) operator(pg_catalog.=) 0 then
      call inboxdb.next_transaction();
      select m.kept, m.item into at_rest, item from inboxdb.maintain(at_rest, true) as m;
      call inboxdb.next_transaction();
      if item is not null then
        perform pg_catalog.set_config('application_name', 'inboxdb drain_dirty ' operator(pg_catalog.||) run_id, true);
        select m.kept, m.client_id, m.version, m.changed_scopes into at_rest, member, new_version, scopes
        from inboxdb.maintain(at_rest, true) as m;
        if scopes is not null and not silent then
          call inboxdb.next_transaction();
          silent := inboxdb.send_signals(member, new_version, scopes) is null;
        end if;
        continue;
      end if;
    end if;
    if pg_catalog.cardinality(claimed) operator(pg_catalog.=) 0 and not looks_again then
      -- While another drain collects, the workspaces found are not yet visible. With the collector's lock taken here no
      -- other drain does: claim once more, and end if nothing is due.
      if pg_catalog.pg_try_advisory_xact_lock(inboxdb.lock_class('collector'), 0) then
        claimed := inboxdb.claim_set(least(50, max_workspaces operator(pg_catalog.-) drained));
        exit when pg_catalog.cardinality(claimed) operator(pg_catalog.=) 0;
      end if;
    end if;
    if pg_catalog.cardinality(claimed) operator(pg_catalog.=) 0 then
      call inboxdb.next_transaction();
      perform pg_catalog.pg_sleep(case when looks_again then 1 else 0.05 end);
      continue;
    end if;
    drained := drained operator(pg_catalog.+) pg_catalog.cardinality(claimed);

    alone := claimed;
    if pg_catalog.cardinality(claimed) operator(pg_catalog.>) 1 then
      call inboxdb.next_transaction();
      perform pg_catalog.set_config('application_name', 'inboxdb drain_dirty ' operator(pg_catalog.||) run_id, true);
      select
        pg_catalog.array_agg(d.client_id) filter (where d.outcome operator(pg_catalog.=) 'left'),
        refreshes operator(pg_catalog.+)
        pg_catalog.count(*) filter (where d.outcome operator(pg_catalog.=) 'refreshed'),
        samples operator(pg_catalog.||)
        pg_catalog.array_agg(d.seconds_waited::pg_catalog.float4) filter (where d.seconds_waited is not null),
        pg_catalog.array_agg(pg_catalog.to_jsonb(d)) filter (where d.changed_scopes is not null),
        coalesce(pg_catalog.min(d.undone_by), set_undone_by)
      into alone, refreshes, samples, to_tell, set_undone_by
      from inboxdb.drain_set(claimed) as d;
      while pg_catalog.cardinality(to_tell) operator(pg_catalog.>) 0 and not silent loop
        call inboxdb.next_transaction();
        told := inboxdb.send_all_signals(pg_catalog.to_jsonb(to_tell));
        silent := told is null;
        to_tell := to_tell[told operator(pg_catalog.+) 1 :];
      end loop;
    end if;
    foreach member in array coalesce(alone, '{}') loop
      -- a claim left is due again in a second, for any drain
      exit when pg_catalog.clock_timestamp() operator(pg_catalog.>=) stop_at;
      call inboxdb.next_transaction();
      perform pg_catalog.set_config('application_name', 'inboxdb drain_dirty ' operator(pg_catalog.||) run_id, true);
      select d.outcome, d.version, d.changed_scopes, d.seconds_waited into drain_outcome, new_version, scopes, waited
      from inboxdb.drain_next(member) as d;
      if drain_outcome operator(pg_catalog.=) 'failed' then
        failures := failures operator(pg_catalog.+) 1;
      elsif drain_outcome operator(pg_catalog.=) 'refreshed' then
        refreshes := refreshes operator(pg_catalog.+) 1;
      end if;
      if waited is not null then
        samples := samples operator(pg_catalog.||) waited::pg_catalog.float4;
      end if;
      if scopes is not null and not silent then
        call inboxdb.next_transaction();
        silent := inboxdb.send_signals(member, new_version, scopes) is null;
      end if;
    end loop;
  end loop;
  call inboxdb.next_transaction();
  perform inboxdb.heartbeat(
    run_id, 'sql', 1, refreshes, failures, samples, true, troubles, set_undone_by
  );
  if inboxdb.suspended_since() is not null then
    raise warning using
      message = 'inboxdb is suspended, so nothing is drained'
        operator(pg_catalog.||) coalesce(': ' operator(pg_catalog.||) inboxdb.why_suspended(), ''),
      hint = 'inboxdb migrate resume, once the host''s own migration is through.';
  end if;
end
$$;
-- <<< sql/drain/drain_dirty.sql

-- >>> sql/drain/seconds_to_next_attempt.sql
create or replace function inboxdb.seconds_to_next_attempt(
  except_client_ids text[] default '{}'
) returns double precision
language sql volatile security definer
set search_path = ''
as $$
  -- Purpose: how long until a dirty workspace is due.
  -- Parameters: except_client_ids, workspaces not to look at.
  -- Returns: seconds, negative if already due; null where no dirty workspace is left, or inboxdb is suspended.
  --   Quarantined workspaces are never due.
  -- Reads: inbox_counts_dirty, suspended_since.
  -- DEFINER: the drain may not read the work list.
  select pg_catalog.date_part('epoch', pg_catalog.min(d.next_attempt_at) - inboxdb.clock())
  from inboxdb.work_list as d
  where d.next_attempt_at < 'infinity' and inboxdb.suspended_since() is null
    and d.client_id::pg_catalog.text <> all (except_client_ids)
$$;
-- <<< sql/drain/seconds_to_next_attempt.sql

-- >>> sql/operations/drain_status.sql
create or replace function inboxdb.drain_status(
  out dirty_workspaces integer,
  out pending_changes bigint,
  out oldest_dirty_seconds double precision,
  out late_workspaces integer,
  out failing_workspaces integer,
  out quarantined_workspaces integer,
  out workers_seen integer,
  out last_drain_at timestamptz,
  out freshness_p50 double precision,
  out freshness_p95 double precision,
  out freshness_p99 double precision,
  out log_bytes bigint,
  out unpublished_keys bigint,
  out unpublished_seconds double precision,
  out counts_source text,
  out suspended_since timestamptz,
  out suspended_because text,
  out audit_period_seconds double precision,
  out oldest_audit_seconds double precision,
  out drifted_workspaces integer,
  out self_healed_workspaces integer,
  out arrived_at timestamptz,
  out troubled_runs integer,
  out run_troubles text
)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how far behind the drain is, by the log itself and not by the work list alone.
  -- Returns: dirty workspaces; changes in the log; how long ago the oldest of them was noted (0 without any), which may
  --   be long before the commit of the host's transaction; late workspaces, waiting longer than the promised 15 seconds
  --   since a collector could see their change; failing workspaces, to be tried again, and quarantined ones;
  --   connections of drains with a heartbeat within 30 seconds; the last heartbeat of any drain; how many seconds
  --   changes waited in the last hour, percentiles over refreshes, null without any; bytes of the log; keys not yet
  --   copied to the cache and how long the oldest has waited, null where nothing was ever copied; the setting
  --   counts_source; since when inboxdb is suspended, null while not, and why, null where by command; within how long
  --   every workspace is to be audited again, and how long ago the last audit was of the workspace audited the longest
  --   ago, quarantined ones excepted, null without any; workspaces in which drift was found in the last day, and among
  --   them those found because a refresh by change did not fit.
  -- Reads: waiting, change, inbox_counts_dirty, drain_state, run, freshness, cache_version, job_status, setting,
  --   workspace, drift. Its cost grows with the log.
  -- DEFINER: its callers have no rights in inboxdb.
  with
  state as (
    select d.collected_at, d.publisher_seen_at, d.arrived_at from inboxdb.drain_state_now as d
  ),
  drains as (
    select
      coalesce(pg_catalog.sum(r.workers) filter (
        where r.ended_at is null and r.seen_at > inboxdb.clock() - interval '30 seconds'
      ), 0) as workers,
      greatest(pg_catalog.max(r.seen_at), (select s.collected_at from state as s)) as last_at
    from inboxdb.run as r
  ),
  troubled as (
    select
      pg_catalog.count(*) as runs,
      pg_catalog.string_agg(pg_catalog.format('run %s: %s', r.run_id, t.troubles), '; ' order by r.seen_at desc) as told
    from inboxdb.run as r
    cross join lateral (
      select
        pg_catalog.concat_ws(
          '; ', r.troubles,
          case
            when r.undone_at > inboxdb.clock() - interval '1 minute'
              then 'undid sets of workspaces, refreshed one by one instead: ' || r.undone_by
          end
        ) as troubles
    ) as t
    -- the one before a schedule's next run, too
    where t.troubles <> '' and r.seen_at > inboxdb.clock() - interval '1 minute'
  ),
  reasons as (
    select pg_catalog.count(distinct w.client_id) as workspaces, pg_catalog.min(w.since) as oldest
    from inboxdb.waiting as w
  ),
  late as (
    select d.client_id
    from inboxdb.work_list as d
    where d.collected_at < inboxdb.clock() - inboxdb.promised_freshness() and d.quarantined_at is null
    union
    -- no collector has looked since, although drains may have a heartbeat: all are busy, or a collector hangs
    select w.client_id
    from inboxdb.waiting as w
    cross join state as s
    where w.since < inboxdb.clock() - inboxdb.promised_freshness()
      and coalesce(s.collected_at < inboxdb.clock() - inboxdb.promised_freshness(), true)
      and not exists (
        select from inboxdb.work_list as q where q.client_id = w.client_id and q.quarantined_at is not null
      )
  ),
  fresh as (
    select pg_catalog.percentile_cont(array[0.5, 0.95, 0.99]) within group (order by one.seconds) as at
    from inboxdb.freshness as f
    cross join pg_catalog.unnest(f.seconds) as one (seconds)
    where f.sampled_at > inboxdb.clock() - interval '1 hour'
  ),
  unpublished as (
    select pg_catalog.count(*) as keys, pg_catalog.min(u.unpublished_since) as oldest
    from (
      select v.unpublished_since from inboxdb.cache_version as v where v.unpublished_since is not null
      union all
      select j.unpublished_since from inboxdb.job_status as j where j.unpublished_since is not null
    ) as u
    -- without a cache in use everything stays unpublished
    where exists (select from state as s where s.publisher_seen_at is not null)
  ),
  healed as (
    select
      pg_catalog.count(distinct d.client_id) as workspaces,
      pg_catalog.count(distinct d.client_id) filter (where d.found_by = 'did_not_fit') as by_themselves
    from inboxdb.drift as d
    where d.found_at > inboxdb.clock() - interval '1 day'
  )
  select
    r.workspaces,
    (select pg_catalog.count(*) from inboxdb.change),
    coalesce(greatest(pg_catalog.date_part('epoch', inboxdb.clock() - r.oldest), 0), 0),
    (select pg_catalog.count(*) from late),
    (
      select pg_catalog.count(*)
      from inboxdb.work_list as d
      where d.last_error is not null and d.quarantined_at is null
    ),
    (select pg_catalog.count(*) from inboxdb.work_list as d where d.quarantined_at is not null),
    d.workers,
    d.last_at,
    f.at[1],
    f.at[2],
    f.at[3],
    (
      select pg_catalog.sum(pg_catalog.pg_total_relation_size(c.oid))
      from pg_catalog.pg_class as c
      where c.relnamespace = pg_catalog.to_regnamespace('inboxdb')
        and c.relname in ('change_0', 'change_1', 'change_2', 'change_3')
    ),
    case when s.publisher_seen_at is not null then u.keys end,
    case
      when s.publisher_seen_at is not null
        then coalesce(greatest(pg_catalog.date_part('epoch', inboxdb.clock() - u.oldest), 0), 0)
    end,
    inboxdb.setting('counts_source'),
    inboxdb.suspended_since(),
    inboxdb.why_suspended(),
    pg_catalog.date_part('epoch', inboxdb.audit_period()),
    (
      select pg_catalog.max(greatest(pg_catalog.date_part('epoch', inboxdb.clock() - w.audited_at), 0))
      from inboxdb.workspace as w
      where not exists (
          select from inboxdb.work_list as q where q.client_id = w.client_id and q.quarantined_at is not null
        )
    ),
    h.workspaces,
    h.by_themselves,
    s.arrived_at,
    t.runs,
    t.told
  from reasons as r
  cross join drains as d
  cross join fresh as f
  cross join unpublished as u
  cross join state as s
  cross join healed as h
  cross join troubled as t
$$;
-- <<< sql/operations/drain_status.sql

-- >>> sql/operations/work_left.sql
create or replace function inboxdb.work_left(out workspaces integer, out leads bigint)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: how much is to be counted, in leads, for an estimate of the time left: the largest workspace may have as
  --   many leads as all others together (D49).
  -- Returns: dirty workspaces; about how many leads they have. Workspaces never refreshed share the rest of the
  --   planner's statistics on "Lead", because counting leads would take as long as half of the work.
  -- Reads: waiting, workspace, pg_class. Its cost grows with the log.
  -- DEFINER: its callers have no rights in inboxdb.
  with
  left_over as (
    select distinct w.client_id from inboxdb.waiting as w
  )
  select
    pg_catalog.count(*),
    coalesce(pg_catalog.sum(w.leads), 0) + case
      when pg_catalog.count(w.client_id) < pg_catalog.count(*) then (
        select greatest(c.reltuples - (select coalesce(pg_catalog.sum(k.leads), 0) from inboxdb.workspace as k), 0)
        from pg_catalog.pg_class as c
        where c.oid = 'public."Lead"'::pg_catalog.regclass
      )
      else 0
    end
  from left_over as l
  left join inboxdb.workspace as w on l.client_id = w.client_id
$$;
-- <<< sql/operations/work_left.sql

-- >>> sql/operations/failing_workspaces.sql
create or replace function inboxdb.failing_workspaces()
returns table (
  client_id inboxdb.client_id, attempts integer, next_attempt_at timestamptz, last_error text,
  quarantined_at timestamptz
)
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: the workspaces whose last attempt failed, the longest dirty first.
  -- Returns: the workspace; its claims since it became dirty; when the next attempt is due (infinity: only after a
  --   requeue); SQLSTATE and our own sentence; since when quarantined, null if not.
  -- Reads: inbox_counts_dirty.
  -- DEFINER: roles of drains and of monitoring may not read the work list.
  select d.client_id, d.attempts, d.next_attempt_at, d.last_error, d.quarantined_at
  from inboxdb.inbox_counts_dirty as d
  where d.last_error is not null
  order by d.dirty_since, d.client_id
$$;
-- <<< sql/operations/failing_workspaces.sql

-- >>> sql/operations/held_snapshot.sql
create or replace function inboxdb.held_snapshot(out seconds double precision, out holder text, out all_seen boolean)
language sql stable
set search_path = ''
as $$
  -- Purpose: the oldest held snapshot: the transaction, slot or standby keeping dead rows from vacuum.
  -- Returns: its age (0 without any, and for a standby or its slot, because PostgreSQL keeps no age of theirs); its
  --   holder, null for nobody; whether the caller could see everybody's sessions: without pg_read_all_stats the ages of
  --   other roles' sessions are 0.
  -- Reads: pg_stat_activity, pg_stat_progress_vacuum, pg_prepared_xacts, pg_replication_slots.
  -- INVOKER: callers see as much as PostgreSQL lets them.
  select
    coalesce(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - oldest.since), 0), oldest.holder,
    pg_catalog.pg_has_role('pg_read_all_stats', 'usage')
  from (select 1) as always (one)
  left join lateral (
    select held.holder, held.since
    from (
      select pg_catalog.format('session %s', a.pid), a.xact_start
      from pg_catalog.pg_stat_activity as a
      where a.pid <> pg_catalog.pg_backend_pid()
        and (
          -- an xid: part of every snapshot taken meanwhile, here too
          a.backend_xid is not null
          -- holds back this database; of a standby, all databases
          or (a.backend_xmin is not null and coalesce(a.datname = pg_catalog.current_database(), true))
        )
        -- vacuums ignore each other's snapshots
        and not exists (select from pg_catalog.pg_stat_progress_vacuum as v where v.pid = a.pid)
      union all
      select pg_catalog.format('prepared transaction %s', p.gid), p.prepared
      from pg_catalog.pg_prepared_xacts as p
      union all
      -- xmin only: a catalog_xmin keeps rows of the catalogs and of no other table
      select pg_catalog.format('replication slot %s', s.slot_name), null
      from pg_catalog.pg_replication_slots as s
      where s.xmin is not null
    ) as held (holder, since)
    order by held.since
    limit 1
  ) as oldest on true
$$;
-- <<< sql/operations/held_snapshot.sql

-- >>> sql/base/iso.sql
create or replace function inboxdb.iso(instant timestamptz) returns text
language sql immutable
set search_path = ''
as $$
  -- Purpose: an instant as text for the cache's readers.
  -- Parameters: instant.
  -- Returns: as in 2026-01-31T12:00:00.000000Z, in UTC whatever the session's TimeZone is.
  -- Source: RFC 3339.
  -- INVOKER: reads nothing.
  select pg_catalog.to_char(instant at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;
-- <<< sql/base/iso.sql

-- >>> sql/announce/cache_version_copy.view.sql
create or replace view inboxdb.cache_version_copy as
-- Cache versions as a cache holds them. Source: docs/contracts.md.
select
  v.unpublished_since, v.client_id, 'version' as kind, v.family as item, v.version as rank,
  pg_catalog.format('%s:v1:ver:%s', v.family, v.client_id) as redis_key, v.version::pg_catalog.text as redis_value,
  v.ctid as place
from inboxdb.cache_version as v;

comment on view inboxdb.cache_version_copy is 'Cache versions as a cache holds them.';
comment on column inboxdb.cache_version_copy.rank is 'The greater in a newer copy.';
comment on column inboxdb.cache_version_copy.place is 'The row''s place in its table, for keys_at_random.';
-- <<< sql/announce/cache_version_copy.view.sql

-- >>> sql/announce/job_status_copy.view.sql
create or replace view inboxdb.job_status_copy as
-- Job statuses as a cache holds them. Source: docs/contracts.md.
select
  s.unpublished_since, s.client_id, 'job' as kind, s.job_name as item,
  (pg_catalog.date_part('epoch', s.last_started_at) * 1000000)::pg_catalog.int8 as rank,
  pg_catalog.format('jobs:v1:%s:%s', s.job_name, s.client_id) as redis_key,
  (
    pg_catalog.jsonb_build_object(
      'lastStartedAt', inboxdb.iso(s.last_started_at),
      'lastFinishedAt', inboxdb.iso(s.last_finished_at),
      'lastStatus', s.last_status,
      'lastError', s.last_error,
      'durationMs', s.duration_ms,
      'attempt', s.attempt,
      'runId', s.run_id
    )
    || case
      when (
        select j.has_modes
        from inboxdb.job as j
        where j.job_name = s.job_name
      )
        then pg_catalog.jsonb_build_object(
            'mode', case
              when s.last_status = 'failed' then null
              when s.recount_reason is null then 'by_change'
              else 'recount'
            end,
            'recountReason', s.recount_reason
          )
      else '{}'
    end
  )::pg_catalog.text as redis_value,
  s.ctid as place
from inboxdb.job_status as s;

comment on view inboxdb.job_status_copy is 'Job statuses as a cache holds them.';
comment on column inboxdb.job_status_copy.rank is 'The greater in a newer copy: the start, in microseconds since 1970.';
comment on column inboxdb.job_status_copy.place is 'The row''s place in its table, for keys_at_random.';
-- <<< sql/announce/job_status_copy.view.sql

-- >>> sql/announce/unpublished.sql
create or replace function inboxdb.unpublished(
  at_most integer default 1000,
  after_since timestamptz default '-infinity', after_client_id text default null, after_key text default ''
)
returns table (
  unpublished_since timestamptz, kind text, client_id text, item text, rank bigint, redis_key text, value text
)
language sql stable security definer
set search_path = ''
-- of the last row's own time there may be a million rows, where a custom plan expects one, and sorts
set plan_cache_mode = force_generic_plan
as $$
  -- Purpose: versions and job statuses to be copied to the cache, the longest waiting first.
  -- Parameters: at_most, rows; unpublished_since, workspace and key of the last row of an earlier answer, to go on
  --   behind it: a key that the cache refuses stays unpublished, and must not hold up the ones behind it (D108).
  -- Returns: since when; kind, version or job; the workspace; the version's family or the job's name; rank, the greater
  --   in a newer copy; key and value.
  -- Source: docs/contracts.md.
  -- Reads: cache_version_copy, job_status_copy.
  -- DEFINER: its callers have no rights in inboxdb.
  select u.unpublished_since, u.kind, u.client_id::pg_catalog.text, u.item, u.rank, u.redis_key, u.redis_value
  from (
    (
      select v.unpublished_since, v.client_id, v.kind, v.item, v.rank, v.redis_key, v.redis_value
      from inboxdb.cache_version_copy as v
      where v.unpublished_since is not null
        and (v.unpublished_since, v.client_id, v.redis_key)
        > (after_since, after_client_id::inboxdb.client_id, after_key)
      order by v.unpublished_since, v.client_id, v.redis_key
      limit at_most
    )
    union all
    (
      select s.unpublished_since, s.client_id, s.kind, s.item, s.rank, s.redis_key, s.redis_value
      from inboxdb.job_status_copy as s
      where s.unpublished_since is not null
        and (s.unpublished_since, s.client_id, s.redis_key)
        > (after_since, after_client_id::inboxdb.client_id, after_key)
      order by s.unpublished_since, s.client_id, s.redis_key
      limit at_most
    )
  ) as u
  order by u.unpublished_since, u.client_id, u.redis_key
  limit at_most
$$;
-- <<< sql/announce/unpublished.sql

-- >>> sql/announce/page_at_random.sql
create or replace function inboxdb.page_at_random(of_table regclass, pages bigint) returns bigint
language sql volatile
set search_path = ''
as $$
  -- Purpose: a place in a table from which to read some pages.
  -- Parameters: of_table; pages, how many are to be read.
  -- Returns: a page's number, from 0; 0 for a table of no more pages.
  -- INVOKER: called by keys_at_random only.
  select pg_catalog.floor(
    pg_catalog.random() * greatest(
      pg_catalog.pg_relation_size(of_table) / pg_catalog.current_setting('block_size')::bigint - pages + 1, 1
    )
  )::bigint
$$;
-- <<< sql/announce/page_at_random.sql

-- >>> sql/announce/keys_at_random.sql
create or replace function inboxdb.keys_at_random(pages integer default 10)
returns table (kind text, client_id text, item text, rank bigint, redis_key text, value text)
language plpgsql volatile security definer
set search_path = ''
-- a hundred rows by their place: compilation would take longer
set jit = off
as $$
-- Purpose: versions and job statuses to be copied to the cache once more, because a cache evicts keys, and loses the
--   last ones in a failover, without telling (D108). Chance needs no cursor for publishers to share.
-- Parameters: pages, to be read of each table, one after another from a place taken by chance; a table that has no more
--   is read whole.
-- Returns: as unpublished.
-- Reads: cache_version_copy, job_status_copy.
-- DEFINER: its callers have no rights in inboxdb.
declare
  version_place bigint := inboxdb.page_at_random('inboxdb.cache_version', pages);
  status_place bigint := inboxdb.page_at_random('inboxdb.job_status', pages);
begin
  return query
  select v.kind, v.client_id::pg_catalog.text, v.item, v.rank, v.redis_key, v.redis_value
  from inboxdb.cache_version_copy as v
  where v.place >= pg_catalog.format('(%s,0)', version_place)::pg_catalog.tid
    and v.place < pg_catalog.format('(%s,0)', version_place + pages)::pg_catalog.tid
  union all
  select s.kind, s.client_id::pg_catalog.text, s.item, s.rank, s.redis_key, s.redis_value
  from inboxdb.job_status_copy as s
  where s.place >= pg_catalog.format('(%s,0)', status_place)::pg_catalog.tid
    and s.place < pg_catalog.format('(%s,0)', status_place + pages)::pg_catalog.tid;
end
$$;
-- <<< sql/announce/keys_at_random.sql

-- >>> sql/announce/confirm_published.sql
create or replace function inboxdb.confirm_published(kinds text[], client_ids text[], items text[], ranks bigint[])
returns integer
language plpgsql volatile security definer
set search_path = ''
-- lookups by key: the planner knows the sizes neither of the arrays nor of the tables
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
set jit = off
as $$
-- Purpose: clear unpublished_since of versions and statuses copied to the cache. Called after the copy: a crash between
--   the two costs a second copy and loses nothing (D43).
-- Parameters: arrays of one length: kind, client_id, item and rank as unpublished returned them.
-- Returns: how many are published now: rows with a newer rank by now, and rows locked by a writer, are left.
-- Writes: cache_version, job_status, drain_state.publisher_seen_at (every 10 seconds at most).
-- DEFINER: its callers have no rights in inboxdb.
declare
  versions integer;
  jobs integer;
begin
  -- not pg_catalog.unnest: with several arrays unnest is syntax, under its bare name only
  update inboxdb.cache_version as v
  set unpublished_since = null
  where (v.client_id, v.family, v.version) in (
    select locked.client_id, locked.family, locked.version
    from unnest(kinds, client_ids, items, ranks) as p (kind, client_id, item, rank)
    inner join inboxdb.cache_version as locked
      on p.client_id::inboxdb.client_id = locked.client_id and p.item = locked.family
    where p.kind = 'version' and locked.version = p.rank
    for update of locked skip locked
  );
  get diagnostics versions = row_count;

  update inboxdb.job_status as j
  set unpublished_since = null
  where (j.client_id, j.job_name, j.last_started_at) in (
    select locked.client_id, locked.job_name, locked.last_started_at
    from unnest(kinds, client_ids, items, ranks) as p (kind, client_id, item, rank)
    inner join inboxdb.job_status as locked
      on p.client_id::inboxdb.client_id = locked.client_id and p.item = locked.job_name
    where p.kind = 'job'
      and locked.last_started_at = pg_catalog.timestamptz 'epoch' + p.rank * interval '1 microsecond'
    for update of locked skip locked
  );
  get diagnostics jobs = row_count;

  update inboxdb.drain_state as s
  set publisher_seen_at = pg_catalog.clock_timestamp()
  where s.revision = (
    select locked.revision
    from inboxdb.drain_state as locked
    where locked.revision >= (select now.revision from inboxdb.drain_state_now as now)
      and (
        locked.publisher_seen_at is null
        or locked.publisher_seen_at not between
        pg_catalog.clock_timestamp() - interval '10 seconds' and pg_catalog.clock_timestamp()
      )
    for update skip locked
  );
  return versions + jobs;
end
$$;
-- <<< sql/announce/confirm_published.sql

-- >>> sql/announce/mark_all_unpublished.sql
create or replace function inboxdb.mark_all_unpublished() returns bigint
language plpgsql volatile security definer
set search_path = ''
-- refreshes hold these rows for milliseconds; a transaction left open is not waited for
set lock_timeout = '5s'
as $$
-- Purpose: have everything copied to the cache again, after a flush or a change of cache.
-- Returns: how many keys are unpublished then.
-- Errors: 55P03 where a row stayed locked for 5 seconds; then nothing was changed.
-- Writes: cache_version, job_status, in the order in which a refresh locks them.
-- DEFINER: its callers have no rights in inboxdb.
declare
  versions bigint;
  jobs bigint;
begin
  perform 1 from inboxdb.cache_version as v order by v.client_id, v.family desc for update;
  update inboxdb.cache_version as v
  set unpublished_since = coalesce(v.unpublished_since, inboxdb.clock());
  get diagnostics versions = row_count;
  update inboxdb.job_status as j
  set unpublished_since = coalesce(j.unpublished_since, inboxdb.clock());
  get diagnostics jobs = row_count;
  return versions + jobs;
end
$$;
-- <<< sql/announce/mark_all_unpublished.sql

-- >>> sql/access/revoke_public.sql
-- PostgreSQL grants EXECUTE on each new function to PUBLIC.
revoke execute on all routines in schema inboxdb from public;
-- <<< sql/access/revoke_public.sql

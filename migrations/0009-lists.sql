-- inboxdb 0009: conversation lists: the view that pages are read from, cursors, and the reads in inbox_api. Where the host
--   lacks a column by which lists sort or filter, the view is not made. The indexes of lists are no part of this file,
--   because their text hangs on the types of the host's columns: `inboxdb lists build` makes them, concurrently.
-- Locks: ACCESS SHARE on "Lead", "AIDraft" and "Message" until commit, as a query takes. Duration: milliseconds.
-- Undo: 0009-lists.rollback.sql puts back what was before, and drops the indexes.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0009-lists.sql (one transaction).
-- depends: 0008-types-of-the-server

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;
-- squawk-ignore ban-drop-view
drop view inboxdb.setting_definition;

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> sql/base/setting_definition.view.sql
create or replace view inboxdb.setting_definition as
select d.setting_name, d.default_value, d.allowed, d.meaning
from (
  values
  ('audit_hours', '6', '[1-9][0-9]{0,3}', 'how many hours after an audit or a recount a workspace is audited again'),
  ('counts_source', inboxdb.default_counts_source(), 'stored|live', 'where inbox_api.inbox_counts answers from'),
  (
    'lists', 'undecided', 'built|left_out|undecided',
    'whether `inboxdb migrate apply` builds the indexes of lists, unless left_out; set by it, and by `inboxdb lists '
    'build` and `drop`'
  ),
  (
    'noted_updates', 'named', 'named|changed',
    'which UPDATEs of "Lead" are changes: those that name a counted column, or those that change one; set by '
    'inboxdb.set_noted_updates'
  )
) as d (setting_name, default_value, allowed, meaning);

comment on view inboxdb.setting_definition is
'Every setting: its default, what it may be (a regular expression for the whole of it), and what it decides.';
-- <<< sql/base/setting_definition.view.sql

-- >>> sql/host/first_time.sql
-- Overloaded for the two kinds of a host's times, which "Lead" may mix. Inlined into queries that an index answers,
-- hence neither STRICT nor with a search_path of their own.
create or replace function inboxdb.first_time(a timestamp, b timestamp) returns timestamp
language sql immutable parallel safe
as $$
  -- Purpose: the first of two times of the host's that is there, in the columns' own type: an index on the bare columns
  --   costs writers half of one on instants.
  -- Parameters: a, b.
  -- Returns: a; b where a is null; -infinity where both are.
  -- INVOKER: reads nothing.
  select coalesce(a, b, '-infinity')
$$;

create or replace function inboxdb.first_time(a timestamptz, b timestamptz) returns timestamptz
language sql immutable parallel safe
as $$
  -- Purpose: the same for hosts with timestamp WITH time zone.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select coalesce(a, b, '-infinity')
$$;

create or replace function inboxdb.first_time(a timestamp, b timestamptz) returns timestamptz
language sql immutable parallel safe
as $$
  -- Purpose: the same for columns of different kinds: both as instants.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select coalesce(a at time zone 'UTC', b, '-infinity')
$$;

create or replace function inboxdb.first_time(a timestamptz, b timestamp) returns timestamptz
language sql immutable parallel safe
as $$
  -- Purpose: the same for columns of different kinds: both as instants.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select coalesce(a, b at time zone 'UTC', '-infinity')
$$;
-- <<< sql/host/first_time.sql

-- >>> sql/host/host_time.sql
-- The inverse of utc, for comparing with a column as it is. Both functions are inlined, hence no search_path of their
-- own; overload resolution picks the right one per column.
create or replace function inboxdb.host_time(instant timestamptz, like_this timestamp) returns timestamp
language sql immutable parallel safe
as $$
  -- Purpose: an instant in the type of a host's column.
  -- Parameters: instant; like_this, the column.
  -- Returns: the instant in UTC, without time zone.
  -- INVOKER: reads nothing.
  select instant at time zone 'UTC'
$$;

create or replace function inboxdb.host_time(instant timestamptz, like_this timestamptz) returns timestamptz
language sql immutable parallel safe
as $$
  -- Purpose: the same for hosts with timestamp WITH time zone: nothing to do.
  -- Parameters: as above.
  -- Returns: the instant.
  -- INVOKER: reads nothing.
  select instant
$$;
-- <<< sql/host/host_time.sql

-- >>> sql/host/is_after.sql
-- Overloaded for the two kinds of a host's times, which "Lead" may mix. Inlined into queries that an index answers,
-- hence without a search_path of their own.
create or replace function inboxdb.is_after(a timestamp, b timestamp) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: compare two times of the host's in the columns' own type: see first_time.
  -- Parameters: a, b.
  -- Returns: whether a is after b; null where one is null.
  -- INVOKER: reads nothing.
  select a > b
$$;

create or replace function inboxdb.is_after(a timestamptz, b timestamptz) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: the same for hosts with timestamp WITH time zone.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select a > b
$$;

create or replace function inboxdb.is_after(a timestamp, b timestamptz) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: the same for columns of different kinds: both as instants.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select (a at time zone 'UTC') > b
$$;

create or replace function inboxdb.is_after(a timestamptz, b timestamp) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: the same for columns of different kinds: both as instants.
  -- Parameters: as above.
  -- Returns: as above.
  -- INVOKER: reads nothing.
  select a > (b at time zone 'UTC')
$$;
-- <<< sql/host/is_after.sql

-- >>> sql/host/id_bytes.sql
-- Overloaded for the two types of host ids. Both functions are inlined, also into conditions of indexes' queries, hence
-- neither STRICT nor with a search_path of their own.
create or replace function inboxdb.id_bytes(id text) returns integer
language sql immutable parallel safe
as $$
  -- Purpose: how much room an id takes in an index.
  -- Parameters: id.
  -- Returns: its bytes; null for null.
  -- INVOKER: reads nothing.
  select pg_catalog.octet_length(id)
$$;

create or replace function inboxdb.id_bytes(id uuid) returns integer
language sql immutable parallel safe
as $$
  -- Purpose: the same for hosts whose ids are UUIDs.
  -- Parameters: id.
  -- Returns: 16, for null, too.
  -- INVOKER: reads nothing.
  select 16
$$;
-- <<< sql/host/id_bytes.sql

-- >>> sql/access/grant_matrix.view.sql
create or replace view inboxdb.grant_matrix as
-- Who may do what with inboxdb, declared here alone. A right not listed is the owner's alone: PUBLIC and anon have
-- none. apply_grants brings the catalog in line for the roles that exist; the tests compare the two.
select m.grantee, m.kind, m.object_name, m.privilege
from (
  values
  -- signed-in users, each seeing what the policies let through
  ('authenticated', 'schema', 'inboxdb', 'usage'),
  ('authenticated', 'schema', 'inbox_api', 'usage'),
  ('authenticated', 'table', 'inboxdb.inbox_counts', 'select'),
  ('authenticated', 'table', 'inboxdb.cache_version', 'select'),
  ('authenticated', 'table', 'inboxdb.job_status', 'select'),
  ('authenticated', 'function', 'inboxdb.current_user_id()', 'execute'),
  ('authenticated', 'function', 'inboxdb.member_workspaces()', 'execute'),
  ('authenticated', 'function', 'inboxdb.setter_workspaces()', 'execute'),
  ('authenticated', 'function', 'inboxdb.has_client_access(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.has_topic_access(text)', 'execute'),
  -- each read: ('authenticated', 'function', '{routine}', 'execute'),
  ('authenticated', 'function', 'inbox_api.conversation(inboxdb.lead_id)', 'execute'),
  ('authenticated', 'function', 'inbox_api.conversation_filters(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inbox_api.conversation_messages(inboxdb.lead_id, text, text, integer)', 'execute'),
  (
    'authenticated',
    'function',
    'inbox_api.conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, integer)',
    'execute'
  ),
  ('authenticated', 'function', 'inbox_api.inbox_counts(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation(inboxdb.lead_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation_filters(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation_messages(inboxdb.lead_id, text, text, integer)', 'execute'),
  (
    'authenticated',
    'function',
    'inboxdb.read_conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text,'
    ' integer)',
    'execute'
  ),
  ('authenticated', 'function', 'inboxdb.read_inbox_counts(inboxdb.client_id)', 'execute'),
  -- end
  -- roles of drains
  ('inboxdb_drainer', 'schema', 'inboxdb', 'usage'),
  ('inboxdb_drainer', 'procedure', 'inboxdb.drain_dirty(integer, integer)', 'execute'),
  ('inboxdb_drainer', 'procedure', 'inboxdb.next_transaction()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.clock()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.suspended_since()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.why_suspended()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.lock_class(text)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.collect()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.claim_next(boolean)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.drain_next(inboxdb.client_id)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.claim_set(integer, integer, boolean)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.drain_set(inboxdb.client_id[])', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.maintain(jsonb, boolean, text)', 'execute'),
  (
    'inboxdb_drainer', 'function',
    'inboxdb.record_failure(inboxdb.client_id, timestamp with time zone, text)', 'execute'
  ),
  (
    'inboxdb_drainer', 'function',
    'inboxdb.send_signals(inboxdb.client_id, bigint, inboxdb.user_id[])', 'execute'
  ),
  ('inboxdb_drainer', 'function', 'inboxdb.send_all_signals(jsonb)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.seconds_to_next_attempt(text[])', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.time_limit(inboxdb.client_id, double precision, text)', 'execute'),
  (
    'inboxdb_drainer', 'function',
    'inboxdb.heartbeat(text, text, integer, bigint, bigint, real[], boolean, text, text)', 'execute'
  ),
  ('inboxdb_drainer', 'function', 'inboxdb.unpublished(integer, timestamp with time zone, text, text)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.keys_at_random(integer)', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.confirm_published(text[], text[], text[], bigint[])', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.mark_all_unpublished()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.drain_status()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.work_left()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.failing_workspaces()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.held_snapshot()', 'execute'),
  ('inboxdb_drainer', 'function', 'inboxdb.lead_rls_state()', 'execute'),
  -- roles of monitoring: no counts
  ('inboxdb_monitor', 'schema', 'inboxdb', 'usage'),
  ('inboxdb_monitor', 'function', 'inboxdb.failing_maintenance()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.drain_status()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.failing_workspaces()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.held_snapshot()', 'execute'),
  ('inboxdb_monitor', 'function', 'inboxdb.lead_rls_state()', 'execute')
) as m (grantee, kind, object_name, privilege)
union
-- roles restricted by the policy on "Lead": the functions called by the policy
select
  case bound.role_oid
    when 0 then 'public' else pg_catalog.pg_get_userbyid(bound.role_oid)::text
  end as grantee,
  'function' as kind,
  needed.refobjid::pg_catalog.regprocedure::text as object_name,
  'execute' as privilege
from pg_catalog.pg_policy as p
inner join pg_catalog.pg_depend as needed
  on needed.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass
    and p.oid = needed.objid
    and needed.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
cross join lateral pg_catalog.unnest(p.polroles) as bound (role_oid)
where p.polname = 'inboxdb_member' and p.polrelid = pg_catalog.to_regclass('public."Lead"');

comment on view inboxdb.grant_matrix is 'Who may do what with inboxdb, in whole: see apply_grants.';
-- <<< sql/access/grant_matrix.view.sql

-- >>> sql/list/missing_for_lists.sql
create or replace function inboxdb.missing_for_lists() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: find out whether the host has the columns by which lists sort and filter, in types that do. Columns only
  --   shown may be missing: their keys are null then.
  -- Returns: the names of missing columns; null where every column is there.
  -- Reads: the system catalog.
  -- INVOKER: reads the catalog only.
  with needed (place, host_table, host_column, types) as (
    values
    -- list: list columns
    (1, 'Lead', 'lastMessageAt', 'timestamp%'),
    (2, 'Lead', 'createdAt', 'timestamp%'),
    (3, 'Lead', 'updatedAt', 'timestamp%'),
    (4, 'Lead', 'overallScore', 'integer'),
    (5, 'Lead', 'smsCampaignId', '%'),
    (6, 'Message', 'id', '%'),
    (7, 'Message', 'sentAt', 'timestamp%'),
    (8, 'Message', 'body', '%'),
    (9, 'Message', 'subject', '%'),
    (10, 'Message', 'sentByUserId', '%'),
    (11, 'AIDraft', 'channel', '%'),
    (12, 'SmsCampaign', 'id', '%'),
    (13, 'SmsCampaign', 'name', '%')
    -- end
  ),

  found (place, name, type_name) as (
    select
      n.place, pg_catalog.format('public.%I.%I', n.host_table, n.host_column),
      (
        -- without the quotes of a session that quotes all identifiers
        select pg_catalog.replace(
            pg_catalog.translate(pg_catalog.format_type(a.atttypid, null), '"', ''), 'character varying', 'text'
          )
        from pg_catalog.pg_attribute as a
        where a.attrelid = pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table))
          and a.attname = n.host_column
          and not a.attisdropped
          and pg_catalog.format_type(a.atttypid, null) like n.types
      )
    from needed as n
  )

  select pg_catalog.string_agg(f.name, ', ' order by f.place)
  from found as f
  where f.type_name is null
    -- compared with each other
    or f.place = 12 and f.type_name <> (select other.type_name from found as other where other.place = 5)
$$;
-- <<< sql/list/missing_for_lists.sql

-- >>> sql/list/listed_lead.view.sql
-- Not made where the host lacks a column: then there are no lists (see missing_for_lists).
do $view$
begin
  if inboxdb.missing_for_lists() is not null then
    -- the host may have dropped a column between suspend and resume
    drop view if exists inboxdb.listed_lead;
    return;
  end if;
  execute $listed$
create or replace view inboxdb.listed_lead as
-- classified_lead, word for word, with the columns by which lists sort and filter. A copy, because a join back to
-- "Lead" is removed by the planner on 18 only, and because counts go by classified_lead's text (function definitions).
select
  -- in the types of the host's columns, as the indexes have them (D131)
  inboxdb.first_time(l."lastMessageAt", l."createdAt") as activity,
  l."updatedAt" as updated,
  coalesce(l."snoozedUntil", '-infinity') as snoozed,
  inboxdb.is_after(l."lastInboundAt", inboxdb.first_time(l."lastZrgOutboundAt", l."lastOutboundAt")) as is_open,
  -- no index of ours has room for longer ids, and a host's write must not fail by an index (D111)
  inboxdb.id_bytes(l.id) + inboxdb.id_bytes(l."clientId") + coalesce(inboxdb.id_bytes(l."assignedToUserId"), 0) <= 2500
    as is_listed,
  l."assignedToUserId" as assigned_to,
  l."sentimentTag" as sentiment_tag,
  l."overallScore" as overall_score,
  l."smsCampaignId" as sms_campaign_id,
  -- query of counts/classified_lead.view.sql
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
) as term
  -- end
$listed$;
end
$view$;

do $comment$
begin
  if pg_catalog.to_regclass('inboxdb.listed_lead') is not null then
    execute $$comment on view inboxdb.listed_lead is
      'For each lead what classified_lead says, and the columns by which lists sort and filter.'$$;
  end if;
end
$comment$;
-- <<< sql/list/listed_lead.view.sql

-- >>> sql/list/list_filter.view.sql
create or replace view inboxdb.list_filter as
-- The filters of the conversation list: walk_leads has the condition of each, from listed_lead; list_indexes the index.
-- `bit`: of the count by which list_candidates finds the filter's leads, where the filter has no index of "Lead".
-- `index_name`: that along which the filter's leads are walked.
select
  f.name,
  f.bit,
  f.index_name
from (
  values
  ('all', null, 'public.inboxdb_list_all'),
  ('responses', null, 'public.inboxdb_list_responses'),
  ('attention', null, 'public.inboxdb_list_tagged'),
  ('previous_attention', null, 'public.inboxdb_list_tagged'),
  ('needs_repair', null, 'public.inboxdb_list_needs_repair'),
  ('ai_sent', 6, 'public.inboxdb_list_all'),
  ('ai_review', 7, 'public.inboxdb_list_all')
) as f (name, bit, index_name);

comment on view inboxdb.list_filter is
'The filters of the conversation list, and the counts by whose bits leads are found.';
-- <<< sql/list/list_filter.view.sql

-- >>> sql/list/list_indexes.sql
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
-- <<< sql/list/list_indexes.sql

-- >>> sql/list/list_key.table.sql
create table inboxdb.list_key (
  is_only boolean primary key default true,
  secret bytea not null default uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
  constraint list_key_is_only_check check (is_only)
);

insert into inboxdb.list_key (is_only) values (true);

comment on table inboxdb.list_key is
'The secret with which cursors are signed: one row. Made anew, the row makes every cursor that clients have invalid.';
-- <<< sql/list/list_key.table.sql

-- >>> sql/list/cursor_signature.sql
create or replace function inboxdb.cursor_signature(list text, payload bytea) returns bytea
language sql stable
set search_path = ''
as $$
  -- Purpose: sign a cursor, so that clients can neither make cursors nor use them for another list.
  -- Parameters: list, whatever the cursor belongs to: function, workspace, scope, filters, definitions; payload, where
  --   the next page begins.
  -- Returns: 16 bytes.
  -- Source: NMAC, Bellare, Canetti, Krawczyk 1996: a hash of a hash, each begun with the secret.
  -- Reads: list_key.
  -- INVOKER: called by make_cursor and read_cursor only.
  select pg_catalog.substr(
    pg_catalog.sha256(
      k.secret || pg_catalog.sha256(
        k.secret || pg_catalog.sha256(pg_catalog.convert_to(list, 'UTF8')) || payload
      )
    ), 1, 16
  )
  from inboxdb.list_key as k
$$;
-- <<< sql/list/cursor_signature.sql

-- >>> sql/list/mask_place.sql
create or replace function inboxdb.mask_place(signature bytea, place bytea) returns bytea
language sql stable
set search_path = ''
as $$
  -- Purpose: make a cursor's place unreadable, and readable again: the last lead looked at may be one that the cursor's
  --   reader may not see.
  -- Parameters: signature, of the place; place, plain or masked.
  -- Returns: the place, masked or plain; null for no bytes.
  -- Source: SIV, Rogaway, Shrimpton 2006: bytes XORed with a stream of hashes that begins with the signature.
  -- Reads: list_key.
  -- INVOKER: called by make_cursor and read_cursor only.
  select pg_catalog.string_agg(
    pg_catalog.substr(
      pg_catalog.int4send(pg_catalog.get_byte(place, b.number) # pg_catalog.get_byte(s.bytes, b.number)), 4
    ),
    '' order by b.number
  )
  from (
    select pg_catalog.string_agg(
      pg_catalog.sha256(k.secret || signature || pg_catalog.int4send(n.number)), '' order by n.number
    ) as bytes
    from inboxdb.list_key as k
    cross join pg_catalog.generate_series(0, pg_catalog.length(place) / 32) as n (number)
  ) as s
  cross join pg_catalog.generate_series(0, pg_catalog.length(place) - 1) as b (number)
$$;
-- <<< sql/list/mask_place.sql

-- >>> sql/list/make_cursor.sql
create or replace function inboxdb.make_cursor(list text, sort_at timestamptz, id text) returns text
language sql stable
set search_path = ''
set timezone = 'UTC'
as $$
  -- Purpose: say where the next page begins, in a text for clients to hand back.
  -- Parameters: list, as for cursor_signature; sort_at and id, of the last row looked at.
  -- Returns: signature and masked place in base64url, RFC 4648; null for a null id.
  -- Reads: list_key.
  -- INVOKER: called by our DEFINER functions only.
  select pg_catalog.rtrim(
    pg_catalog.translate(
      pg_catalog.encode(s.signature || inboxdb.mask_place(s.signature, p.payload), 'base64'),
      pg_catalog.concat('+/', pg_catalog.chr(10)), '-_'
    ), '='
  )
  from (
    select pg_catalog.convert_to(pg_catalog.jsonb_build_array(sort_at, id)::pg_catalog.text, 'UTF8') as payload
    where id is not null
  ) as p
  cross join lateral (select inboxdb.cursor_signature(list, p.payload) as signature offset 0) as s
$$;
-- <<< sql/list/make_cursor.sql

-- >>> sql/list/read_cursor.sql
create or replace function inboxdb.read_cursor(list text, given text, out sort_at timestamptz, out id text)
language plpgsql stable
set search_path = ''
set timezone = 'UTC'
as $$
-- Purpose: read a cursor made by make_cursor for the same list.
-- Parameters: list, as for cursor_signature; given, the cursor.
-- Returns: sort_at and id, as given to make_cursor; null for a null cursor.
-- Errors: IB016 for any other text: forged, cut, of another list, workspace, scope or filter, of earlier definitions.
-- Reads: list_key.
-- INVOKER: called by our DEFINER functions only.
declare
  bytes pg_catalog.bytea;
  payload pg_catalog.bytea;
  place pg_catalog.jsonb;
begin
  if given is null then
    return;
  end if;
  -- the alphabet and the length first, because decode would raise an error of its own
  if pg_catalog.length(given) < 16384 and pg_catalog.length(given) % 4 <> 1 and given ~ '^[A-Za-z0-9_-]+$' then
    bytes := pg_catalog.decode(
      pg_catalog.rpad(
        pg_catalog.translate(given, '-_', '+/'), (pg_catalog.length(given) + 3) / 4 * 4, '='
      ), 'base64'
    );
    payload := inboxdb.mask_place(pg_catalog.substr(bytes, 1, 16), pg_catalog.substr(bytes, 17));
    if inboxdb.cursor_signature(list, payload) = pg_catalog.substr(bytes, 1, 16) then
      place := pg_catalog.convert_from(payload, 'UTF8');
      sort_at := place ->> 0;
      id := place ->> 1;
    end if;
  end if;
  -- made again, because the last character may have bits that decode passes over
  if inboxdb.make_cursor(list, sort_at, id) is distinct from given then
    raise exception using
      errcode = 'IB016',
      message = 'not a cursor of this list',
      detail = 'A cursor belongs to a function, a workspace, its filters, and what the caller may see there; an upgrade'
        ' may change all cursors.',
      hint = 'Begin at the first page, without a cursor.';
  end if;
end
$$;
-- <<< sql/list/read_cursor.sql

-- >>> sql/list/refuse_argument.sql
create or replace function inboxdb.refuse_argument(argument text, allowed text) returns void
language plpgsql immutable
set search_path = ''
as $$
-- Purpose: refuse an argument of a read: an unknown value is never passed over.
-- Parameters: argument, by name; allowed, in words.
-- Errors: IB021, always. The value is not repeated.
-- INVOKER: called by our DEFINER functions only.
begin
  raise exception using
    errcode = 'IB021',
    message = pg_catalog.format('argument %s cannot be that', argument),
    detail = 'Nothing was read.',
    hint = pg_catalog.format('%s may be %s.', argument, allowed);
end
$$;
-- <<< sql/list/refuse_argument.sql

-- >>> sql/list/require_lists.sql
create or replace function inboxdb.require_lists() returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse reads of lists where the host lacks columns by which lists sort and filter, or columns of the counts
--   named by reads of lists: views follow a renamed column, the text of a function does not.
-- Errors: IB020, naming the columns.
-- Reads: the system catalog.
-- INVOKER: called by our DEFINER functions only.
declare
  -- asked each time, because the host may have renamed a column since the view was made
  missing pg_catalog.text := inboxdb.missing_for_lists();
begin
  with named (place, host_table, host_column) as (
    values
    (1, 'ClientMember', 'clientId'),
    (2, 'ClientMember', 'userId'),
    (3, 'ClientMember', 'role'),
    (4, 'Lead', 'id'),
    (5, 'Lead', 'status'),
    (6, 'Lead', 'sentimentTag'),
    (7, 'AIDraft', 'leadId'),
    (8, 'AIDraft', 'status'),
    (9, 'Message', 'leadId'),
    (10, 'Message', 'channel'),
    (11, 'Message', 'source'),
    (12, 'Message', 'direction'),
    (13, 'Message', 'sentBy')
  )

  select
    coalesce(
      pg_catalog.string_agg(pg_catalog.format('public.%I.%I', n.host_table, n.host_column), ', ' order by n.place)
      || coalesce(', ' || missing, ''), missing
    )
  into missing
  from named as n
  where not exists (
      select
      from pg_catalog.pg_attribute as a
      where pg_catalog.to_regclass(pg_catalog.format('public.%I', n.host_table)) = a.attrelid
        and a.attname = n.host_column
        and not a.attisdropped
    );
  if missing is not null or pg_catalog.to_regclass('inboxdb.listed_lead') is null then
    raise exception using
      errcode = 'IB020',
      message = 'there are no lists in this database',
      detail = coalesce('Missing: ' || missing, 'View inboxdb.listed_lead is missing') || '.',
      hint = 'Once every column is there, by its name: `inboxdb migrate verify --repair`, then'
        ' `inboxdb lists build`.';
  end if;
end
$$;
-- <<< sql/list/require_lists.sql

-- >>> sql/list/require_index.sql
create or replace function inboxdb.require_index(index_name text) returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse a page whose index is not there: it would cost a scan of the workspace.
-- Parameters: index_name, with its schema.
-- Errors: IB020, naming the index.
-- Reads: the system catalog.
-- INVOKER: called by find_page only.
begin
  if not exists (
    select
    from pg_catalog.pg_index as i
    where i.indexrelid = pg_catalog.to_regclass(index_name) and i.indisvalid
  ) then
    raise exception using
      errcode = 'IB020',
      message = 'this list has no index in this database',
      detail = pg_catalog.format('Missing, or not built to its end: %s. Nothing was read.', index_name),
      hint = '`inboxdb lists build` builds it, concurrently.';
  end if;
end
$$;
-- <<< sql/list/require_index.sql

-- >>> sql/list/list_page.type.sql
create type inboxdb.list_page as (
  lead_ids inboxdb.lead_id [],
  has_more boolean,
  last_at timestamptz,
  last_id inboxdb.lead_id,
  scanned integer
);

comment on type inboxdb.list_page is
'A page of a list: leads in order; whether more may follow; the last lead looked at; how many were looked at.';
-- <<< sql/list/list_page.type.sql

-- >>> sql/list/list_condition.type.sql
create type inboxdb.list_condition as (
  as_of timestamptz,
  channels text [],
  sentiment_tags text [],
  sms_campaign_id text,
  sms_campaign_unattributed boolean,
  score text
);

comment on type inboxdb.list_condition is
'What is asked of each lead of a list: the instant at which snoozes are judged, and the filters that have no index.';
-- <<< sql/list/list_condition.type.sql

-- >>> sql/list/require_condition.sql
create or replace function inboxdb.require_condition(asked inboxdb.list_condition) returns boolean
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse unknown filters of the conversation list.
-- Parameters: asked.
-- Returns: whether each lead has to be looked at.
-- Errors: IB021 for an unknown value.
-- INVOKER: called by read_conversations only.
begin
  if asked.channels = '{}' or not asked.channels <@ array['sms', 'email', 'linkedin'] then
    perform inboxdb.refuse_argument('channels', 'null, or an array of some of sms, email, linkedin');
  end if;
  if asked.sentiment_tags = '{}' or pg_catalog.array_ndims(asked.sentiment_tags) > 1 then
    perform inboxdb.refuse_argument('sentiment_tags', 'null, or an array of tags, with null for leads without a tag');
  end if;
  if asked.sms_campaign_id is not null and asked.sms_campaign_unattributed then
    perform inboxdb.refuse_argument('sms_campaign_unattributed', 'true only without sms_campaign_id');
  end if;
  if asked.score not in ('all', '4', '3+', '2+', '1+', 'unscored', 'disqualified') then
    perform inboxdb.refuse_argument('score', '4, 3+, 2+, 1+, unscored, disqualified or all');
  end if;
  return asked.channels is not null or asked.sentiment_tags is not null or asked.sms_campaign_id is not null
    or asked.sms_campaign_unattributed or asked.score <> 'all';
end
$$;
-- <<< sql/list/require_condition.sql

-- >>> sql/list/list_candidates.sql
create or replace function inboxdb.list_candidates(target_client_id inboxdb.client_id, count_bit integer, most integer)
returns inboxdb.lead_id[]
language plpgsql stable
set search_path = ''
set row_security = off
-- planned for this bit: the partial index of a count fits its constant alone
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Purpose: the leads for which a count has to be verified: counted at the last refresh, or with a change since.
-- Parameters: target_client_id; count_bit, of the count, as in view count; most, how many may be returned.
-- Returns: their ids, in no order; null where there are more, or where more than single leads may have changed since:
--   then leads have to be walked.
-- Reads: workspace, counted_lead, the change log, inbox_counts_dirty, installation.
-- INVOKER: called by find_page only.
declare
  this_workspace integer;
  candidates inboxdb.lead_id[];
begin
  select w.number into this_workspace
  from inboxdb.workspace as w
  where w.client_id = target_client_id and w.definitions = inboxdb.definitions();
  if this_workspace is null or inboxdb.suspended_since() is not null or exists (
    select from inboxdb.inbox_counts_dirty as d where d.client_id = target_client_id and d.collapsed
  ) then
    return null;
  end if;

  select pg_catalog.array_agg(c.lead_id) into candidates
  from (
    select n.lead_id from inboxdb.changes_of(array[target_client_id], most + 1) as n
    union all
    select n.lead_id from inboxdb.change as n where n.client_id is null
    limit most + 1
  ) as c;
  if pg_catalog.cardinality(candidates) > most or pg_catalog.array_position(candidates, null) is not null then
    return null;
  end if;

  select pg_catalog.array_agg(c.lead_id) into candidates
  from (
    select pg_catalog.unnest(candidates)
    union
    select k.lead_id
    from (
      select inboxdb.key_id(k.lead_key)::inboxdb.lead_id as lead_id
      from inboxdb.counted_lead as k
      where k.workspace = this_workspace and k.counts & (1 << count_bit) <> 0
      limit most + 1
    ) as k
  ) as c (lead_id);
  return case when pg_catalog.cardinality(candidates) > most then null else coalesce(candidates, '{}') end;
end
$$;
-- <<< sql/list/list_candidates.sql

-- >>> sql/list/leads_of.sql
create or replace function inboxdb.leads_of(
  target_client_id inboxdb.client_id, target_user_id inboxdb.user_id, most integer
)
returns inboxdb.lead_id[]
language plpgsql stable
set search_path = ''
set row_security = off
-- planned for this user: along the index of a user's leads
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
-- Purpose: the leads of a user, where no index has them in the order of the list.
-- Parameters: target_client_id; target_user_id; most, how many may be returned.
-- Returns: their ids, in no order; null where there are more.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: listed_lead.
-- INVOKER: called by find_page only.
declare
  lead_ids inboxdb.lead_id[];
begin
  select pg_catalog.array_agg(o.lead_id) into lead_ids
  from (
    select l.lead_id
    from inboxdb.listed_lead as l
    where l.client_id = target_client_id and l.is_listed and l.scope_user_id = target_user_id
    limit most + 1
  ) as o;
  return case when pg_catalog.cardinality(lead_ids) > most then null else coalesce(lead_ids, '{}') end;
end
$$;
-- <<< sql/list/leads_of.sql

-- >>> sql/list/walk_leads.sql
create or replace function inboxdb.walk_leads(
  target_client_id inboxdb.client_id, filter_name text, sort_name text, whose text, user_id inboxdb.user_id,
  asked inboxdb.list_condition, candidates inboxdb.lead_id[], after_at timestamptz, after_id inboxdb.lead_id,
  page_size integer, most integer
)
returns inboxdb.list_page
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
-- Planned for these parameters: of the conditions in brackets only the ones asked for are left.
set plan_cache_mode = force_custom_plan
-- The order of an index, whatever sorting seems to cost: the planner expects a filter's conditions to be independent.
-- The list by update has the host's index, and its leads of one instant sorted by id: the only incremental sort.
set enable_sort = off
set enable_bitmapscan = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set max_parallel_workers_per_gather = 0
set jit = off
-- no hash of all tenants' messages or drafts for a condition on a lead
set work_mem = '64kB'
as $$
-- Purpose: walk through leads in the order of a list, until a page is full or enough leads were looked at.
-- Parameters: target_client_id; filter_name, of list_filter; sort_name, activity or updated; whose and user_id: of all,
--   nobody, scope or user (see find_page), looked (at each lead); asked, of each lead; candidates, null for all
--   leads; after_at, after_id, the cursor; page_size; most, how many leads to look at.
-- Returns: the page. has_more: not known to be the end.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: listed_lead, "Message".
-- INVOKER: called by find_page only.
declare
  page inboxdb.list_page;
  found pg_catalog.record;
begin
  page.lead_ids := '{}';
  page.has_more := false;
  page.scanned := 0;
  for found in
    select
      l.lead_id,
      case sort_name when 'updated' then inboxdb.utc(l.updated) else inboxdb.utc(l.activity) end as sort_at,
      (filter_name <> 'ai_sent' or l.ai_sent)
      and (filter_name <> 'ai_review' or l.ai_review)
      and (sort_name <> 'updated' or l.snoozed <= inboxdb.host_time(asked.as_of, l.snoozed))
      and (whose <> 'nobody' or l.scope_user_id is null)
      and (whose <> 'looked' or coalesce(l.scope_user_id = user_id, false))
      and (
        asked.channels is null or exists (
          select
          from public."Message" as m
          where m."leadId" = l.lead_id and m.channel = any (asked.channels)
          -- a plan for each lead, and no hash of all tenants' messages
          offset 0
        )
      )
      and case
        when asked.sentiment_tags is null then true
        when l.sentiment_tag is null then pg_catalog.array_position(asked.sentiment_tags, null) is not null
        else l.sentiment_tag = any (pg_catalog.array_remove(asked.sentiment_tags, null))
      end
      and (asked.sms_campaign_id is null or coalesce(l.sms_campaign_id::pg_catalog.text = asked.sms_campaign_id, false))
      and (not asked.sms_campaign_unattributed or l.sms_campaign_id is null)
      and case asked.score
        when 'all' then true
        when 'unscored' then l.overall_score is null
        when '4' then coalesce(l.overall_score = 4, false)
        when '3+' then coalesce(l.overall_score >= 3, false)
        when '2+' then coalesce(l.overall_score >= 2, false)
        when '1+' then coalesce(l.overall_score >= 1, false)
        when 'disqualified' then coalesce(
            l.sentiment_tag in (
              'Blacklist', 'Opt Out', 'Opted Out', 'Unsubscribe', 'Unsubscribed', 'Bounced', 'Bounce'
            ), false
          )
      end as is_match
    from inboxdb.listed_lead as l
    where l.client_id = target_client_id
      and l.is_listed
      -- no key of the host's index by update
      and (sort_name = 'updated' or l.snoozed <= inboxdb.host_time(asked.as_of, l.snoozed))
      -- all_responses, as the indexes have it
      and (filter_name <> 'responses' or coalesce(l.is_open, false))
      and (filter_name <> 'attention' or l.is_open)
      and (filter_name <> 'previous_attention' or l.is_open is false)
      and (filter_name <> 'responses' or l.all_responses)
      and (filter_name <> 'attention' or l.requires_attention)
      and (filter_name <> 'previous_attention' or l.previously_required_attention)
      and (filter_name <> 'needs_repair' or l.needs_repair)
      and (whose <> 'scope' or l.scope_user_id = user_id)
      and (whose <> 'user' or l.assigned_to = user_id)
      and (candidates is null or l.lead_id = any (candidates))
      and (
        after_id is null
        or (sort_name <> 'updated' and (l.activity, l.lead_id) < (inboxdb.host_time(after_at, l.activity), after_id))
        or (sort_name = 'updated' and (l.updated, l.lead_id) < (inboxdb.host_time(after_at, l.updated), after_id))
      )
    order by
      -- no order of an index for candidates: each by its key, instead of a walk past all leads
      case
        when sort_name <> 'updated' then null
        when candidates is not null then l.updated + interval '0'
        else l.updated
      end desc,
      case
        when sort_name = 'updated' then null
        when candidates is not null then l.activity + interval '0'
        else l.activity
      end desc,
      l.lead_id desc
    limit most
  loop
    page.has_more := pg_catalog.cardinality(page.lead_ids) = page_size;
    exit when page.has_more;
    page.scanned := page.scanned + 1;
    page.last_at := found.sort_at;
    page.last_id := found.lead_id;
    if found.is_match then
      page.lead_ids := page.lead_ids || found.lead_id;
    end if;
  end loop;
  page.has_more := page.has_more or page.scanned = most;
  return page;
end
$$;
-- <<< sql/list/walk_leads.sql

-- >>> sql/list/find_page.sql
create or replace function inboxdb.find_page(
  target_client_id inboxdb.client_id, filter_name text, sort_name text, user_id inboxdb.user_id, is_nobodys boolean,
  asked inboxdb.list_condition, is_looked_at boolean, after_at timestamptz, after_id inboxdb.lead_id, page_size integer
)
returns inboxdb.list_page
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
as $$
-- Purpose: choose how to find a page: along an index of the list's leads alone; along an index, looking at each lead;
--   or, for counts by drafts or messages and for a user's leads by update, among candidates.
-- Parameters: target_client_id; filter_name, of list_filter; sort_name, activity or updated; user_id, whose leads, null
--   for all; is_nobodys, whether leads of nobody are wanted; asked, of each lead; is_looked_at, whether anything is
--   asked besides; after_at, after_id, the cursor; page_size.
-- Returns: the page.
-- Errors: IB020 where the index of the page is not there; 42501 where row-level security would filter what the owner of
--   this function sees.
-- Reads: list_filter; list_candidates, leads_of and walk_leads read the rest.
-- INVOKER: called by read_conversations only.
declare
  -- how many leads a call looks at
  most constant integer := 2000;
  count_bit integer;
  index_name pg_catalog.text;
  candidates inboxdb.lead_id[];
  whose pg_catalog.text;
  page inboxdb.list_page;
begin
  select f.bit, f.index_name into count_bit, index_name from inboxdb.list_filter as f where f.name = filter_name;
  if user_id is not null and (sort_name = 'updated' or index_name = 'public.inboxdb_list_all') then
    perform inboxdb.require_index('public.inboxdb_list_all_by_user');
  -- all leads by update have an index of the host's own
  elsif sort_name <> 'updated' then
    perform inboxdb.require_index(index_name);
  end if;
  if count_bit is not null then
    perform inboxdb.require_index(pg_catalog.format('inboxdb.counted_lead_%s_idx', filter_name));
    candidates := inboxdb.list_candidates(target_client_id, count_bit, most);
  elsif sort_name = 'updated' and user_id is not null then
    candidates := inboxdb.leads_of(target_client_id, user_id, most);
  end if;
  whose := case
    when is_nobodys then 'nobody'
    when user_id is null then 'all'
    when sort_name = 'updated' and candidates is null then 'looked'
    -- the index of all leads of a user, or of a filter's leads: see list_indexes
    when filter_name = 'all' or count_bit is not null then 'scope'
    else 'user'
  end;
  page := inboxdb.walk_leads(
    target_client_id, filter_name, sort_name, whose, user_id, asked, candidates, after_at, after_id, page_size,
    case
      when is_looked_at or count_bit is not null or whose in ('nobody', 'looked') or sort_name = 'updated' then most
      else page_size + 1
    end
  );
  if whose = 'looked' then
    -- not how many leads others have
    page.scanned := pg_catalog.cardinality(page.lead_ids);
  end if;
  return page;
end
$$;
-- <<< sql/list/find_page.sql

-- >>> sql/list/conversation_rows.sql
create or replace function inboxdb.conversation_rows(lead_ids inboxdb.lead_id[], sort_name text)
returns table (lead_id inboxdb.lead_id, conversation jsonb)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable rows 50
set search_path = ''
set row_security = off
-- the host's columns without a time zone hold UTC, and become instants below
set timezone = 'UTC'
-- each lead and its messages by key: the newest message of a channel by the host's index, however many there are
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
set jit = off
as $$
-- Purpose: leads as the conversation list shows them.
-- Parameters: lead_ids; sort_name, activity or updated, what sort_at is; the caller has checked access.
-- Returns: a row of each lead: the keys of docs/contracts.md; null where the host has no column.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: listed_lead, "Lead", "Message", "AIDraft", "SmsCampaign".
-- INVOKER: called by our DEFINER functions only.
begin
  return query
  select
    u.lead_id,
    pg_catalog.jsonb_build_object(
      'lead_id', u.lead_id::pg_catalog.text,
      'name', nullif(
        pg_catalog.concat_ws(' ', nullif(h.lead ->> 'firstName', ''), nullif(h.lead ->> 'lastName', '')), ''
      ),
      'first_name', h.lead -> 'firstName',
      'last_name', h.lead -> 'lastName',
      'company_name', h.lead -> 'companyName',
      'email', h.lead -> 'email',
      'phone', h.lead -> 'phone',
      'status', h.lead -> 'status',
      'sentiment_tag', h.lead -> 'sentimentTag',
      'sms_campaign_id', h.lead -> 'smsCampaignId',
      'sms_campaign_name', s.name,
      'channels', coalesce(pg_catalog.to_jsonb(m.channels), '[]'),
      'available_channels', pg_catalog.to_jsonb(pg_catalog.array_remove(array[
        case when h.lead ->> 'phone' <> '' or h.lead ->> 'ghlContactId' <> '' then 'sms' end,
        case when h.lead ->> 'email' <> '' then 'email' end,
        case when h.lead ->> 'linkedinUrl' <> '' then 'linkedin' end
      ], null)),
      'primary_channel', p.channel,
      'last_message', m.body,
      'last_subject', m.subject
    ) || pg_catalog.jsonb_build_object(
      'last_message_at', inboxdb.utc((h.lead ->> 'lastMessageAt')::pg_catalog.timestamptz),
      'overall_score', h.lead -> 'overallScore',
      'scored_at', inboxdb.utc((h.lead ->> 'scoredAt')::pg_catalog.timestamptz),
      'has_ai_draft', l.total_non_blacklisted and h.lead ->> 'sentimentTag' is distinct from 'Blacklist' and exists (
        select
        from public."AIDraft" as d
        where d."leadId" = u.lead_id and d.status = 'pending' and d.channel = p.channel
      ),
      'open_reply', l.all_responses,
      'requires_attention', l.requires_attention,
      'ai_review', l.ai_review,
      'assigned_to_user_id', l.scope_user_id,
      'snoozed_until', l.snoozed_until,
      'sort_at', case sort_name when 'updated' then inboxdb.utc(l.updated) else inboxdb.utc(l.activity) end
    )
  from pg_catalog.unnest(lead_ids) as u (lead_id)
  cross join lateral (
    select * from inboxdb.listed_lead as l where l.lead_id = u.lead_id offset 0
  ) as l
  cross join lateral (
    select pg_catalog.to_jsonb(h) as lead, h."smsCampaignId" as sms_campaign_id
    from public."Lead" as h
    where h.id = u.lead_id
    offset 0
  ) as h
  left join public."SmsCampaign" as s on h.sms_campaign_id = s.id
  cross join lateral (
    -- the channels in the order of the host's index, each by a lookup
    with recursive channel (name) as (
      (
        select m.channel from public."Message" as m where m."leadId" = u.lead_id order by m.channel limit 1
      )
      union all
      select (
        select m.channel
        from public."Message" as m
        where m."leadId" = u.lead_id and m.channel > c.name
        order by m.channel
        limit 1
      )
      from channel as c
      where c.name is not null
    ),

    newest as (
      select c.name, m.id, m.body, m.subject, latest.sent_at
      from channel as c
      -- the instant first, because an incremental sort by instant and id begins with 32 messages
      cross join lateral (
        select m."sentAt" as sent_at
        from public."Message" as m
        where m."leadId" = u.lead_id and m.channel = c.name
        order by m."sentAt" desc
        limit 1
      ) as latest
      cross join lateral (
        select m.id::pg_catalog.text collate "C" as id, m.body, m.subject
        from public."Message" as m
        where m."leadId" = u.lead_id and m.channel = c.name and m."sentAt" = latest.sent_at
        -- as conversation_messages sorts; by the id itself the planner would walk the key of all messages
        order by m.id::pg_catalog.text collate "C" desc
        limit 1
      ) as m
    )

    select
      pg_catalog.array_agg(n.name order by n.name) as channels,
      (pg_catalog.array_agg(n.name order by n.sent_at desc, n.id desc))[1] as channel,
      -- cut first: a body may have megabytes
      (pg_catalog.array_agg(pg_catalog.substr(n.body, 1, 400) order by n.sent_at desc, n.id desc))[1] as body,
      (pg_catalog.array_agg(n.subject order by n.sent_at desc, n.id desc))[1] as subject
    from newest as n
  ) as m
  cross join lateral (
    select coalesce(m.channel, case when h.lead ->> 'email' <> '' then 'email' else 'sms' end) as channel
  ) as p;
end
$$;
-- <<< sql/list/conversation_rows.sql

-- >>> sql/list/require_lead.sql
create or replace function inboxdb.require_lead(
  target_lead_id inboxdb.lead_id, out client_id inboxdb.client_id, out scope inboxdb.user_id
)
language plpgsql stable
set search_path = ''
set row_security = off
as $$
-- Purpose: refuse callers who may not see a lead, in the words of require_access: leads of another workspace, leads of
--   another setter, and no lead at all are told alike.
-- Parameters: target_lead_id.
-- Returns: the lead's workspace, and the caller's scope there.
-- Errors: those of require_access.
-- Reads: "Lead", member_access, by key.
-- INVOKER: called by our DEFINER functions only.
declare
  me constant inboxdb.user_id := inboxdb.current_user_id();
begin
  select l."clientId" into client_id
  from public."Lead" as l
  inner join inboxdb.member_access as a on l."clientId" = a.client_id
  where l.id = target_lead_id and a.user_id = me and (a.sees_whole or l."assignedToUserId" = me);
  scope := inboxdb.require_access(client_id);
end
$$;
-- <<< sql/list/require_lead.sql

-- >>> sql/api/conversation_answer.type.sql
create type inboxdb.conversation_answer as (
  conversation jsonb,
  viewer_role text,
  version bigint
);

comment on type inboxdb.conversation_answer is 'The answer of inbox_api.conversation: see there.';
-- <<< sql/api/conversation_answer.type.sql

-- >>> sql/api/conversation_filters_answer.type.sql
create type inboxdb.conversation_filters_answer as (
  sms_campaigns jsonb,
  unattributed integer,
  version bigint
);

comment on type inboxdb.conversation_filters_answer is 'The answer of inbox_api.conversation_filters: see there.';
-- <<< sql/api/conversation_filters_answer.type.sql

-- >>> sql/api/conversation_messages_answer.type.sql
create type inboxdb.conversation_messages_answer as (
  messages jsonb,
  cursor text,
  has_more boolean
);

comment on type inboxdb.conversation_messages_answer is 'The answer of inbox_api.conversation_messages: see there.';
-- <<< sql/api/conversation_messages_answer.type.sql

-- >>> sql/api/conversations_answer.type.sql
create type inboxdb.conversations_answer as (
  conversations jsonb,
  cursor text,
  has_more boolean,
  version bigint,
  scanned integer
);

comment on type inboxdb.conversations_answer is 'The answer of inbox_api.conversations: see there.';
-- <<< sql/api/conversations_answer.type.sql

-- >>> sql/api/read_conversation.sql
create or replace function inboxdb.read_conversation(target_lead_id inboxdb.lead_id) returns inboxdb.conversation_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_lead reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
-- the host's columns without a time zone hold UTC, and become instants below
set timezone = 'UTC'
as $$
-- Purpose: a conversation in detail, for a user with access.
-- Parameters: target_lead_id.
-- Returns: see inbox_api.conversation.
-- Errors: those of require_access; IB020 without lists; 42501 where row-level security would filter what the owner of
--   this function sees.
-- Reads: "Lead", "Message", "Client", "ClientMember", cache_version, and what conversation_rows reads.
-- DEFINER: members may read neither leads nor messages.
declare
  lead constant pg_catalog.record := inboxdb.require_lead(target_lead_id);
  columns pg_catalog.jsonb;
  answer inboxdb.conversation_answer;
begin
  perform inboxdb.require_lists();
  select pg_catalog.to_jsonb(l) into columns from public."Lead" as l where l.id = target_lead_id;
  answer.conversation := (
    select r.conversation from inboxdb.conversation_rows(array[target_lead_id]::inboxdb.lead_id[], 'activity') as r
  ) || pg_catalog.jsonb_build_object(
    'alternate_emails', coalesce(nullif(columns -> 'alternateEmails', 'null'), '[]'),
    'current_replier_email', columns -> 'currentReplierEmail',
    'current_replier_name', columns -> 'currentReplierName',
    'linkedin_url', columns -> 'linkedinUrl',
    'company_website', columns -> 'companyWebsite',
    'company_state', columns -> 'companyState',
    'job_title', columns -> 'jobTitle',
    'auto_reply_enabled', columns -> 'autoReplyEnabled',
    'auto_follow_up_enabled', columns -> 'autoFollowUpEnabled',
    'assigned_at', (columns ->> 'assignedAt')::pg_catalog.timestamptz,
    'created_at', (columns ->> 'createdAt')::pg_catalog.timestamptz,
    'messages', (
      select coalesce(pg_catalog.jsonb_object_agg(m.channel, m.messages), '{}')
      from (
        select m.channel, pg_catalog.count(*)::integer as messages
        from public."Message" as m
        where m."leadId" = target_lead_id
        group by m.channel
      ) as m
    )
  );
  select r.name into answer.viewer_role
  from (
    select 'OWNER' as name
    from public."Client" as c
    where c.id = lead.client_id and c."userId" = inboxdb.current_user_id()
    union all
    select m.role::pg_catalog.text
    from public."ClientMember" as m
    where m."clientId" = lead.client_id and m."userId" = inboxdb.current_user_id()
  ) as r
  where inboxdb.role_rank(r.name) is not null
  order by inboxdb.role_rank(r.name) desc
  limit 1;
  answer.version := (select v.version from inboxdb.newest_version(lead.client_id, 'inbox') as v);
  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(pg_catalog.to_jsonb(answer));
  end if;
  return answer;
end
$$;
-- <<< sql/api/read_conversation.sql

-- >>> sql/api/read_conversation_filters.sql
create or replace function inboxdb.read_conversation_filters(target_client_id inboxdb.client_id)
returns inboxdb.conversation_filters_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
-- planned for this scope: a setter's leads by the index of a user's leads
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the SMS campaigns of the leads that the current user may see.
-- Parameters: target_client_id.
-- Returns: see inbox_api.conversation_filters.
-- Errors: those of require_access, before anything else is read; IB020 without lists; 42501 where row-level security
--   would filter what the owner of this function sees.
-- Reads: listed_lead, "SmsCampaign", cache_version.
-- DEFINER: members may not read leads.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id);
  as_of constant pg_catalog.timestamptz := inboxdb.clock();
  answer inboxdb.conversation_filters_answer;
begin
  perform inboxdb.require_lists();
  select
    coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object('sms_campaign_id', g.sms_campaign_id, 'name', s.name, 'leads', g.leads)
        order by s.name, g.sms_campaign_id
      ) filter (where g.sms_campaign_id is not null), '[]'
    ),
    coalesce(pg_catalog.max(g.leads) filter (where g.sms_campaign_id is null), 0)
  into answer.sms_campaigns, answer.unattributed
  from (
    select l.sms_campaign_id, pg_catalog.count(*)::integer as leads
    from inboxdb.listed_lead as l
    where l.client_id = target_client_id
      and l.is_listed
      and l.snoozed <= inboxdb.host_time(as_of, l.snoozed)
      and (scope = inboxdb.sentinel() or l.scope_user_id = scope)
    group by l.sms_campaign_id
  ) as g
  left join public."SmsCampaign" as s on g.sms_campaign_id = s.id;
  answer.version := (select v.version from inboxdb.newest_version(target_client_id, 'inbox') as v);
  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(pg_catalog.jsonb_build_array(target_client_id, scope, pg_catalog.to_jsonb(answer)));
  end if;
  return answer;
end
$$;
-- <<< sql/api/read_conversation_filters.sql

-- >>> sql/api/read_conversation_messages.sql
create or replace function inboxdb.read_conversation_messages(
  target_lead_id inboxdb.lead_id, channel text, before text, page_size integer
)
returns inboxdb.conversation_messages_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_lead reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
set timezone = 'UTC'
-- each channel along the host's index, whatever part of all messages the lead has: generic, because the planner would
-- take the index of "sentAt" for a lead with many
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
set jit = off
as $$
-- Purpose: a page of the messages of a conversation, for a user with access.
-- Parameters: as of inbox_api.conversation_messages.
-- Returns: see there.
-- Errors: those of require_access; IB016 for a cursor of another list; IB020 without lists; IB021 for a refused
--   argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Lead", "Message", by key; as many messages of each channel as the page has.
-- DEFINER: members may not read messages.
declare
  lead constant pg_catalog.record := inboxdb.require_lead(target_lead_id);
  -- the server refuses an answer of 256 MiB, and its reader one much shorter
  most_bytes constant integer := 33554432;
  list constant pg_catalog.text := pg_catalog.jsonb_build_array(
    'conversation_messages', target_lead_id, channel
  )::pg_catalog.text;
  place pg_catalog.record;
  last_at pg_catalog.timestamptz;
  last_id pg_catalog.text;
  answer inboxdb.conversation_messages_answer;
begin
  perform inboxdb.require_lists();
  if page_size is null or page_size not between 1 and 500 then
    perform inboxdb.refuse_argument('page_size', 'from 1 to 500');
  end if;
  place := inboxdb.read_cursor(list, before);

  with recursive channels (name) as (
    (
      select m.channel
      from public."Message" as m
      where m."leadId" = target_lead_id and m.channel >= coalesce(read_conversation_messages.channel, '')
      order by m.channel
      limit 1
    )
    union all
    select (
      select m.channel
      from public."Message" as m
      where m."leadId" = target_lead_id and m.channel > c.name
      order by m.channel
      limit 1
    )
    from channels as c
    where c.name is not null and read_conversation_messages.channel is null
  ),

  newest as (
    select
      m.*, pg_catalog.row_number() over newest_first as place,
      pg_catalog.sum(coalesce(pg_catalog.octet_length(m.body), 0)) over newest_first as bytes
    from channels as c
    cross join lateral (
      select
        m.id::pg_catalog.text as id, inboxdb.utc(m."sentAt") as sent_at, m.channel, m.direction, m.source,
        m."sentBy" as sent_by, m."sentByUserId"::pg_catalog.text as sent_by_user_id, m.subject, m.body
      from public."Message" as m
      where m."leadId" = target_lead_id and m.channel = c.name
        and m."sentAt" <= coalesce(inboxdb.host_time(place.sort_at, m."sentAt"), 'infinity')
        and (
          place.id is null
          or m."sentAt" < inboxdb.host_time(place.sort_at, m."sentAt")
          or m.id::pg_catalog.text collate "C" < place.id
        )
      order by m."sentAt" desc, m.id::pg_catalog.text collate "C" desc
      limit page_size + 1
    ) as m
    where c.name = read_conversation_messages.channel or read_conversation_messages.channel is null
    window newest_first as (order by m.sent_at desc, m.id collate "C" desc)
  ),

  shown as (
    select n.*, n.place <= page_size and (n.place = 1 or n.bytes <= most_bytes) as is_shown
    from newest as n
    where n.place <= page_size + 1
  )

  select
    coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'id', n.id,
          'channel', n.channel,
          'direction', n.direction,
          'source', n.source,
          'sender', case
            when n.direction = 'inbound' then 'lead'
            when n.sent_by = 'ai' or n.source = 'inboxxia_campaign' then 'ai'
            else 'human'
          end,
          'sent_by_user_id', n.sent_by_user_id,
          'subject', n.subject,
          'body', n.body,
          'sent_at', n.sent_at
        ) order by n.place
      ) filter (where n.is_shown), '[]'
    ),
    coalesce(pg_catalog.bool_or(not n.is_shown), false),
    (pg_catalog.array_agg(n.sent_at order by n.place desc) filter (where n.is_shown))[1],
    (pg_catalog.array_agg(n.id order by n.place desc) filter (where n.is_shown))[1]
  into answer.messages, answer.has_more, last_at, last_id
  from shown as n;
  if answer.has_more then
    answer.cursor := inboxdb.make_cursor(list, last_at, last_id);
  end if;
  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(pg_catalog.jsonb_build_array(list, before, page_size, answer.messages, answer.cursor));
  end if;
  return answer;
end
$$;
-- <<< sql/api/read_conversation_messages.sql

-- >>> sql/api/read_conversations.sql
create or replace function inboxdb.read_conversations(
  target_client_id inboxdb.client_id, filter text, channels text[], sentiment_tags text[], sms_campaign_id text,
  sms_campaign_unattributed boolean, score text, assigned_to text, sort text, after text, page_size integer
)
returns inboxdb.conversations_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: a page of the current user's conversations.
-- Parameters: as of inbox_api.conversations.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB021 for a refused argument; IB016 for a cursor of
--   another list; IB020 without lists; 42501 where row-level security would filter what the owner of this function
--   sees.
-- Reads: list_filter, cache_version; find_page and conversation_rows read the rest.
-- DEFINER: members may read neither leads nor messages.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id);
  filter_name constant pg_catalog.text := case filter
    when 'drafts' then 'previous_attention' else coalesce(filter, 'all')
  end;
  sort_name constant pg_catalog.text := coalesce(sort, 'activity');
  asked constant inboxdb.list_condition := (
    inboxdb.clock(), channels, sentiment_tags, sms_campaign_id, coalesce(sms_campaign_unattributed, false),
    coalesce(score, 'all')
  );
  is_looked_at constant boolean := inboxdb.require_condition(asked);
  user_id inboxdb.user_id;
  list pg_catalog.text;
  after_at pg_catalog.timestamptz;
  after_id inboxdb.lead_id;
  page inboxdb.list_page;
  answer inboxdb.conversations_answer;
begin
  perform inboxdb.require_lists();
  if not exists (select from inboxdb.list_filter as f where f.name = filter_name) then
    perform inboxdb.refuse_argument(
      'filter', (select pg_catalog.string_agg(f.name, ', ' order by f.name) from inboxdb.list_filter as f)
    );
  end if;
  if sort_name not in ('activity', 'updated') then
    perform inboxdb.refuse_argument('sort', 'activity or updated');
  elsif sort_name = 'updated' and (filter_name <> 'all' or is_looked_at or assigned_to is not null) then
    perform inboxdb.refuse_argument('sort', 'updated only with the filter all, and no other argument');
  end if;
  if page_size is null or page_size not between 1 and 200 then
    perform inboxdb.refuse_argument('page_size', 'from 1 to 200');
  end if;
  if assigned_to is not null and scope <> inboxdb.sentinel() then
    perform inboxdb.refuse_argument('assigned_to', 'null for a member who sees only their own leads');
  elsif assigned_to <> '' and not inboxdb.can_be_id(assigned_to, scope) then
    perform inboxdb.refuse_argument('assigned_to', 'the id of a user, or empty for leads of nobody');
  end if;
  user_id := nullif(coalesce(nullif(assigned_to, '')::inboxdb.user_id, scope), inboxdb.sentinel());

  list := pg_catalog.jsonb_build_array(
    'conversations', target_client_id, scope, filter_name, asked.channels, asked.sentiment_tags, asked.sms_campaign_id,
    asked.sms_campaign_unattributed, asked.score, assigned_to, sort_name, inboxdb.definitions()
  )::pg_catalog.text;
  select c.sort_at, c.id into after_at, after_id from inboxdb.read_cursor(list, after) as c;
  page := inboxdb.find_page(
    target_client_id, filter_name, sort_name, user_id, user_id is null and assigned_to is not null, asked, is_looked_at,
    after_at, after_id, page_size
  );

  select coalesce(pg_catalog.jsonb_agg(r.conversation order by u.place), '[]') into answer.conversations
  from pg_catalog.unnest(page.lead_ids) with ordinality as u (lead_id, place)
  inner join inboxdb.conversation_rows(page.lead_ids, sort_name) as r on u.lead_id = r.lead_id;
  answer.has_more := page.has_more;
  if page.has_more then
    answer.cursor := inboxdb.make_cursor(list, page.last_at, page.last_id::pg_catalog.text);
  end if;
  answer.version := (select v.version from inboxdb.newest_version(target_client_id, 'inbox') as v);
  answer.scanned := page.scanned;

  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(
      pg_catalog.jsonb_build_array(list, after, page_size, answer.version, answer.conversations, answer.cursor)
    );
  end if;
  return answer;
end
$$;
-- <<< sql/api/read_conversations.sql

-- >>> sql/api/conversation.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.conversation(lead_id inboxdb.lead_id)
returns setof inboxdb.conversation_answer
language sql stable
rows 1
as $$
  -- Purpose: a conversation in detail, snoozed or not. For the application, and for PostgREST's
  --   GET /rpc/conversation?lead_id=... .
  -- Parameters: lead_id.
  -- Returns: one row. conversation, an object with the keys of conversations and more; viewer_role, the highest role of
  --   the current user in the lead's workspace; version, the inbox family's cache version.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such lead; IB020 without
  --   lists.
  -- INVOKER: read_conversation checks access, then reads.
  select * from inboxdb.read_conversation(lead_id)
$$;
-- <<< sql/api/conversation.sql

-- >>> sql/api/conversation_filters.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.conversation_filters(client_id inboxdb.client_id)
returns setof inboxdb.conversation_filters_answer
language sql stable
rows 1
as $$
  -- Purpose: the SMS campaigns by which the current user can filter a workspace's conversations. For the application,
  --   and for PostgREST's GET /rpc/conversation_filters?client_id=... . Read live, from all leads that the user sees.
  -- Parameters: client_id, the workspace.
  -- Returns: one row. sms_campaigns, an array of objects by name: sms_campaign_id, name, leads, the number of visible
  --   leads of the user's; campaigns without are left out; unattributed, the number of leads without a campaign;
  --   version, the inbox family's cache version.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB020
  --   without lists.
  -- INVOKER: read_conversation_filters checks access, then reads.
  select * from inboxdb.read_conversation_filters(client_id)
$$;
-- <<< sql/api/conversation_filters.sql

-- >>> sql/api/conversation_messages.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.conversation_messages(
  lead_id inboxdb.lead_id, channel text default null, before text default null, page_size integer default 100
)
returns setof inboxdb.conversation_messages_answer
language sql stable
rows 1
as $$
  -- Purpose: a page of a conversation's messages, newest first. For the application, and for PostgREST's
  --   GET /rpc/conversation_messages?lead_id=... .
  -- Parameters: lead_id; channel, null for all; before, the cursor of the page before; page_size, 1 to 500.
  -- Returns: one row. messages, an array of objects, fewer than page_size where their bodies have more than 32 MiB
  --   together; cursor, where the next page begins, null at the end; has_more.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such lead; IB016 a cursor of another
  --   list; IB020 without lists; IB021 a refused argument.
  -- INVOKER: read_conversation_messages checks access, then reads.
  select * from inboxdb.read_conversation_messages(lead_id, channel, before, page_size)
$$;
-- <<< sql/api/conversation_messages.sql

-- >>> sql/api/conversations.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.conversations(
  client_id inboxdb.client_id,
  filter text default 'all',
  channels text[] default null,
  sentiment_tags text[] default null,
  sms_campaign_id text default null,
  sms_campaign_unattributed boolean default false,
  score text default 'all',
  assigned_to text default null,
  sort text default 'activity',
  after text default null,
  page_size integer default 50
)
returns setof inboxdb.conversations_answer
language sql stable
rows 1
as $$
  -- Purpose: a page of the current user's conversations in a workspace, newest first. For the application,
  --   and for PostgREST's GET /rpc/conversations?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; filter, one of view list_filter; channels: the lead has a message on one of
  --   these; sentiment_tags, exact, null for leads without a tag; sms_campaign_id, or sms_campaign_unattributed for
  --   leads without a campaign; score; assigned_to, whose leads, '' for nobody's; sort, activity or updated; after, the
  --   cursor of the page before; page_size, 1 to 200.
  -- Returns: one row. conversations, an array of objects; cursor, where the next page begins, null at the end;
  --   has_more, whether the end is not known: where each lead has to be looked at, a page may be short, or empty;
  --   version, the inbox family's cache version; scanned, how many leads were looked at.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB016 a cursor of
  --   another list; IB020 without lists; IB021 a refused argument.
  -- INVOKER: read_conversations checks access, then reads.
  select *
  from inboxdb.read_conversations(
    client_id, filter, channels, sentiment_tags, sms_campaign_id, sms_campaign_unattributed, score, assigned_to, sort,
    after, page_size
  )
$$;
-- <<< sql/api/conversations.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;

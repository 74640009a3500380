-- inboxdb 0015: flags, by which reads of inbox_api are switched off and on: three tables, without a row, so that every
--   read is on; set_flag, inbox_api.flags; the reads check their flag.
-- Locks: none on the host's tables. Duration: milliseconds.
-- Undo: 0015-flags.rollback.sql puts back what was before.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0015-flags.sql (one transaction).
-- depends: 0014-reads-in-one-call

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;
-- squawk-ignore ban-drop-function
drop function inboxdb.require_access(inboxdb.client_id);

-- >>> by hand, before the bodies
-- <<< by hand

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
  ('authenticated', 'function', 'inbox_api.analytics_days(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_email_campaigns(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_overview(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_reactivations(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_response_times(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_sentiments(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_sms_campaigns(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_statuses(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.analytics_workflows(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.conversation(inboxdb.lead_id)', 'execute'),
  ('authenticated', 'function', 'inbox_api.conversation_filters(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inbox_api.conversation_messages(inboxdb.lead_id, text, text, integer)', 'execute'),
  (
    'authenticated',
    'function',
    'inbox_api.conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, text,'
    ' integer)',
    'execute'
  ),
  (
    'authenticated',
    'function',
    'inbox_api.crm_rows(inboxdb.client_id, text, text, text, text, date, date, text, integer)',
    'execute'
  ),
  ('authenticated', 'function', 'inbox_api.crm_summary(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inbox_api.flags(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inbox_api.inbox_counts(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_days(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_email_campaigns(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_overview(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_reactivations(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_response_times(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_sentiments(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_sms_campaigns(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_statuses(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_analytics_workflows(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation(inboxdb.lead_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation_filters(inboxdb.client_id)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_conversation_messages(inboxdb.lead_id, text, text, integer)', 'execute'),
  (
    'authenticated',
    'function',
    'inboxdb.read_conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, text,'
    ' integer)',
    'execute'
  ),
  (
    'authenticated',
    'function',
    'inboxdb.read_crm_rows(inboxdb.client_id, text, text, text, text, date, date, text, integer)',
    'execute'
  ),
  ('authenticated', 'function', 'inboxdb.read_crm_summary(inboxdb.client_id, date, date)', 'execute'),
  ('authenticated', 'function', 'inboxdb.read_flags(inboxdb.client_id)', 'execute'),
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
  -- roles of routers and gateways: these may speak for any user
  ('inboxdb_router', 'schema', 'inboxdb', 'usage'),
  -- each function of a shard: ('inboxdb_router', 'function', '{routine}', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_days(text, text, text, text, date, date)', 'execute'),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_analytics_email_campaigns(text, text, text, text, date, date)',
    'execute'
  ),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_overview(text, text, text, text, date, date)', 'execute'),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_analytics_reactivations(text, text, text, text, date, date)',
    'execute'
  ),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_analytics_response_times(text, text, text, text, date, date)',
    'execute'
  ),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_sentiments(text, text, text, text, date, date)', 'execute'),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_analytics_sms_campaigns(text, text, text, text, date, date)',
    'execute'
  ),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_statuses(text, text, text, text, date, date)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_analytics_workflows(text, text, text, text, date, date)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_conversation(text, text, text, text)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_conversation_filters(text, text, text, text)', 'execute'),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_conversation_messages(text, text, text, text, text, text, integer)',
    'execute'
  ),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_conversations(text, text, text, text, text, text[], text[], text, boolean, text, text, text, text,'
    ' text, integer)',
    'execute'
  ),
  (
    'inboxdb_router',
    'function',
    'inboxdb.shard_crm_rows(text, text, text, text, text, text, text, text, date, date, text, integer)',
    'execute'
  ),
  ('inboxdb_router', 'function', 'inboxdb.shard_crm_summary(text, text, text, text, date, date)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_flags(text, text, text, text)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_inbox_counts(text, text, text, text)', 'execute'),
  ('inboxdb_router', 'function', 'inboxdb.shard_workspaces()', 'execute'),
  -- end
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

-- >>> sql/access/flag_definition.view.sql
create or replace view inboxdb.flag_definition as
select d.flag_name, d.meaning
from (
  values
  ('counts_read', 'badge counts: inbox_counts'),
  ('inbox_read', 'conversations: conversations, conversation, conversation_messages, conversation_filters'),
  ('analytics_read', 'figures of days and CRM rows: analytics_..., crm_...')
) as d (flag_name, meaning);

comment on view inboxdb.flag_definition is
'Every flag, and the reads of inbox_api behind the flag. A flag that nobody has set is on.';
-- <<< sql/access/flag_definition.view.sql

-- >>> sql/access/flag.table.sql
create table inboxdb.flag (
  flag_name text collate "C" primary key,
  percentage integer,
  constraint flag_percentage_check check (percentage between 0 and 100)
);

comment on table inboxdb.flag is
'Flags that are set, by inboxdb.set_flag, for all workspaces or for some; a flag without a row is on. View '
'flag_definition has all of them.';
comment on column inboxdb.flag.percentage is
'For how many workspaces of a hundred the flag is on, those with a state of their own aside; null by default: on.';
-- <<< sql/access/flag.table.sql

-- >>> sql/access/flag_override.table.sql
create table inboxdb.flag_override (
  flag_name text collate "C",
  -- text, because a table with ids in the host's type is made anew, empty, where the host changes the type
  client_id text collate "C",
  is_on boolean not null,
  constraint flag_override_pkey primary key (flag_name, client_id)
);

comment on table inboxdb.flag_override is
'Workspaces for which a flag was set by itself, on or off, whatever the percentage; by inboxdb.set_flag.';
-- <<< sql/access/flag_override.table.sql

-- >>> sql/access/flag_history.table.sql
create table inboxdb.flag_history (
  flag_name text collate "C",
  number integer,
  client_id text collate "C",
  state text not null,
  why text not null,
  changed_by text not null default session_user,
  changed_at timestamptz not null default inboxdb.clock(),
  constraint flag_history_pkey primary key (flag_name, number)
);

comment on table inboxdb.flag_history is
'Who set which flag, when and why: a row for each call of inboxdb.set_flag, kept for good.';
comment on column inboxdb.flag_history.number is 'From 1 for each flag, in the order in which they came into force.';
comment on column inboxdb.flag_history.client_id is 'The workspace; null for all that have no state of their own.';
comment on column inboxdb.flag_history.changed_by is 'The role that logged in.';
-- <<< sql/access/flag_history.table.sql

-- >>> sql/access/flag_cohort.sql
create or replace function inboxdb.flag_cohort(flag text, client_id text) returns integer
language sql immutable parallel safe
set search_path = ''
as $$
  -- Purpose: a workspace's place in the roll-out of a flag: the same for ever, and another one for each flag.
  -- Parameters: flag; client_id, as text.
  -- Returns: 0 to 99. A flag that is on for n percent is on for the places below n, so that a percentage that grows
  --   only adds workspaces.
  -- INVOKER: reads nothing.
  select ((inboxdb.id_hash(client_id, inboxdb.id_hash(flag, 0)) & 9223372036854775807) % 100)::integer
$$;
-- <<< sql/access/flag_cohort.sql

-- >>> sql/access/is_on_for.sql
create or replace function inboxdb.is_on_for(flag text, percentage integer, client_id text) returns boolean
language plpgsql stable parallel safe
set search_path = ''
as $$
-- Purpose: say whether a flag is on for a workspace: its own state, else the percentage, else on.
-- Parameters: flag; percentage, of the flag's row, null without one; client_id, as text.
-- Returns: true or false.
-- Reads: flag_override, by key.
-- INVOKER: called by our DEFINER functions only.
begin
  return coalesce(
    (
      select o.is_on
      from inboxdb.flag_override as o
      where o.flag_name = flag collate "C" and o.client_id = is_on_for.client_id collate "C"
    ),
    inboxdb.flag_cohort(flag, client_id) < percentage,
    true
  );
end
$$;
-- <<< sql/access/is_on_for.sql

-- >>> sql/access/set_flag.sql
create or replace function inboxdb.set_flag(
  name text, state text, why text, target_client_id inboxdb.client_id default null
) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: switch reads on or off, from this transaction's commit on, and keep who did, when and why.
-- Parameters: name, one of flag_definition; state: on, off or default, or, without a workspace, a percentage of all
--   workspaces, as in 25%; why, in words; target_client_id, the workspace, null for all without a state of their own.
-- Errors: IB017 for an unknown name, a state that it may not have, or no reason; those of require_workspace. Nothing is
--   changed then.
-- Locks: the flag's row, so that another call for the flag waits, and the history has the order of the states.
-- Reads: flag_definition. Writes: flag, flag_override, flag_history.
-- INVOKER: for the owner.
declare
  problem constant pg_catalog.text := case
    when name is null or not exists (select from inboxdb.flag_definition as d where d.flag_name = name)
      then pg_catalog.format('inboxdb has no flag %L', name)
    when state is null or state !~ case
        when target_client_id is null then '^(on|off|default|(100|[1-9]?[0-9])%)$' else '^(on|off|default)$'
      end
      then pg_catalog.format(
        'flag %s cannot be %L%s', name, state, case when target_client_id is not null then ' for a workspace' end
      )
    when why is null or why !~ '[^[:space:]]' or pg_catalog.char_length(why) > 1000
      then pg_catalog.format('flag %s is not set without a reason', name)
  end;
begin
  if problem is not null then
    raise exception using
      errcode = 'IB017',
      message = problem,
      detail = 'Nothing was changed.',
      hint = 'select * from inboxdb.flag_definition: what there is. A flag is on, off, default or a percentage, as in '
        '25%; for a workspace on, off or default. The reason has up to 1,000 characters.';
  end if;
  if target_client_id is not null and state <> 'default' then
    perform inboxdb.require_workspace(target_client_id);
  end if;

  -- first of all writes, because this row is the lock
  insert into inboxdb.flag as f (flag_name, percentage)
  values (
    name,
    case
      when target_client_id is not null or state = 'default' then null
      when state = 'on' then 100
      when state = 'off' then 0
      else pg_catalog.rtrim(state, '%')::integer
    end
  )
  on conflict (flag_name) do update
  set percentage = case when target_client_id is null then excluded.percentage else f.percentage end;

  if target_client_id is not null then
    if state = 'default' then
      delete from inboxdb.flag_override as o
      where o.flag_name = name collate "C" and o.client_id = target_client_id::pg_catalog.text collate "C";
    else
      insert into inboxdb.flag_override (flag_name, client_id, is_on)
      values (name, target_client_id::pg_catalog.text, state = 'on')
      on conflict (flag_name, client_id) do update set is_on = excluded.is_on;
    end if;
  end if;

  insert into inboxdb.flag_history (flag_name, number, client_id, state, why)
  values (
    name,
    (
      select coalesce(pg_catalog.max(h.number), 0) + 1
      from inboxdb.flag_history as h
      where h.flag_name = name collate "C"
    ),
    target_client_id::pg_catalog.text, state, why
  );
  -- without a row again, because reads then ask no further (D147)
  delete from inboxdb.flag as f
  where f.flag_name = name collate "C"
    and f.percentage is null
    and not exists (select from inboxdb.flag_override as o where o.flag_name = f.flag_name);
end
$$;
-- <<< sql/access/set_flag.sql

-- >>> sql/access/require_access.sql
create or replace function inboxdb.require_access(target_client_id inboxdb.client_id, flag text)
returns inboxdb.user_id
language plpgsql stable parallel safe
-- No SET clauses (search_path, row_security): read_inbox_counts pins both, and each SET costs a reader 2 microseconds.
as $$
-- Purpose: refuse callers without access to a workspace's counts, then reads that are switched off, and find the scope
--   of all others.
-- Parameters: target_client_id; flag, that the read is behind, of flag_definition; null for none.
-- Returns: the scope: the sentinel for a member who sees the whole workspace, a setter's own id.
-- Errors: IB006 without an identity; IB007 without access, and word for word the same for an unknown workspace; IB015
--   for who has access, where the flag is off, so that nobody else learns in which cohort a workspace is; those of
--   claimed_user_id.
-- Reads: flag and "Client", and of who is not the owner "ClientMember", by key; flag_override only where the flag
--   is set (D147). Members as member_access has them, in one or two lookups, because the view's two lookups and its
--   aggregate cost each reader of counts twice as much (D124).
-- INVOKER: called by our DEFINER functions only, with search_path = '' and row_security = off.
declare
  me constant inboxdb.user_id := inboxdb.claimed_user_id();
  is_owner pg_catalog.bool;
  is_off pg_catalog.bool;
  highest integer;
begin
  -- one statement, because each costs a reader its start; sub-selects, because a join costs more (D124)
  select
    (select c."userId" = me from public."Client" as c where c.id = target_client_id),
    exists (
      select
      from inboxdb.flag as f
      where f.flag_name = flag collate "C"
        and not inboxdb.is_on_for(f.flag_name, f.percentage, target_client_id::pg_catalog.text)
    )
  into is_owner, is_off;
  if is_owner and not is_off then
    return inboxdb.sentinel();
  end if;
  if is_owner is not true then
    select pg_catalog.max(inboxdb.role_rank(m.role::pg_catalog.text)) into highest
    from public."ClientMember" as m
    where m."clientId" = target_client_id and m."userId" = me;
    if me is null then
      raise exception using
        errcode = 'IB006',
        message = 'nobody is signed in',
        detail = 'The transaction carries no claims, or claims without a subject.',
        hint = 'Set request.jwt.claims to a JSON object whose "sub" is the user''s id, for the transaction only.';
    end if;
    if highest is null then
      raise exception using
        errcode = 'IB007',
        message = 'no access to this workspace',
        detail = 'Either there is no workspace of this id, or the user who is signed in is not a member of it.',
        hint = 'The id is "Client"."id".';
    end if;
  end if;
  if is_off then
    raise exception using
      errcode = 'IB015',
      message = pg_catalog.format('flag %s is off for this workspace', flag),
      detail = 'Nothing was read.',
      hint = 'Do without the answer until the flag is on again: inbox_api.flags says which flags are.';
  end if;
  return case when highest = inboxdb.role_rank('SETTER') then me else inboxdb.sentinel() end;
end
$$;
-- <<< sql/access/require_access.sql

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
-- Reads: classified_lead, member_access, by key.
-- INVOKER: called by our DEFINER functions only.
declare
  me constant inboxdb.user_id := inboxdb.current_user_id();
begin
  -- by views, because views follow a renamed column: require_lists names the column, to callers with access alone
  select l.client_id into client_id
  from inboxdb.classified_lead as l
  inner join inboxdb.member_access as a on l.client_id = a.client_id
  where l.lead_id = target_lead_id and a.user_id = me and (a.sees_whole or l.scope_user_id = me);
  scope := inboxdb.require_access(client_id, 'inbox_read');
end
$$;
-- <<< sql/list/require_lead.sql

-- >>> sql/analytics/require_window.sql
create or replace function inboxdb.require_window(
  target_client_id inboxdb.client_id, from_day date, to_day date, part text default 'figures'
)
returns inboxdb.analytics_window
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
as $$
-- Purpose: refuse callers without access, then what the host lacks, then arguments, and say what is asked.
-- Parameters: target_client_id; from_day, to_day; part, of missing_for_analytics.
-- Returns: the window, with the caller's scope.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for days
--   without a window, and for a setter with too many leads.
-- Reads: "Client", "ClientMember", by key; a setter's leads by the host's index.
-- INVOKER: called by our DEFINER functions only.
declare
  -- how many leads of a setter are read live
  most constant integer := 200000;
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id, 'analytics_read');
  asked inboxdb.analytics_window;
begin
  perform inboxdb.require_analytics(part);
  asked := inboxdb.make_window(target_client_id, scope, from_day, to_day);
  if scope <> inboxdb.sentinel() and (
    select pg_catalog.count(*) > most
    from (
      select from public."Lead" as l
      where l."clientId" = target_client_id and l."assignedToUserId" = scope
      limit most + 1
    ) as own
  ) then
    perform inboxdb.refuse_argument(
      'client_id', pg_catalog.format('a workspace where at most %s leads are assigned to the setter who asks', most)
    );
  end if;
  return asked;
end
$$;
-- <<< sql/analytics/require_window.sql

-- >>> sql/api/flags_answer.type.sql
create type inboxdb.flags_answer as (
  flags jsonb
);

comment on type inboxdb.flags_answer is 'The answer of inbox_api.flags: see there.';
-- <<< sql/api/flags_answer.type.sql

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
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id, 'inbox_read');
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

-- >>> sql/api/read_conversations.sql
create or replace function inboxdb.read_conversations(
  target_client_id inboxdb.client_id, filter text, channels text[], sentiment_tags text[], sms_campaign_id text,
  sms_campaign_unattributed boolean, score text, assigned_to text, search text, sort text, after text,
  page_size integer
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
--   another list; IB020 without lists, or without search; 42501 where row-level security would filter what the owner
--   of this function sees.
-- Reads: list_filter, cache_version; find_page and conversation_rows read the rest.
-- DEFINER: members may read neither leads nor messages.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id, 'inbox_read');
  filter_name constant pg_catalog.text := case filter
    when 'drafts' then 'previous_attention' else coalesce(filter, 'all')
  end;
  sort_name constant pg_catalog.text := coalesce(sort, 'activity');
  asked_for constant pg_catalog.record := inboxdb.search_terms(search);
  asked constant inboxdb.list_condition := (
    inboxdb.clock(), channels, sentiment_tags, sms_campaign_id, coalesce(sms_campaign_unattributed, false),
    coalesce(score, 'all'), asked_for.terms, asked_for.address
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
  if search is not null then
    perform inboxdb.require_search();
  end if;
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
    asked.sms_campaign_unattributed, asked.score, assigned_to, asked.terms, asked.address, sort_name,
    inboxdb.definitions()
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

-- >>> sql/api/read_crm_rows.sql
create or replace function inboxdb.read_crm_rows(
  target_client_id inboxdb.client_id, campaign text, category text, status text, mode text, from_day date, to_day date,
  after text, page_size integer
)
returns inboxdb.crm_rows_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
set timezone = 'UTC'
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: a page of the CRM rows of a workspace's leads, for a user with access.
-- Parameters: as of inbox_api.crm_rows.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB016 for a cursor of another list; IB020 where the
--   host lacks columns; IB021 for a refused argument; 42501 where row-level security would filter what the owner of
--   this function sees.
-- Reads: "Lead", "LeadCrmRow", cache_version.
-- DEFINER: members may not read leads.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id, 'analytics_read');
  asked inboxdb.analytics_window;
  list pg_catalog.text;
  after_place pg_catalog.record;
  last_at pg_catalog.timestamptz;
  last_id pg_catalog.text;
  answer inboxdb.crm_rows_answer;
begin
  perform inboxdb.require_analytics('CRM');
  if mode not in ('AI', 'HUMAN', 'UNKNOWN') then
    perform inboxdb.refuse_argument('mode', 'AI, HUMAN, UNKNOWN, or null for all');
  end if;
  if page_size is null or page_size not between 1 and 200 then
    perform inboxdb.refuse_argument('page_size', 'from 1 to 200');
  end if;
  if from_day is not null or to_day is not null then
    asked := inboxdb.make_window(target_client_id, scope, from_day, to_day);
  end if;
  list := pg_catalog.jsonb_build_array(
    'crm_rows', target_client_id, scope, campaign, category, status, mode, from_day, to_day, asked.time_zone
  )::pg_catalog.text;
  after_place := inboxdb.read_cursor(list, after);

  with page as (
    select
      r.id,
      l.id as lead_id,
      inboxdb.utc(r."interestRegisteredAt") as sort_at,
      pg_catalog.row_number() over in_order as place
    from public."Lead" as l
    inner join public."LeadCrmRow" as r on l.id = r."leadId"
    where l."clientId" = target_client_id
      and (scope = inboxdb.sentinel() or l."assignedToUserId" = scope)
      -- qualified, because the host may have columns of these names
      and (
        read_crm_rows.campaign is null
        or coalesce(r."interestCampaignName"::pg_catalog.text = read_crm_rows.campaign, false)
      )
      and (
        read_crm_rows.category is null
        or coalesce(
          coalesce(r."leadCategoryOverride"::pg_catalog.text, r."interestType"::pg_catalog.text)
          = read_crm_rows.category, false
        )
      )
      and (
        read_crm_rows.status is null or coalesce(r."pipelineStatus"::pg_catalog.text = read_crm_rows.status, false)
      )
      and (read_crm_rows.mode is null or coalesce(r."responseMode"::pg_catalog.text = read_crm_rows.mode, false))
      and (from_day is null or inboxdb.day_in(asked, inboxdb.utc(r."interestRegisteredAt")) is not null)
      -- behind the cursor: instants descend, rows without come last
      and (
        after_place.id is null
        or case
          when r."interestRegisteredAt" is null
            then after_place.sort_at is not null or r.id::pg_catalog.text collate "C" < after_place.id
          when after_place.sort_at is null then false
          else inboxdb.utc(r."interestRegisteredAt") < after_place.sort_at
            or (
              inboxdb.utc(r."interestRegisteredAt") = after_place.sort_at
              and r.id::pg_catalog.text collate "C" < after_place.id
            )
        end
      )
    window in_order as (order by r."interestRegisteredAt" desc nulls last, r.id::pg_catalog.text collate "C" desc)
    order by r."interestRegisteredAt" desc nulls last, r.id::pg_catalog.text collate "C" desc
    limit page_size + 1
  )

  select
    coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'crm_row_id', r.id::pg_catalog.text,
          'lead_id', l.id::pg_catalog.text,
          'name', nullif(
            pg_catalog.concat_ws(
              ' ', nullif(h.columns ->> 'firstName', ''), nullif(h.columns ->> 'lastName', '')
            ), ''
          ),
          'email', h.columns -> 'email',
          'phone', h.columns -> 'phone',
          'company_name', h.columns -> 'companyName',
          'lead_status', l.status,
          'sentiment_tag', l."sentimentTag",
          'interest_registered_at', p.sort_at,
          'interest_type', r."interestType",
          'interest_campaign_name', r."interestCampaignName",
          'response_mode', r."responseMode",
          'response_sent_by_user_id', r."responseSentByUserId"::pg_catalog.text,
          'lead_category_override', r."leadCategoryOverride",
          'category', coalesce(r."leadCategoryOverride"::pg_catalog.text, r."interestType"::pg_catalog.text),
          'pipeline_status', r."pipelineStatus",
          'meeting_booked_at', inboxdb.utc(l."appointmentBookedAt"),
          'meeting_status', l."appointmentStatus",
          'meeting_canceled_at', inboxdb.utc(l."appointmentCanceledAt"),
          'created_at', inboxdb.utc(r."createdAt")
        ) order by p.place
      ) filter (where p.place <= page_size), '[]'
    ),
    coalesce(pg_catalog.max(p.place) > page_size, false),
    pg_catalog.max(p.sort_at) filter (where p.place = page_size),
    pg_catalog.max(p.id::pg_catalog.text) filter (where p.place = page_size)
  into answer.crm_rows, answer.has_more, last_at, last_id
  from page as p
  inner join public."LeadCrmRow" as r on p.id = r.id
  inner join public."Lead" as l on p.lead_id = l.id
  -- of columns only shown, null where the host has none
  cross join lateral (select pg_catalog.to_jsonb(l) as columns) as h;
  if answer.has_more then
    answer.cursor := inboxdb.make_cursor(list, last_at, last_id);
  end if;
  answer.version := (select v.version from inboxdb.newest_version(target_client_id, 'analytics') as v);
  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(pg_catalog.jsonb_build_array(list, after, page_size, answer.crm_rows, answer.cursor));
  end if;
  return answer;
end
$$;
-- <<< sql/api/read_crm_rows.sql

-- >>> sql/api/read_flags.sql
create or replace function inboxdb.read_flags(target_client_id inboxdb.client_id) returns inboxdb.flags_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: which flags are on for a workspace.
-- Parameters: target_client_id.
-- Returns: see inbox_api.flags.
-- Errors: those of require_access, before anything else is read.
-- Reads: flag_definition, flag; flag_override by key.
-- DEFINER: members may read no flag, because percentages and other workspaces' states are not theirs to know.
declare
  answer inboxdb.flags_answer;
begin
  perform inboxdb.require_access(target_client_id, null);
  select
    pg_catalog.jsonb_object_agg(
      d.flag_name, inboxdb.is_on_for(d.flag_name, f.percentage, target_client_id::pg_catalog.text)
    )
  into answer.flags
  from inboxdb.flag_definition as d
  left join inboxdb.flag as f on d.flag_name = f.flag_name;
  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(pg_catalog.jsonb_build_array('flags', target_client_id, answer.flags));
  end if;
  return answer;
end
$$;
-- <<< sql/api/read_flags.sql

-- >>> sql/api/read_inbox_counts.sql
create or replace function inboxdb.read_inbox_counts(target_client_id inboxdb.client_id) returns inboxdb.counts_answer
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
-- no sequential scan: a plan made while the work list is empty is kept for the session, and has to do for dead rows
set enable_seqscan = off
-- JIT off: enable_seqscan = off adds 1e10 to a plan's cost, which up to PostgreSQL 17 alone triggers JIT (D50)
set jit = off
-- generic plan, because no parameter changes the best plan, and planning takes longer than all else (D9)
set plan_cache_mode = force_generic_plan
as $$
-- Purpose: the current user's counts of a workspace, and how fresh they are.
-- Parameters: target_client_id.
-- Returns: see inbox_api.inbox_counts.
-- Errors: those of require_access, before anything else is read; in live mode those of live_inbox_counts.
-- Reads: inbox_counts, drain_state, inbox_counts_dirty, setting, by key and without a join, which costs a reader more
--   (D124); cache_version where inbox_counts has no version. In live mode as live_inbox_counts, by a scan of the
--   workspace.
-- DEFINER: members may read neither the work list nor the settings.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id, 'counts_read');
  collected_at pg_catalog.timestamptz;
  dirty_since pg_catalog.timestamptz;
  source pg_catalog.text;
  answer inboxdb.counts_answer;
begin
  -- Few expressions besides the statements, because each is set up anew in every transaction (D124).
  -- Sub-selects, and the newest revision first, as drain_state_now: no join to set up.
  select
    s.collected_at,
    (
      select d.dirty_since
      from inboxdb.inbox_counts_dirty as d
      where d.client_id = target_client_id and d.next_attempt_at >= s.claim_from
    ),
    coalesce(
      (select k.setting_value from inboxdb.setting as k where k.setting_name = 'counts_source'),
      inboxdb.default_counts_source()
    )
  into collected_at, dirty_since, source
  from inboxdb.drain_state as s
  order by s.revision desc
  limit 1;
  select
    scope, s.computed_at, s.version, dirty_since, inboxdb.is_stale(dirty_since, collected_at), source,
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
  into answer
  from inboxdb.inbox_counts as s
  where s.client_id = target_client_id and s.is_global = (scope = inboxdb.sentinel()) and s.scope_user_id = scope;
  if answer.version is not null and source = 'stored'
    and coalesce(pg_catalog.current_setting('request.headers', true), '') = ''
  then
    return answer;
  end if;

  -- drain_state may be lost
  source := coalesce(source, inboxdb.setting('counts_source'));
  if answer.scope_user_id is null then
    select
      scope, null, null, dirty_since, inboxdb.is_stale(dirty_since, collected_at), null,
      -- each count, with commas: 0
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0
      -- end
    into answer;
  end if;
  answer.source := source;
  if scope <> inboxdb.sentinel() then
    -- the global row's: a refresh covers every scope, and rewrites only rows that changed (D26)
    select s.computed_at, s.version into answer.computed_at, answer.version
    from inboxdb.inbox_counts as s
    where s.client_id = target_client_id and s.is_global and s.scope_user_id = inboxdb.sentinel();
  end if;
  -- of a workspace made anew, before its first fill
  if answer.version is null then
    select v.version into answer.version from inboxdb.newest_version(target_client_id, 'inbox') as v;
  end if;

  if source = 'live' then
    select
      scope, always.now, answer.version, null, false, source,
      -- each count, with commas: coalesce(l.{name}, 0)
      coalesce(l.all_responses, 0),
      coalesce(l.requires_attention, 0),
      coalesce(l.previously_required_attention, 0),
      coalesce(l.total_non_blacklisted, 0),
      coalesce(l.awaiting_reply, 0),
      coalesce(l.needs_repair, 0),
      coalesce(l.ai_sent, 0),
      coalesce(l.ai_review, 0),
      coalesce(l.total, 0)
      -- end
    into answer
    from (select inboxdb.clock() as now) as always
    left join inboxdb.live_inbox_counts(target_client_id, always.now) as l on l.scope_user_id = scope;
  elsif pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(
      pg_catalog.jsonb_build_array(target_client_id, scope, answer.version, answer.is_stale)
    );
  end if;
  return answer;
end
$$;
-- <<< sql/api/read_inbox_counts.sql

-- >>> sql/api/analytics_days.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_days(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: each day of a window, of the current user's leads in a workspace. For the application,
  --   and for PostgREST's GET /rpc/analytics_days?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects, a day each: day, inbound, outbound, leads_created,
  --   meetings_booked; the days and the time zone; computed_at; version, the analytics family's cache version;
  --   is_stale. Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_days checks access, then reads.
  select * from inboxdb.read_analytics_days(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_days.sql

-- >>> sql/api/analytics_email_campaigns.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_email_campaigns(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: a window by e-mail campaign, of the current user's leads in a workspace. For the application,
  --   and for PostgREST's GET /rpc/analytics_email_campaigns?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: email_campaign_id, name, positive_responses,
  --   meetings_requested, meetings_booked, meetings_kept; the days and the time zone; computed_at; version, the
  --   analytics family's cache version; is_stale. Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_email_campaigns checks access, then reads.
  select * from inboxdb.read_analytics_email_campaigns(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_email_campaigns.sql

-- >>> sql/api/analytics_overview.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_overview(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the overview of a window of days, of the current user's leads in a workspace. For the application,
  --   and for PostgREST's GET /rpc/analytics_overview?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an object: leads_created, contacted, responses, response_rate, meetings_booked,
  --   meetings_kept, our_response_ms, our_response_samples, their_response_ms, their_response_samples; the days and the
  --   time zone; computed_at; version, the analytics family's cache version; is_stale. Under PostgREST also an ETag,
  --   and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_overview checks access, then reads.
  select * from inboxdb.read_analytics_overview(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_overview.sql

-- >>> sql/api/analytics_reactivations.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_reactivations(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the reactivations sent in a window by campaign, of the current user's leads in a workspace. For the
  --   application, and for PostgREST's GET /rpc/analytics_reactivations?client_id=... . Read live from the host's
  --   tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: reactivation_campaign_id, name, sent, responded, booked;
  --   the days and the time zone; computed_at; version, the analytics family's cache version; is_stale.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_reactivations checks access, then reads.
  select * from inboxdb.read_analytics_reactivations(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_reactivations.sql

-- >>> sql/api/analytics_response_times.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_response_times(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the replies of a window by who replied, of the current user's leads in a workspace. For the application,
  --   and for PostgREST's GET /rpc/analytics_response_times?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: side, sender, user_id, replies, mean_ms, p50_ms, p90_ms,
  --   p95_ms, business_mean_ms; the days and the time zone; computed_at; version, the analytics family's cache version;
  --   is_stale. Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_response_times checks access, then reads.
  select * from inboxdb.read_analytics_response_times(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_response_times.sql

-- >>> sql/api/analytics_sentiments.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_sentiments(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the responders of a window by their present tag, of the current user's leads in a workspace. For the
  --   application, and for PostgREST's GET /rpc/analytics_sentiments?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: sentiment_tag, responses, share;
  --   the days and the time zone; computed_at; version, the analytics family's cache version; is_stale.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_sentiments checks access, then reads.
  select * from inboxdb.read_analytics_sentiments(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_sentiments.sql

-- >>> sql/api/analytics_sms_campaigns.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_sms_campaigns(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: a window by SMS campaign, of the current user's leads in a workspace. For the application,
  --   and for PostgREST's GET /rpc/analytics_sms_campaigns?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: sms_campaign_id, name, leads_created, responses,
  --   positive_responses, meetings_booked; the days and the time zone; computed_at; version, the analytics family's
  --   cache version; is_stale. Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_sms_campaigns checks access, then reads.
  select * from inboxdb.read_analytics_sms_campaigns(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_sms_campaigns.sql

-- >>> sql/api/analytics_statuses.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_statuses(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the leads created in a window by their present status, of the current user's leads in a workspace. For the
  --   application, and for PostgREST's GET /rpc/analytics_statuses?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an array of objects: status, leads_created;
  --   the days and the time zone; computed_at; version, the analytics family's cache version; is_stale.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_statuses checks access, then reads.
  select * from inboxdb.read_analytics_statuses(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_statuses.sql

-- >>> sql/api/analytics_workflows.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.analytics_workflows(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the meetings of a window by the sequence before them, of the current user's leads in a workspace. For the
  --   application, and for PostgREST's GET /rpc/analytics_workflows?client_id=... . Read live from the host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an object: meetings_booked, after_sequence, without_sequence, sequences;
  --   the days and the time zone; computed_at; version, the analytics family's cache version; is_stale.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_workflows checks access, then reads.
  select * from inboxdb.read_analytics_workflows(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_workflows.sql

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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such lead; IB015 switched off by a
  --   flag; IB020 without lists.
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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 without lists.
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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such lead; IB015 switched off by a
  --   flag; IB016 a cursor of another list; IB020 without lists; IB021 a refused argument.
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
  search text default null,
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
  --   leads without a campaign; score; assigned_to, whose leads, '' for nobody's; search, an e-mail address or
  --   terms; sort, activity or updated; after, the cursor of the page before; page_size, 1 to 200.
  -- Returns: one row. conversations, an array of objects; cursor, where the next page begins, null at the end;
  --   has_more, whether the end is not known: where each lead has to be looked at, a page may be short, or empty;
  --   version, the inbox family's cache version; scanned, how many leads were looked at.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB016 a cursor of another list; IB020 without lists; IB021 a refused argument.
  -- INVOKER: read_conversations checks access, then reads.
  select *
  from inboxdb.read_conversations(
    client_id, filter, channels, sentiment_tags, sms_campaign_id, sms_campaign_unattributed, score, assigned_to, search,
    sort, after, page_size
  )
$$;
-- <<< sql/api/conversations.sql

-- >>> sql/api/crm_rows.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.crm_rows(
  client_id inboxdb.client_id,
  campaign text default null,
  category text default null,
  status text default null,
  mode text default null,
  from_day date default null,
  to_day date default null,
  after text default null,
  page_size integer default 50
)
returns setof inboxdb.crm_rows_answer
language sql stable
rows 1
as $$
  -- Purpose: a page of the CRM rows of the current user's leads in a workspace, the newest interest first, rows without
  --   an instant last. For the application, and for PostgREST's GET /rpc/crm_rows?client_id=... .
  -- Parameters: client_id, the workspace; campaign, the name as registered; category, the override, else the type of
  --   interest; status, of the pipeline; mode, AI, HUMAN or UNKNOWN; null for all; from_day, to_day, both or neither,
  --   1 to 400 days on which interest was registered; after, the cursor of the page before; page_size, 1 to 200.
  -- Returns: a single row. crm_rows, an array of objects; cursor, where the next page begins, null at the end;
  --   has_more; version, the analytics family's cache version. Under PostgREST also an ETag, and status 304, as for
  --   inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB016 a cursor of another list; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_crm_rows checks access, then reads.
  select *
  from inboxdb.read_crm_rows(client_id, campaign, category, status, mode, from_day, to_day, after, page_size)
$$;
-- <<< sql/api/crm_rows.sql

-- >>> sql/api/crm_summary.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.crm_summary(client_id inboxdb.client_id, from_day date, to_day date)
returns setof inboxdb.analytics_answer
language sql stable
rows 1
as $$
  -- Purpose: the meetings of leads whose interest was registered in a window, of the current user's leads in a
  --   workspace. For the application, and for PostgREST's GET /rpc/crm_summary?client_id=... . Read live from the
  --   host's tables.
  -- Parameters: client_id, the workspace; from_day, to_day, both inclusive, 1 to 400 days of the workspace's time zone.
  -- Returns: a single row. figures, an object: total, by_type, by_mode, by_setter;
  --   the days and the time zone; computed_at; version, the analytics family's cache version; is_stale.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag; IB020 where the host lacks columns; IB021 a refused argument.
  -- INVOKER: read_crm_summary checks access, then reads.
  select * from inboxdb.read_crm_summary(client_id, from_day, to_day)
$$;
-- <<< sql/api/crm_summary.sql

-- >>> sql/api/flags.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.flags(client_id inboxdb.client_id)
returns setof inboxdb.flags_answer
language sql stable
rows 1
as $$
  -- Purpose: which reads are on for a workspace, so that a client asks for no others. For the application, and for
  --   PostgREST's GET /rpc/flags?client_id=... . Behind no flag.
  -- Parameters: client_id, the workspace.
  -- Returns: one row. flags, an object: true or false for each flag of flag_definition.
  --   Under PostgREST also an ETag, and status 304, as for inbox_counts.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace.
  -- INVOKER: read_flags checks access, then reads.
  select * from inboxdb.read_flags(client_id)
$$;
-- <<< sql/api/flags.sql

-- >>> sql/api/inbox_counts.sql
-- Inlined into the calling query, so without a search_path of its own (D55).
create or replace function inbox_api.inbox_counts(client_id inboxdb.client_id)
returns setof inboxdb.counts_answer
language sql stable
rows 1
as $$
  -- Purpose: the current user's counts of a workspace. For the application, and for PostgREST's
  --   GET /rpc/inbox_counts?client_id=... . Never recomputes.
  -- Parameters: client_id, the workspace.
  -- Returns: one row. scope_user_id, whose counts they are: the sentinel for the whole workspace, which every member
  --   but a setter gets, else the user's; the counts, as view count lists them, zeros where the scope has no lead;
  --   computed_at, the instant they speak of, null where the workspace was never counted; version, the inbox family's
  --   cache version, null before the first; dirty_since, when the oldest change that a collector has found was noted,
  --   null where none waits; is_stale, true when that is over 15 seconds ago or nobody has collected for as long;
  --   source: stored, or live where the setting counts_source says so (then computed_at is now, and nothing is stale).
  --   Under PostgREST (where request.headers is set) it also sets response.headers to an ETag of workspace, scope,
  --   version and is_stale, and response.status to 304 for a client with the same ETag; neither in live mode.
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB015 switched off
  --   by a flag.
  -- INVOKER: read_inbox_counts checks access, then reads.
  select * from inboxdb.read_inbox_counts(client_id)
$$;
-- <<< sql/api/inbox_counts.sql

-- >>> sql/shard/shard_flags.sql
-- Written by `make migration`, from sql/api/flags.sql.
create or replace function inboxdb.shard_flags(
  claims text, headers text, method text, client_id text
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.flags in a single call, for a router or a gateway: the request as arguments, a refusal as data,
--   because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.flags, ids as text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_flags. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_flags(
        client_id::inboxdb.client_id
      ) as r
    );
    answer.response_headers := nullif(pg_catalog.current_setting('response.headers'), '');
    answer.response_status := nullif(pg_catalog.current_setting('response.status'), '');
  exception
    when query_canceled or others then
      get stacked diagnostics
        answer.sqlstate = returned_sqlstate,
        answer.message = message_text,
        answer.detail = pg_exception_detail,
        answer.hint = pg_exception_hint;
  end;
  perform inboxdb.set_request(null, null, null);
  return answer;
end
$$;
-- <<< sql/shard/shard_flags.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;

-- inboxdb 0007: who may see what: row-level security on inboxdb's own tables, the schema inbox_api, and the rights of the
--   roles authenticated, inboxdb_drainer and inboxdb_monitor, where they exist (inboxdb.apply_grants() again once they
--   do). "Lead" is left alone: that is for `inboxdb rls`, or inboxdb.protect_leads().
-- Locks: ACCESS EXCLUSIVE on inboxdb.inbox_counts, inboxdb.cache_version and inboxdb.job_status, which stops their readers
--   and a drain that is about to store a result, until commit; while it queues for one of them, at most the 2 s of
--   lock_timeout each, they queue behind it. ACCESS SHARE on "Client" and "ClientMember"; on Supabase ACCESS EXCLUSIVE on
--   realtime.messages. Duration: milliseconds once granted.
-- Undo: 0007-access.rollback.sql takes every policy of ours off "Lead" first, then drops the rest.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0007-access.sql (one transaction).
-- depends: 0006-lead-triggers

set local lock_timeout = '2s';
set local search_path = '';

-- all three before anything else: whoever holds one of them is waited for once, and at the beginning
lock table inboxdb.inbox_counts, inboxdb.cache_version, inboxdb.job_status in access exclusive mode;

-- >>> sql/base/is_json.sql
create or replace function inboxdb.is_json(candidate text) returns boolean
language plpgsql immutable strict parallel safe
-- No search_path of its own: its callers pin theirs, and another SET costs each reader of counts 2 microseconds.
as $$
-- Purpose: say whether a text can be cast to json and each of its values read. The cast's error is not caught, because
--   an exception block starts a subtransaction, forbidden in parallel queries (D53); and the error quotes the text.
-- Parameters: candidate. More than 16,384 characters or 1,000 objects and arrays are no JSON here, nor are more than 64
--   levels on PostgreSQL 15: such a text aims at the parser's stack, or its time.
-- Returns: true or false; null for null.
-- Source: RFC 8259; PostgreSQL refuses the escapes \u0000 and single surrogates besides.
-- INVOKER: called by our functions only, with search_path = ''.
declare
  scalar constant pg_catalog.text := pg_catalog.chr(1);
  string constant pg_catalog.text := pg_catalog.chr(2);
  reduced pg_catalog.text := candidate;
  before pg_catalog.text;
begin
  -- the usual case in two expressions, because each is set up anew in every transaction (D124)
  if pg_catalog.current_setting('server_version_num') >= '160000' and (
    pg_catalog.length(candidate) <= 1000
    or pg_catalog.length(candidate) <= 16384 and pg_catalog.regexp_count(candidate, '[[{]') <= 1000
  ) then
    return pg_catalog.pg_input_is_valid(candidate, 'pg_catalog.jsonb');
  elsif pg_catalog.length(candidate) > 16384 or pg_catalog.regexp_count(candidate, '[[{]') > 1000 then
    return false;
  end if;

  -- PostgreSQL 15: inner values are replaced by characters outside JSON, level by level, until a single one is left.
  -- Dollar quotes mean the same under any standard_conforming_strings.
  if candidate ~ $re$[\x01-\x08\x0b\x0c\x0e-\x1f]$re$ then
    return false;
  end if;
  reduced := pg_catalog.regexp_replace(
    reduced,
    $re$"([^"\\\x01-\x1f]|\\["\\/bfnrt]|\\u(?!0000|[dD][89a-fA-F])[0-9a-fA-F]{4}$re$
    || $re$|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*"$re$,
    string, 'g'
  );
  reduced := pg_catalog.regexp_replace(
    reduced, $re$true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$re$, scalar, 'g'
  );
  reduced := pg_catalog.regexp_replace(reduced, $re$[ \t\n\r]+$re$, '', 'g');
  -- a round for each level, reading the whole text: more than 64 levels are no JSON here
  for level in 1..64 loop
    before := reduced;
    reduced := pg_catalog.regexp_replace(
      reduced, $re$\[([\x01\x02](,[\x01\x02])*)?\]|\{(\x02:[\x01\x02](,\x02:[\x01\x02])*)?\}$re$, scalar, 'g'
    );
    exit when reduced = before;
  end loop;
  return reduced in (scalar, string);
end
$$;
-- <<< sql/base/is_json.sql

-- >>> sql/host/can_be_id.sql
-- Overloaded for the two types of host ids; callers pass a value of the wanted type. Inlined into their queries, so
-- without a search_path of their own.
create or replace function inboxdb.can_be_id(candidate text, like_this uuid) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: say whether a text can be cast to the type of a host's ids.
  -- Parameters: candidate; like_this, any value of the ids' type.
  -- Returns: true or false; null for null.
  -- INVOKER: reads nothing.
  select candidate operator(pg_catalog.~) '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$'
$$;

create or replace function inboxdb.can_be_id(candidate text, like_this text) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: as above.
  -- Parameters: as above.
  -- Returns: true: any text is a text.
  -- INVOKER: reads nothing.
  select true
$$;
-- <<< sql/host/can_be_id.sql

-- >>> sql/access/current_user_id.sql
create or replace function inboxdb.current_user_id() returns inboxdb.user_id
language plpgsql stable parallel safe security definer
set search_path = ''
as $$
-- Purpose: who is asking, for policies and the host.
-- Returns: as claimed_user_id.
-- Errors: those of claimed_user_id.
-- Reads: as claimed_user_id.
-- DEFINER: policies call this function for restricted roles, which so need no right on the functions called here.
begin
  return inboxdb.claimed_user_id();
end
$$;
-- <<< sql/access/current_user_id.sql

-- >>> sql/access/role_rank.sql
create or replace function inboxdb.role_rank(member_role text) returns integer
language sql immutable parallel safe
as $$
  -- Purpose: which of a member's roles decides, known here alone: the highest.
  -- Parameters: member_role; OWNER for "Client"."userId".
  -- Returns: its rank; null for a role unknown here, which gives no access. Of rank 2, a setter, alone sees less than
  --   the whole workspace.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select pg_catalog.array_position(array['CLIENT_PORTAL', 'SETTER', 'INBOX_MANAGER', 'ADMIN', 'OWNER'], member_role)
$$;
-- <<< sql/access/role_rank.sql

-- >>> sql/access/member_access.view.sql
create or replace view inboxdb.member_access as
-- Who sees what: a member's highest role decides (role_rank); the owner needs no membership. require_access answers
-- the same for one user and workspace, in fewer steps.
select
  m.client_id,
  m.user_id,
  pg_catalog.max(m.role_rank) <> inboxdb.role_rank('SETTER') as sees_whole
from (
  select c.id as client_id, c."userId" as user_id, inboxdb.role_rank('OWNER') as role_rank
  from public."Client" as c
  union all
  select m."clientId", m."userId", inboxdb.role_rank(m.role::text) as role_rank
  from public."ClientMember" as m
) as m
where m.role_rank is not null
group by m.client_id, m.user_id;

comment on view inboxdb.member_access is
'Users and the workspaces they have access to; sees_whole is false for a setter, who sees only their own leads.';
-- <<< sql/access/member_access.view.sql

-- >>> sql/access/member_workspaces.sql
create or replace function inboxdb.member_workspaces() returns setof inboxdb.client_id
language plpgsql stable parallel safe security definer
rows 10
set search_path = ''
-- a policy hiding memberships would narrow what the caller sees: raise instead (D37)
set row_security = off
as $$
-- Purpose: the workspaces of the current user, as any kind of member. For policies: in an uncorrelated sub-select, so
--   called once per query (D51).
-- Returns: their ids; none without an identity.
-- Errors: those of current_user_id.
-- Reads: member_access.
-- DEFINER: the caller may not read "Client" and "ClientMember".
declare
  me constant inboxdb.user_id := inboxdb.current_user_id();
begin
  return query
  select a.client_id::inboxdb.client_id from inboxdb.member_access as a where a.user_id = me;
end
$$;
-- <<< sql/access/member_workspaces.sql

-- >>> sql/access/setter_workspaces.sql
create or replace function inboxdb.setter_workspaces() returns setof inboxdb.client_id
language plpgsql stable parallel safe security definer
rows 10
set search_path = ''
-- a policy hiding memberships would narrow what the caller sees: raise instead (D37)
set row_security = off
as $$
-- Purpose: the workspaces where the current user's highest role is SETTER, so that only their own leads are seen there.
--   For policies: in an uncorrelated sub-select, so called once per query (D51).
-- Returns: their ids; none without an identity.
-- Errors: those of current_user_id.
-- Reads: member_access.
-- DEFINER: the caller may not read "Client" and "ClientMember".
declare
  me constant inboxdb.user_id := inboxdb.current_user_id();
begin
  return query
  select a.client_id::inboxdb.client_id from inboxdb.member_access as a where a.user_id = me and not a.sees_whole;
end
$$;
-- <<< sql/access/setter_workspaces.sql

-- >>> sql/access/has_client_access.sql
create or replace function inboxdb.has_client_access(client_id inboxdb.client_id) returns boolean
language plpgsql stable parallel safe security definer
set search_path = ''
-- a policy hiding memberships would narrow what the caller sees: raise instead (D37)
set row_security = off
as $$
-- Purpose: say whether the current user is a member of a workspace, in any role. Policies use member_workspaces and
--   setter_workspaces instead, because a call per row is slow (D51).
-- Parameters: client_id.
-- Returns: true or false; false without an identity, and for an unknown workspace.
-- Errors: those of current_user_id.
-- Reads: member_access, by key.
-- DEFINER: the caller may not read "Client" and "ClientMember".
declare
  me constant inboxdb.user_id := inboxdb.current_user_id();
begin
  return exists (
    select
    from inboxdb.member_access as a
    where a.user_id = me and a.client_id = has_client_access.client_id
  );
end
$$;
-- <<< sql/access/has_client_access.sql

-- >>> sql/access/has_topic_access.sql
create or replace function inboxdb.has_topic_access(topic text) returns boolean
language plpgsql stable parallel safe security definer
set search_path = ''
-- a policy hiding memberships would narrow what the caller sees: raise instead (D37)
set row_security = off
as $$
-- Purpose: say whether the current user may hear a realtime topic: members who may see the topic's scope.
-- Parameters: topic, as made by signal_topic.
-- Returns: true or false; false without an identity.
-- Errors: those of current_user_id.
-- Reads: member_access, inbox_counts. Topics are compared, not parsed: no id can pretend to be two.
-- DEFINER: the caller may not read "Client" and "ClientMember".
declare
  me inboxdb.user_id;
begin
  -- not a topic of ours: left to the project's own policies
  if topic is null or topic not like 'inbox:v1:%' then
    return false;
  end if;
  me := inboxdb.current_user_id();
  return exists (
    select
    from inboxdb.member_access as a
    where a.user_id = me
      and (
        topic = inboxdb.signal_topic(a.client_id, me)
        or (
          a.sees_whole
          and (
            topic = inboxdb.signal_topic(a.client_id, inboxdb.sentinel())
            or exists (
              select
              from inboxdb.inbox_counts as s
              where s.client_id = a.client_id and topic = inboxdb.signal_topic(a.client_id, s.scope_user_id)
            )
          )
        )
      )
  );
end
$$;
-- <<< sql/access/has_topic_access.sql

-- >>> sql/access/require_access.sql
create or replace function inboxdb.require_access(target_client_id inboxdb.client_id) returns inboxdb.user_id
language plpgsql stable parallel safe
-- No SET clauses (search_path, row_security): read_inbox_counts pins both, and each SET costs a reader 2 microseconds.
as $$
-- Purpose: refuse callers without access to a workspace's counts, and find the scope of all others.
-- Parameters: target_client_id.
-- Returns: the scope: the sentinel for a member who sees the whole workspace, a setter's own id.
-- Errors: IB006 without an identity; IB007 without access, and word for word the same for an unknown workspace; those
--   of claimed_user_id.
-- Reads: "Client", and of who is not the owner "ClientMember", by key. As member_access has it, in one or two lookups,
--   because the view's two lookups and its aggregate cost each reader of counts twice as much (D124).
-- INVOKER: called by our DEFINER functions only, with search_path = '' and row_security = off.
declare
  me constant inboxdb.user_id := inboxdb.claimed_user_id();
  is_owner pg_catalog.bool;
  highest integer;
begin
  select c."userId" = me into is_owner from public."Client" as c where c.id = target_client_id;
  if is_owner then
    return inboxdb.sentinel();
  end if;
  select pg_catalog.max(inboxdb.role_rank(m.role::text)) into highest
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
  return case when highest = inboxdb.role_rank('SETTER') then me else inboxdb.sentinel() end;
end
$$;
-- <<< sql/access/require_access.sql

-- >>> sql/api/not_modified.sql
create or replace function inboxdb.not_modified(state jsonb) returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: HTTP's conditional GET, left to functions by PostgREST: tag the answer with a digest of its state, and say
--   304 to a client with the same tag. Called after the access check, and only with request.headers set.
-- Parameters: state, everything the answer depends on.
-- Source: RFC 9110, 8.8.3 (a weak tag: the bytes of two such answers may differ), 13.1.2 and 15.4.5.
-- Reads: the settings request.headers, request.method. Writes: response.headers, response.status, for this transaction.
-- INVOKER: called by our DEFINER functions only.
declare
  headers constant pg_catalog.text := pg_catalog.current_setting('request.headers');
  tag constant pg_catalog.text := pg_catalog.format(
    'W/"%s"', pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(state::pg_catalog.text, 'UTF8')), 'hex')
  );
  others constant pg_catalog.text := pg_catalog.current_setting('response.headers', true);
  wanted pg_catalog.text;
begin
  perform pg_catalog.set_config(
    'response.headers',
    (
      case when inboxdb.is_json(others) then others else '[]' end::pg_catalog.jsonb
      || pg_catalog.jsonb_build_array(
        pg_catalog.jsonb_build_object('ETag', tag),
        pg_catalog.jsonb_build_object('Cache-Control', 'private, no-cache')
      )
    )::pg_catalog.text,
    true
  );
  if pg_catalog.current_setting('request.method', true) in ('GET', 'HEAD') and inboxdb.is_json(headers) then
    wanted := headers::pg_catalog.json ->> 'if-none-match';
    if wanted = '*' or pg_catalog.replace(tag, 'W/', '') = any (
      pg_catalog.string_to_array(pg_catalog.replace(pg_catalog.replace(wanted, 'W/', ''), ' ', ''), ',')
    ) then
      perform pg_catalog.set_config('response.status', '304', true);
    end if;
  end if;
end
$$;
-- <<< sql/api/not_modified.sql

-- >>> sql/api/counts_answer.type.sql
-- The answer's columns, named here alone. Grows in place by `alter type ... add attribute`; every grant stays (D91).
create type inboxdb.counts_answer as (
  scope_user_id inboxdb.user_id,
  computed_at timestamptz,
  version bigint,
  dirty_since timestamptz,
  is_stale boolean,
  source text,
  -- each count, with commas: {name} integer
  all_responses integer,
  requires_attention integer,
  previously_required_attention integer,
  total_non_blacklisted integer,
  awaiting_reply integer,
  needs_repair integer,
  ai_sent integer,
  ai_review integer,
  total integer
  -- end
);

comment on type inboxdb.counts_answer is 'The answer of inbox_api.inbox_counts: see there.';
-- <<< sql/api/counts_answer.type.sql

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
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id);
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

-- >>> sql/access/inbox_counts.policy.sql
alter table inboxdb.inbox_counts enable row level security;

-- Uncorrelated sub-selects run once per query, not once per row; an index can answer the first condition (D51).
create policy inboxdb_member on inboxdb.inbox_counts
for select
using (
  client_id = any (array(select inboxdb.member_workspaces()))
  and (
    client_id <> all (array(select inboxdb.setter_workspaces()))
    or scope_user_id = (select inboxdb.current_user_id())
  )
);

comment on policy inboxdb_member on inboxdb.inbox_counts is
'Members see every row of their workspace, setters only their own.';
-- <<< sql/access/inbox_counts.policy.sql

-- >>> sql/access/cache_version.policy.sql
alter table inboxdb.cache_version enable row level security;

create policy inboxdb_member on inboxdb.cache_version
for select
using (client_id = any (array(select inboxdb.member_workspaces())));

comment on policy inboxdb_member on inboxdb.cache_version is 'Members see their workspaces, setters too.';
-- <<< sql/access/cache_version.policy.sql

-- >>> sql/access/job_status.policy.sql
alter table inboxdb.job_status enable row level security;

create policy inboxdb_member on inboxdb.job_status
for select
using (client_id = any (array(select inboxdb.member_workspaces())));

comment on policy inboxdb_member on inboxdb.job_status is 'Members see their workspaces, setters too.';
-- <<< sql/access/job_status.policy.sql

create schema inbox_api;

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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace.
  -- INVOKER: read_inbox_counts checks access, then reads.
  select * from inboxdb.read_inbox_counts(client_id)
$$;
-- <<< sql/api/inbox_counts.sql

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
  ('authenticated', 'function', 'inbox_api.inbox_counts(inboxdb.client_id)', 'execute'),
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

-- >>> sql/access/apply_grants.sql
create or replace function inboxdb.apply_grants() returns void
language plpgsql volatile
set search_path = ''
-- else a regclass as text would be no name of the matrix
set quote_all_identifiers = off
as $$
-- Purpose: make the privileges in our schemas equal to grant_matrix, for the roles that exist: everything else is
--   revoked from everybody but the owner, from PUBLIC and where granted by hand as well.
-- Errors: 42501 for a caller who does not own inboxdb.
-- Locks: no table; two calls at once follow each other.
-- Reads: grant_matrix. Changes privileges.
-- INVOKER: for the owner.
declare
  statement pg_catalog.text;
begin
  perform pg_catalog.pg_advisory_xact_lock(inboxdb.lock_class('grants'), 0);
  for statement in
    with ours (kind, name, acl, owner) as (
      select
        'schema', n.nspname::pg_catalog.text,
        coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner)), n.nspowner
      from pg_catalog.pg_namespace as n
      where n.nspname in ('inboxdb', 'inbox_api')
      union all
      select
        case c.relkind when 'S' then 'sequence' else 'table' end,
        c.oid::pg_catalog.regclass::pg_catalog.text,
        coalesce(
          c.relacl,
          pg_catalog.acldefault((case c.relkind when 'S' then 's' else 'r' end)::pg_catalog."char", c.relowner)
        ),
        c.relowner
      from pg_catalog.pg_class as c
      inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
      where n.nspname in ('inboxdb', 'inbox_api') and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      union all
      select 'table', c.oid::pg_catalog.regclass::pg_catalog.text, a.attacl, c.relowner
      from pg_catalog.pg_attribute as a
      inner join pg_catalog.pg_class as c on a.attrelid = c.oid
      inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
      where n.nspname in ('inboxdb', 'inbox_api') and a.attacl is not null
      union all
      select
        'routine', p.oid::pg_catalog.regprocedure::pg_catalog.text,
        coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)), p.proowner
      from pg_catalog.pg_proc as p
      inner join pg_catalog.pg_namespace as n on p.pronamespace = n.oid
      where n.nspname in ('inboxdb', 'inbox_api')
      union all
      select
        'type', t.oid::pg_catalog.regtype::pg_catalog.text,
        coalesce(t.typacl, pg_catalog.acldefault('T', t.typowner)), t.typowner
      from pg_catalog.pg_type as t
      inner join pg_catalog.pg_namespace as n on t.typnamespace = n.oid
      left join pg_catalog.pg_class as c on t.typrelid = c.oid
      where n.nspname in ('inboxdb', 'inbox_api') and (t.typtype = 'd' or c.relkind = 'c')
    )
    select distinct
      pg_catalog.format(
        'revoke all on %s %s from %s cascade', o.kind, o.name,
        -- regrole::text quotes names where needed
        coalesce(nullif(e.grantee, 0)::pg_catalog.regrole::pg_catalog.text, 'public')
      )
    from ours as o
    cross join lateral pg_catalog.aclexplode(o.acl) as e
    where e.grantee <> o.owner
  loop
    execute statement;
  end loop;

  for statement in
    select pg_catalog.format('grant %s on %s %s to %I', m.privilege, m.kind, m.object_name, m.grantee)
    from inboxdb.grant_matrix as m
    where m.grantee = 'public' or pg_catalog.to_regrole(pg_catalog.quote_ident(m.grantee)) is not null
  loop
    execute statement;
  end loop;
end
$$;
-- <<< sql/access/apply_grants.sql

-- >>> sql/access/claimed_user_id.sql
create or replace function inboxdb.claimed_user_id() returns inboxdb.user_id
language plpgsql stable parallel safe
-- No search_path of its own: its callers pin theirs, and another SET costs each reader of counts 2 microseconds.
as $$
-- Purpose: who is asking, known here alone: the subject of the JSON web token whose claims PostgREST, Supabase or the
--   application put into the transaction (set local request.jwt.claims).
-- Returns: the user's id; null for nobody: no claims, '' (what a `set local` leaves behind), no subject, or the
--   sentinel.
-- Errors: IB005 for claims that are no JSON object, or a subject that no user can have. The claims are not quoted.
-- Reads: the settings request.jwt.claims and, where absent, request.jwt.claim.sub (PostgREST before 9).
-- INVOKER: called by current_user_id and require_access only, with search_path = ''.
-- No exception block here: it would start a subtransaction, which parallel queries may not (D53).
-- The usual case first and in few expressions, each of which is set up anew in every transaction (D124).
declare
  claims constant pg_catalog.text := pg_catalog.current_setting('request.jwt.claims', true);
  claim pg_catalog.json;
  subject pg_catalog.text;
  problem pg_catalog.text;
begin
  if inboxdb.is_json(claims) then
    -- once, because each look into a json document parses all of it
    claim := claims::pg_catalog.json -> 'sub';
    -- nothing but an object has a claim
    if pg_catalog.json_typeof(claim) = 'string' and inboxdb.can_be_id(claim #>> '{}', inboxdb.sentinel()) then
      return nullif(nullif(claim #>> '{}', '')::inboxdb.user_id, inboxdb.sentinel())::inboxdb.user_id;
    end if;
    subject := claim #>> '{}';
    problem := case
      when pg_catalog.json_typeof(claims::pg_catalog.json) <> 'object' then 'request.jwt.claims is not a JSON object'
      when pg_catalog.json_typeof(claim) not in ('string', 'null') then 'the claim "sub" is not a string'
    end;
  elsif claims <> '' then
    problem := 'request.jwt.claims is not JSON';
  else
    subject := pg_catalog.current_setting('request.jwt.claim.sub', true);
  end if;
  if problem is null and subject <> '' and not inboxdb.can_be_id(subject, inboxdb.sentinel()) then
    problem := 'the claim "sub" is not a user id of this database';
  end if;

  if problem is not null then
    raise exception using
      errcode = 'IB005',
      message = 'malformed claims: ' || problem,
      detail = 'Nobody is signed in by them, so nothing was shown.',
      hint = 'Set request.jwt.claims to a JSON object whose "sub" is the user''s id, for the transaction only.';
  end if;
  return nullif(nullif(subject, '')::inboxdb.user_id, inboxdb.sentinel());
end
$$;
-- <<< sql/access/claimed_user_id.sql

-- >>> sql/access/protect_topics.sql
create or replace function inboxdb.protect_topics() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: on Supabase, let members hear their topics and nobody else: make our missing policies on realtime.messages.
--   Without Supabase nothing is done.
-- Errors: none without the right to make policies, but a WARNING: everything except Supabase's realtime works without.
-- Locks: ACCESS EXCLUSIVE on realtime.messages, for milliseconds once granted, and only where a policy is missing.
-- Source: docs/contracts.md has the policies for the table's owner.
-- INVOKER: for the owner.
begin
  if pg_catalog.to_regrole('anon') is null or pg_catalog.to_regrole('authenticated') is null then
    return;
  end if;
  -- Looked up by name in the catalog, because to_regclass raises without USAGE on the schema.
  if (
    select pg_catalog.count(ours.polname)
    from pg_catalog.pg_class as c
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    inner join pg_catalog.pg_proc as p on p.pronamespace = n.oid and p.proname = 'topic' and p.pronargs = 0
    left join pg_catalog.pg_policy as ours
      on ours.polrelid = c.oid and ours.polname in ('inboxdb_member', 'inboxdb_members_only', 'inboxdb_not_anon')
    where n.nspname = 'realtime' and c.relname = 'messages'
    having pg_catalog.count(*) > 0
  ) < 3 then
    begin
      drop policy if exists inboxdb_member on realtime.messages;
      drop policy if exists inboxdb_members_only on realtime.messages;
      drop policy if exists inboxdb_not_anon on realtime.messages;
      -- the row's own topic is checked, too: a reader of the table itself may claim any realtime.topic
      create policy inboxdb_member on realtime.messages
      for select
      to authenticated
      using (
        extension = 'broadcast'
        and topic = (select realtime.topic())
        and (select inboxdb.has_topic_access((select realtime.topic())))
      );
      -- Restrictive, because policies are ORed: a project's own policy blind to topics would open ours (D65).
      create policy inboxdb_members_only on realtime.messages
      as restrictive
      for all
      to authenticated
      using (
        topic not like 'inbox:v1:%'
        or (topic = (select realtime.topic()) and (select inboxdb.has_topic_access((select realtime.topic()))))
      )
      with check (topic not like 'inbox:v1:%');
      -- a policy of its own for anon, who may not call has_topic_access
      create policy inboxdb_not_anon on realtime.messages
      as restrictive
      for all
      to anon
      using (topic not like 'inbox:v1:%');
    exception when insufficient_privilege then
      raise warning 'inboxdb may not make its policies on realtime.messages, so that nobody can join its topics'
        using hint = 'Let the owner of realtime.messages make them, as docs/contracts.md has them.';
    end;
  end if;
end
$$;
-- <<< sql/access/protect_topics.sql

-- >>> sql/access/lead_policy.view.sql
create or replace view inboxdb.lead_policy as
-- The host's own policies on "Lead". Permissive policies are ORed: a row let through by the host's or by ours is seen.
select
  p.polname::text as policy_name,
  case p.polcmd
    when '*' then 'all' when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' else 'delete'
  end as command,
  p.polpermissive as is_permissive,
  p.polroles as bound_roles
from pg_catalog.pg_policy as p
where p.polrelid = pg_catalog.to_regclass('public."Lead"') and p.polname not in ('inboxdb_trusted', 'inboxdb_member');

comment on view inboxdb.lead_policy is 'The host''s own policies on "Lead".';
-- <<< sql/access/lead_policy.view.sql

-- >>> sql/access/lead_right.view.sql
create or replace view inboxdb.lead_right as
-- Roles with rights on "Lead", and whether row-level security binds them. Policies bind rights on rows only: TRUNCATE,
-- and triggers running as the writer, go past every policy. Rights inherited from a listed role are not listed again.
with lead as (
  select c.oid, c.relowner, c.relacl
  from pg_catalog.pg_class as c
  where c.oid = pg_catalog.to_regclass('public."Lead"')
),

given (holder, privilege) as (
  select e.grantee, e.privilege_type
  from lead as l
  cross join lateral pg_catalog.aclexplode(coalesce(l.relacl, pg_catalog.acldefault('r', l.relowner))) as e
  union
  select e.grantee, e.privilege_type
  from lead as l
  inner join pg_catalog.pg_attribute as a on l.oid = a.attrelid
  cross join lateral pg_catalog.aclexplode(a.attacl) as e
  union
  -- predefined roles: rights on every table, without a grant on "Lead"
  select r.oid, p.privilege
  from (
    values
    ('pg_read_all_data', 'SELECT'),
    ('pg_write_all_data', 'INSERT'),
    ('pg_write_all_data', 'UPDATE'),
    ('pg_write_all_data', 'DELETE')
  ) as p (role_name, privilege)
  inner join pg_catalog.pg_roles as r on p.role_name = r.rolname
  where r.oid in (select m.roleid from pg_catalog.pg_auth_members as m)
)

select
  case g.holder when 0 then 'public' else r.rolname::text end as role_name,
  pg_catalog.lower(
    pg_catalog.string_agg(g.privilege, ', ' order by g.privilege)
    filter (where g.privilege in ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))
  ) as rights,
  pg_catalog.lower(
    pg_catalog.string_agg(g.privilege, ', ' order by g.privilege)
    filter (where g.privilege not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))
  ) as unbound_rights,
  coalesce(r.rolbypassrls or pg_catalog.pg_has_role(r.oid, l.relowner, 'usage'), false) as bypasses,
  exists (
    select
    from inboxdb.lead_policy as p
    cross join lateral pg_catalog.unnest(p.bound_roles) as bound (role_oid)
    where p.is_permissive
      and p.command in ('all', 'select')
      and (bound.role_oid = 0 or coalesce(pg_catalog.pg_has_role(r.oid, bound.role_oid, 'usage'), false))
  ) as has_host_policy,
  (
    -- a policy TO public binds everybody; a role trusted besides sees every row, because policies are ORed
    select pg_catalog.max(case p.polname when 'inboxdb_trusted' then 'trusted' else 'restricted' end)
    from pg_catalog.pg_policy as p
    where p.polrelid = l.oid
      and p.polname in ('inboxdb_trusted', 'inboxdb_member')
      and array[g.holder, 0] && p.polroles
  ) as named
from lead as l
cross join given as g
left join pg_catalog.pg_roles as r on g.holder = r.oid
group by g.holder, r.oid, r.rolname, r.rolbypassrls, l.oid, l.relowner;

comment on view inboxdb.lead_right is
'Roles with rights on "Lead". rights: those bound by policies; unbound_rights: those that no policy binds. bypasses: '
'the owner, superusers and BYPASSRLS, bound by no policy at all. has_host_policy: a policy of the host''s lets the '
'role read rows. named: trusted or restricted, where protect_leads was told.';
-- <<< sql/access/lead_right.view.sql

-- >>> sql/access/lead_view.view.sql
create or replace view inboxdb.lead_view as
-- The host's views, directly or through others, reading "Lead" with the view owner's rights, and materialized views,
-- each a copy: row-level security on "Lead" does not bind their readers.
with recursive host_view (oid, relowner, relacl, is_invoker) as (
  select
    c.oid,
    c.relowner,
    c.relacl,
    coalesce(
      (
        select o.option_value::boolean
        from pg_catalog.pg_options_to_table(c.reloptions) as o
        where o.option_name = 'security_invoker'
      ), false
    )
  from pg_catalog.pg_class as c
  where c.relkind in ('v', 'm') and c.relnamespace <> pg_catalog.to_regnamespace('inboxdb')
),

reads (view_oid, read_oid) as (
  select distinct
    w.ev_class,
    d.refobjid
  from pg_catalog.pg_depend as d
  inner join pg_catalog.pg_rewrite as w on d.objid = w.oid
  where d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
    and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    and d.refobjid <> w.ev_class
),

reader (view_oid, is_past) as (
  select
    v.oid,
    not v.is_invoker
  from reads as r
  inner join host_view as v on r.view_oid = v.oid
  where r.read_oid = pg_catalog.to_regclass('public."Lead"')
  union
  select
    v.oid,
    below.is_past or not v.is_invoker
  from reader as below
  inner join reads as r on below.view_oid = r.read_oid
  inner join host_view as v on r.view_oid = v.oid
)

select
  v.oid::regclass::text as view_name,
  (
    select
      pg_catalog.string_agg(
        distinct case e.grantee when 0 then 'public' else pg_catalog.pg_get_userbyid(e.grantee)::text end, ', '
      )
    from (
      select v.relacl as acl
      union all
      select a.attacl
      from pg_catalog.pg_attribute as a
      where a.attrelid = v.oid
    ) as given
    cross join lateral pg_catalog.aclexplode(given.acl) as e
    where e.grantee <> v.relowner and e.privilege_type = 'SELECT'
  ) as readers
from host_view as v
where exists (
    select
    from reader as r
    where r.view_oid = v.oid and r.is_past
  );

comment on view inboxdb.lead_view is
'Views through which "Lead" is read past the policies; readers: roles other than the owner.';
-- <<< sql/access/lead_view.view.sql

-- >>> sql/access/require_named_roles.sql
create or replace function inboxdb.require_named_roles(
  trusted text[], restricted text[], keep_host_policies boolean
) returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse to touch row-level security on "Lead" before its owner has decided about everybody.
-- Parameters: as protect_leads.
-- Errors: IB008 naming the roles: unknown, named twice or not at all, or to be restricted but bypassing policies or
--   inheriting from a trusted role; or naming the host's policies showing a restricted role more than a member may see.
-- Reads: lead_right, lead_policy.
-- INVOKER: called by protect_leads, and by `inboxdb migrate apply` before anything is changed.
declare
  unknown pg_catalog.text;
  twice pg_catalog.text;
  unnamed pg_catalog.text;
  unbound pg_catalog.text;
  wider pg_catalog.text;
  problem pg_catalog.text;
begin
  select pg_catalog.string_agg(coalesce(pg_catalog.quote_ident(n.name), 'null'), ', ' order by n.name) into unknown
  from pg_catalog.unnest(trusted || restricted) as n (name)
  where n.name is null
    or (n.name <> 'public' and not exists (select from pg_catalog.pg_roles as r where r.rolname = n.name));

  select pg_catalog.string_agg(pg_catalog.quote_ident(n.name), ', ' order by n.name) into twice
  from pg_catalog.unnest(trusted) as n (name)
  where n.name = any (restricted);

  select pg_catalog.string_agg(
    distinct pg_catalog.format(
      case when t.name is null then '%I' else '%I (by %I)' end, n.name, t.name
    ), ', '
  )
  into unbound
  from pg_catalog.unnest(restricted) as n (name)
  left join pg_catalog.pg_roles as r on n.name = r.rolname
  left join pg_catalog.unnest(trusted) as t (name)
    on t.name = 'public'
    or (r.oid is not null and pg_catalog.to_regrole(pg_catalog.quote_ident(t.name)) is not null
      and pg_catalog.pg_has_role(r.oid, pg_catalog.to_regrole(pg_catalog.quote_ident(t.name)), 'usage'))
  where t.name is not null
    or exists (select from inboxdb.lead_right as l where l.role_name = n.name and l.bypasses);

  select pg_catalog.string_agg(pg_catalog.format('%I (%s)', l.role_name, l.rights), ', ' order by l.role_name)
  into unnamed
  from inboxdb.lead_right as l
  where l.rights is not null and not l.bypasses and l.role_name <> all (trusted || restricted);

  select pg_catalog.string_agg(pg_catalog.quote_ident(p.policy_name), ', ' order by p.policy_name) into wider
  from inboxdb.lead_policy as p
  where p.is_permissive and not keep_host_policies
    and exists (
      select
      from pg_catalog.unnest(restricted) as n (name)
      left join pg_catalog.pg_roles as r on n.name = r.rolname
      cross join lateral pg_catalog.unnest(p.bound_roles) as bound (oid)
      where bound.oid = 0 or (r.oid is not null and pg_catalog.pg_has_role(r.oid, bound.oid, 'usage'))
    );

  problem := case
    when unknown is not null then 'no such role: ' || unknown
    when twice is not null then 'named both trusted and restricted: ' || twice
    when unbound is not null then 'cannot be restricted, since they see every row anyhow: ' || unbound
    when unnamed is not null then 'roles with rights on "Lead" are named neither trusted nor restricted: ' || unnamed
    when wider is not null then 'policies of the host''s let restricted roles see more than members may: ' || wider
  end;
  if problem is not null then
    raise exception using
      errcode = 'IB008',
      message = problem,
      detail = 'Nothing was changed.',
      hint = case when wider is not null and unnamed is null
        then 'Drop them or bind them to other roles, or say that they are to be kept.'
        else 'Name each role once: trusted, it goes on as before; restricted, it sees what the signed-in user may.'
      end;
  end if;
end
$$;
-- <<< sql/access/require_named_roles.sql

-- >>> sql/access/role_list.sql
create or replace function inboxdb.role_list(names text[]) returns text
language sql immutable
set search_path = ''
as $$
  -- Purpose: roles as the text of a policy's TO clause.
  -- Parameters: names; 'public' stands for everybody, and quoting leaves the word as it is.
  -- Returns: the list, quoted.
  -- INVOKER: called by protect_leads only.
  select pg_catalog.string_agg(pg_catalog.quote_ident(n.name), ', ')
  from pg_catalog.unnest(names) as n (name)
$$;
-- <<< sql/access/role_list.sql

-- >>> sql/access/member_condition.sql
create or replace function inboxdb.member_condition() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: the condition of the policy inboxdb_member on "Lead": the leads a member may see.
  -- Returns: a condition on "Lead", in its columns' types of now. The casts stand inside the sub-selects: outside they
  --   would run once per row (D52).
  -- Reads: the catalog.
  -- INVOKER: for the owner.
  select pg_catalog.format(
    $condition$
    "clientId" = any (array(select w.id::%1$s from inboxdb.member_workspaces() as w (id)))
    and (
      "clientId" <> all (array(select w.id::%1$s from inboxdb.setter_workspaces() as w (id)))
      or "assignedToUserId" = (select inboxdb.current_user_id()::%2$s)
    )
    $condition$,
    pg_catalog.max(pg_catalog.format_type(a.atttypid, null)) filter (where a.attname = 'clientId'),
    pg_catalog.max(pg_catalog.format_type(a.atttypid, null)) filter (where a.attname = 'assignedToUserId')
  )
  from pg_catalog.pg_attribute as a
  where a.attrelid = 'public."Lead"'::pg_catalog.regclass
$$;
-- <<< sql/access/member_condition.sql

-- >>> sql/access/lead_rls.sql
create or replace function inboxdb.lead_rls() returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: what was decided about row-level security on "Lead".
  -- Returns: undecided, left_out, enabled or joined. Where the row of installation is lost, the policies that
  --   protect_leads made say it: protection is never taken for absent while they are there.
  -- Reads: installation.
  -- INVOKER: called by functions of the owner's, and by `inboxdb`.
  select coalesce(
    (select i.lead_rls from inboxdb.installation as i),
    (
      select pg_catalog.min(case p.polcmd when '*' then 'enabled' else 'joined' end)
      from pg_catalog.pg_policy as p
      where p.polrelid = pg_catalog.to_regclass('public."Lead"')
        and p.polname in ('inboxdb_member', 'inboxdb_trusted')
    ),
    'undecided'
  )
$$;
-- <<< sql/access/lead_rls.sql

-- >>> sql/access/protect_leads.sql
create or replace function inboxdb.protect_leads(
  trusted text[] default '{}', restricted text[] default '{}', keep_host_policies boolean default false
) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: turn row-level security on "Lead" on, so that members see their workspaces' leads and setters their own.
-- Parameters: trusted, roles going on as before; restricted, roles seeing and writing only rows of the signed-in user
--   ('public' names everybody else). Every role with rights on "Lead" has to be in one of the two, unless the role
--   bypasses policies anyway: see lead_right. keep_host_policies, whether the host's own permissive policies may go on
--   showing restricted roles more.
-- Errors: as require_named_roles, and IB012 while suspended, before anything is changed; 42501 for a caller who does
--   not own "Lead"; 55P03 where "Lead" cannot be locked within lock_timeout.
-- Locks: ACCESS EXCLUSIVE on "Lead", for milliseconds once granted.
-- Reads: lead_rls. Writes: policies on "Lead", installation; calls apply_grants.
-- INVOKER: for the owner.
declare
  was_on pg_catalog.bool;
  decided pg_catalog.text;
begin
  perform inboxdb.require_resumed();
  perform inboxdb.require_named_roles(trusted, restricted, keep_host_policies);

  lock table public."Lead" in access exclusive mode;
  select c.relrowsecurity into was_on from pg_catalog.pg_class as c where c.oid = 'public."Lead"'::pg_catalog.regclass;
  decided := inboxdb.lead_rls();
  -- enabled: row-level security was off before, also before an earlier call, as a policy of ours for all commands says
  -- where the record was lost or says otherwise.
  decided := case
    when not was_on or decided = 'enabled' or exists (
      select
      from pg_catalog.pg_policy as p
      where p.polrelid = 'public."Lead"'::pg_catalog.regclass
        and p.polname in ('inboxdb_member', 'inboxdb_trusted') and p.polcmd = '*'
    ) then 'enabled'
    else 'joined'
  end;
  insert into inboxdb.installation (lead_rls) values (decided)
  on conflict (is_only) do update set lead_rls = excluded.lead_rls;

  drop policy if exists inboxdb_member on public."Lead";
  drop policy if exists inboxdb_trusted on public."Lead";
  if pg_catalog.cardinality(restricted) > 0 then
    -- Where row-level security was on before, the host's policies decide about writing; where off, nobody may lose the
    -- writing of visible rows (D60).
    execute pg_catalog.format(
      'create policy inboxdb_member on public."Lead" for %s to %s using (%s)',
      case decided when 'enabled' then 'all' else 'select' end,
      inboxdb.role_list(restricted),
      inboxdb.member_condition()
    );
  end if;
  if pg_catalog.cardinality(trusted) > 0 and decided = 'enabled' then
    execute pg_catalog.format(
      'create policy inboxdb_trusted on public."Lead" for all to %s using (true)', inboxdb.role_list(trusted)
    );
  end if;
  if not was_on then
    alter table public."Lead" enable row level security;
  end if;
  perform inboxdb.apply_grants();
end
$$;
-- <<< sql/access/protect_leads.sql

-- >>> sql/access/unprotect_leads.sql
create or replace function inboxdb.unprotect_leads() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: undo protect_leads: take our policies off "Lead", and turn row-level security off where protect_leads turned
--   it on. Where the host has made policies since, row-level security stays on, trusted roles keep our policy, and a
--   WARNING says so. The decision is then left_out.
-- Errors: 42501 for a caller who does not own "Lead"; 55P03 where "Lead" cannot be locked within lock_timeout.
-- Locks: ACCESS EXCLUSIVE on "Lead", for milliseconds once granted; none with nothing to undo.
-- What was recorded may not be so any more: a policy of ours goes in any case.
-- Reads: lead_policy, lead_rls. Writes: policies on "Lead", installation; calls apply_grants.
-- INVOKER: for the owner.
declare
  decided constant pg_catalog.text := inboxdb.lead_rls();
  ours constant pg_catalog.name[] := array(
    select p.polname
    from pg_catalog.pg_policy as p
    where p.polrelid = 'public."Lead"'::pg_catalog.regclass and p.polname in ('inboxdb_member', 'inboxdb_trusted')
  );
begin
  if 'inboxdb_member' = any (ours) then
    drop policy inboxdb_member on public."Lead";
  end if;
  if decided = 'enabled' or 'inboxdb_trusted' = any (ours) then
    if exists (select from inboxdb.lead_policy) then
      raise warning 'inboxdb leaves row-level security on "Lead" on, and its policy inboxdb_trusted in place'
        using hint = 'Policies of the host''s have come since, which need it; without ours the trusted roles would see'
          ' no row.';
    else
      if 'inboxdb_trusted' = any (ours) then
        drop policy inboxdb_trusted on public."Lead";
      end if;
      alter table public."Lead" disable row level security;
    end if;
  end if;
  insert into inboxdb.installation (lead_rls) values ('left_out')
  on conflict (is_only) do update set lead_rls = excluded.lead_rls;
  perform inboxdb.apply_grants();
end
$$;
-- <<< sql/access/unprotect_leads.sql

-- >>> sql/announce/publish_leads.sql
create or replace function inboxdb.publish_leads() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: make the publication inboxdb_lead: inserted and updated leads as id, workspace, user and update time,
--   without personal data and without deletes. Row-level security does not apply to a stream: its readers see the
--   leads of every tenant.
-- Errors: IB009 where the replica identity of "Lead" is missing or has columns outside the publication: every UPDATE of
--   the host's would fail; 42710 where the publication exists; 42501 for a caller who does not own "Lead" or may not
--   create publications.
-- Locks: SHARE UPDATE EXCLUSIVE on "Lead", which stops no writer.
-- INVOKER: for the owner.
declare
  identity constant pg_catalog."char" := (
    select c.relreplident from pg_catalog.pg_class as c where c.oid = 'public."Lead"'::pg_catalog.regclass
  );
begin
  if not exists (
    select
    from pg_catalog.pg_index as i
    where i.indrelid = 'public."Lead"'::pg_catalog.regclass
      and case identity when 'd' then i.indisprimary and i.indimmediate when 'i' then i.indisreplident else false end
      and not exists (
        select
        from pg_catalog.unnest(i.indkey::pg_catalog.int2[]) as k (attnum)
        inner join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
        where a.attname not in ('id', 'clientId', 'assignedToUserId', 'updatedAt')
      )
  ) then
    raise exception using
      errcode = 'IB009',
      message = pg_catalog.format(
        'the replica identity of "Lead" is %s, which inboxdb_lead would not publish',
        case identity
          when 'f' then 'FULL' when 'n' then 'NOTHING' when 'i' then 'an index' else 'a primary key' end
      ),
      detail = 'Beside such a publication every UPDATE of "Lead" fails. Nothing was changed.',
      hint = 'alter table public."Lead" replica identity default; with "id" as the primary key, if no other'
        ' publication needs it as it is.';
  end if;
  create publication inboxdb_lead for table public."Lead" (id, "clientId", "assignedToUserId", "updatedAt")
  with (publish = 'insert, update');
end
$$;
-- <<< sql/announce/publish_leads.sql

-- >>> sql/access/lead_rls_state.sql
create or replace function inboxdb.lead_rls_state() returns text
language sql stable security definer
set search_path = ''
as $$
  -- Purpose: the decision about row-level security on "Lead", and whether the catalog still agrees.
  -- Returns: undecided, left_out; enabled or joined (found on), while it is on and every role with rights on rows is
  --   named or bypasses policies; else drifted.
  -- Reads: lead_rls, lead_right.
  -- DEFINER: monitoring roles may read neither.
  select case
    when d.decided not in ('enabled', 'joined') then d.decided
    when not exists (
      select
      from pg_catalog.pg_class as c
      where c.oid = pg_catalog.to_regclass('public."Lead"') and c.relrowsecurity
    ) then 'drifted'
    -- joined: our policy names the restricted roles only
    when d.decided = 'enabled' and exists (
      select
      from inboxdb.lead_right as l
      where l.rights is not null and not l.bypasses and l.named is null
    ) then 'drifted'
    else d.decided
  end
  from inboxdb.lead_rls() as d (decided)
$$;
-- <<< sql/access/lead_rls_state.sql

-- >>> sql/operations/suspend_views.sql
create or replace function inboxdb.suspend_views() returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: the first step of `inboxdb migrate suspend`: pause the drain, and remove every dependency on the host's
--   columns: of our views, and of the publication inboxdb_lead. Each view goes on answering, from a function with the
--   view's text, because the server keeps no dependencies of a function's text (D75): the view fails only once one of
--   its columns is gone. Steps done already are skipped.
-- Errors: 42501 for a caller who does not own inboxdb; 55P03 where a refresh holds a view for longer than lock_timeout.
-- Locks: ACCESS EXCLUSIVE on our views, SHARE UPDATE EXCLUSIVE on "Lead" where published: no writer waits.
-- Writes: installation; makes functions suspended_*; calls apply_grants.
-- INVOKER: for the owner.
declare
  found pg_catalog.record;
begin
  insert into inboxdb.installation as i (suspended_since)
  values (pg_catalog.date_trunc('second', pg_catalog.clock_timestamp()))
  on conflict (is_only) do update set suspended_since = coalesce(i.suspended_since, excluded.suspended_since);

  for found in
    select
      c.oid::pg_catalog.regclass as view_name,
      pg_catalog.format('inboxdb.%I', 'suspended_' || c.relname) as function_name,
      pg_catalog.pg_get_viewdef(c.oid) as definition,
      (
        select pg_catalog.string_agg(
          pg_catalog.format('%I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum
        )
        from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0
      ) as result_columns,
      -- casts, because a function's result has neither lengths nor collations, and a view's columns may not change
      (
        select pg_catalog.string_agg(
          pg_catalog.format(
            'f.%1$I::%2$s%3$s as %1$I', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
            case
              when a.attcollation <> t.typcollation
                then ' collate ' || a.attcollation::pg_catalog.regcollation::pg_catalog.text
            end
          ),
          ', ' order by a.attnum
        )
        from pg_catalog.pg_attribute as a
        inner join pg_catalog.pg_type as t on a.atttypid = t.oid
        where a.attrelid = c.oid and a.attnum > 0
      ) as view_columns
    from pg_catalog.pg_class as c
    where c.relkind = 'v'
      and c.relnamespace in (pg_catalog.to_regnamespace('inboxdb'), pg_catalog.to_regnamespace('inbox_api'))
      and exists (
        select
        from pg_catalog.pg_rewrite as w
        inner join pg_catalog.pg_depend as d
          on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
          and w.oid = d.objid
          and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        inner join pg_catalog.pg_class as host on d.refobjid = host.oid
        where w.ev_class = c.oid and host.relnamespace = pg_catalog.to_regnamespace('public')
      )
    order by c.oid
  loop
    execute pg_catalog.format(
      'create function %s() returns table (%s) language sql stable as %L',
      found.function_name, found.result_columns, found.definition
    );
    execute pg_catalog.format(
      'create or replace view %s as select %s from %s() as f',
      found.view_name, found.view_columns, found.function_name
    );
  end loop;

  if exists (
    select
    from pg_catalog.pg_publication_rel as r
    inner join pg_catalog.pg_publication as p on r.prpubid = p.oid
    where p.pubname = 'inboxdb_lead' and r.prrelid = 'public."Lead"'::pg_catalog.regclass
  ) then
    -- the publication itself stays: without its publication a subscription fails
    alter publication inboxdb_lead drop table public."Lead";
  end if;
  perform inboxdb.apply_grants();
end
$$;
-- <<< sql/operations/suspend_views.sql

-- >>> sql/operations/suspend_table.sql
create or replace function inboxdb.suspend_table(host_table regclass) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: a further step of `inboxdb migrate suspend`, in a transaction for each table, because with two locks a
--   writer could deadlock (D78): take our triggers off the table, and have our policy on "Lead" let no row through,
--   by a condition without columns. The policy keeps its roles (D76): they see only rows let through by the host's own
--   policies; trusted roles go on as before.
-- Parameters: host_table.
-- Errors: 42501 for a caller who does not own the table; 55P03 where the table cannot be locked within lock_timeout.
-- Locks: ACCESS EXCLUSIVE on the table, for milliseconds once granted; none with nothing left to do.
-- INVOKER: for the owner.
declare
  ours pg_catalog.name;
begin
  for ours in
    select t.tgname
    from pg_catalog.pg_trigger as t
    inner join pg_catalog.pg_proc as p on t.tgfoid = p.oid
    where t.tgrelid = host_table and p.pronamespace = pg_catalog.to_regnamespace('inboxdb')
  loop
    execute pg_catalog.format('drop trigger %I on %s', ours, host_table);
  end loop;
  if exists (
    select
    from pg_catalog.pg_policy as p
    where p.polrelid = host_table and p.polname = 'inboxdb_member'
      and pg_catalog.pg_get_expr(p.polqual, p.polrelid) <> 'false'
  ) then
    execute pg_catalog.format('alter policy inboxdb_member on %s using (false)', host_table);
  end if;
end
$$;
-- <<< sql/operations/suspend_table.sql

-- >>> sql/api/is_stale.sql
create or replace function inboxdb.is_stale(dirty_since timestamptz, collected_at timestamptz) returns boolean
language sql volatile
as $$
  -- Purpose: whether counts are older than promised.
  -- Parameters: dirty_since, when the oldest change was noted that waits, null for none; collected_at, when a collector
  --   last looked, null where none ever did.
  -- Returns: true where a change waits for too long, or nobody has looked for as long.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: called by read_inbox_counts only.
  select
    coalesce(dirty_since < inboxdb.clock() - inboxdb.promised_freshness(), false)
    or coalesce(collected_at < pg_catalog.clock_timestamp() - inboxdb.promised_freshness(), true)
$$;
-- <<< sql/api/is_stale.sql

-- >>> sql/access/apply.sql
do $apply$
begin
  perform inboxdb.apply_grants();
  perform inboxdb.protect_topics();
end
$apply$;
-- <<< sql/access/apply.sql

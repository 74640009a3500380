-- inboxdb 0014: reads in one call, for routers and gateways, and their role in the matrix of rights.
-- Locks: none on the host's tables. Duration: milliseconds.
-- Undo: 0014-reads-in-one-call.rollback.sql puts back what was before.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0014-reads-in-one-call.sql (one transaction).
-- depends: 0013-refuse-citus

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;

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

-- >>> sql/shard/shard_answer.type.sql
create type inboxdb.shard_answer as (
  answer json,
  response_headers text,
  response_status text,
  sqlstate text,
  message text,
  detail text,
  hint text
);

comment on type inboxdb.shard_answer is
'The answer of functions named shard_...: a read''s row, by its columns'' names, and what the read set for its HTTP '
'response, null for none; or the fields of the error that the read raised, detail and hint empty where it has none.';
-- <<< sql/shard/shard_answer.type.sql

-- >>> sql/shard/set_request.sql
create or replace function inboxdb.set_request(claims text, headers text, method text) returns void
language plpgsql volatile
set search_path = ''
as $$
-- Purpose: begin or end a request, as PostgREST does by settings; no response is set yet, or any more.
-- Parameters: claims, of the verified token, a JSON object as text; headers, the same, names in small letters, null
--   outside of HTTP; method, of HTTP. Null for all three ends the request.
-- Writes: the settings request.jwt.claims, request.headers, request.method, until the transaction ends; empties
--   response.headers, response.status, and request.jwt.claim.sub, by which a session's own user would be signed in.
-- INVOKER: called by our DEFINER functions only.
begin
  perform
    pg_catalog.set_config('request.jwt.claims', coalesce(claims, ''), true),
    pg_catalog.set_config('request.jwt.claim.sub', '', true),
    pg_catalog.set_config('request.headers', coalesce(headers, ''), true),
    pg_catalog.set_config('request.method', coalesce(method, ''), true),
    pg_catalog.set_config('response.headers', '', true),
    pg_catalog.set_config('response.status', '', true);
end
$$;
-- <<< sql/shard/set_request.sql

-- >>> sql/shard/shard_analytics_days.sql
-- Written by `make migration`, from sql/api/analytics_days.sql.
create or replace function inboxdb.shard_analytics_days(
  claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.analytics_days in a single call, for a router or a gateway: the request as arguments, a refusal as
--   data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.analytics_days, ids as text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_analytics_days. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_analytics_days(
        client_id::inboxdb.client_id, from_day, to_day
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
-- <<< sql/shard/shard_analytics_days.sql

-- >>> sql/shard/shard_analytics_email_campaigns.sql
-- Written by `make migration`, from sql/api/analytics_email_campaigns.sql.
create or replace function inboxdb.shard_analytics_email_campaigns(
  claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.analytics_email_campaigns in a single call, for a router or a gateway: the request as arguments, a
--   refusal as data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.analytics_email_campaigns, ids as
--   text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_analytics_email_campaigns. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_analytics_email_campaigns(
        client_id::inboxdb.client_id, from_day, to_day
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
-- <<< sql/shard/shard_analytics_email_campaigns.sql

-- >>> sql/shard/shard_analytics_overview.sql
-- Written by `make migration`, from sql/api/analytics_overview.sql.
create or replace function inboxdb.shard_analytics_overview(
  claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.analytics_overview in a single call, for a router or a gateway: the request as arguments, a
--   refusal as data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.analytics_overview, ids as text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_analytics_overview. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_analytics_overview(
        client_id::inboxdb.client_id, from_day, to_day
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
-- <<< sql/shard/shard_analytics_overview.sql

-- >>> sql/shard/shard_analytics_reactivations.sql
-- Written by `make migration`, from sql/api/analytics_reactivations.sql.
create or replace function inboxdb.shard_analytics_reactivations(
  claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.analytics_reactivations in a single call, for a router or a gateway: the request as arguments, a
--   refusal as data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.analytics_reactivations, ids as
--   text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_analytics_reactivations. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_analytics_reactivations(
        client_id::inboxdb.client_id, from_day, to_day
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
-- <<< sql/shard/shard_analytics_reactivations.sql

-- >>> sql/shard/shard_analytics_response_times.sql
-- Written by `make migration`, from sql/api/analytics_response_times.sql.
create or replace function inboxdb.shard_analytics_response_times(
  claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.analytics_response_times in a single call, for a router or a gateway: the request as arguments, a
--   refusal as data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.analytics_response_times, ids as
--   text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_analytics_response_times. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_analytics_response_times(
        client_id::inboxdb.client_id, from_day, to_day
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
-- <<< sql/shard/shard_analytics_response_times.sql

-- >>> sql/shard/shard_analytics_sentiments.sql
-- Written by `make migration`, from sql/api/analytics_sentiments.sql.
create or replace function inboxdb.shard_analytics_sentiments(
  claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.analytics_sentiments in a single call, for a router or a gateway: the request as arguments, a
--   refusal as data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.analytics_sentiments, ids as text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_analytics_sentiments. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_analytics_sentiments(
        client_id::inboxdb.client_id, from_day, to_day
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
-- <<< sql/shard/shard_analytics_sentiments.sql

-- >>> sql/shard/shard_analytics_sms_campaigns.sql
-- Written by `make migration`, from sql/api/analytics_sms_campaigns.sql.
create or replace function inboxdb.shard_analytics_sms_campaigns(
  claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.analytics_sms_campaigns in a single call, for a router or a gateway: the request as arguments, a
--   refusal as data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.analytics_sms_campaigns, ids as
--   text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_analytics_sms_campaigns. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_analytics_sms_campaigns(
        client_id::inboxdb.client_id, from_day, to_day
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
-- <<< sql/shard/shard_analytics_sms_campaigns.sql

-- >>> sql/shard/shard_analytics_statuses.sql
-- Written by `make migration`, from sql/api/analytics_statuses.sql.
create or replace function inboxdb.shard_analytics_statuses(
  claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.analytics_statuses in a single call, for a router or a gateway: the request as arguments, a
--   refusal as data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.analytics_statuses, ids as text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_analytics_statuses. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_analytics_statuses(
        client_id::inboxdb.client_id, from_day, to_day
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
-- <<< sql/shard/shard_analytics_statuses.sql

-- >>> sql/shard/shard_analytics_workflows.sql
-- Written by `make migration`, from sql/api/analytics_workflows.sql.
create or replace function inboxdb.shard_analytics_workflows(
  claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.analytics_workflows in a single call, for a router or a gateway: the request as arguments, a
--   refusal as data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.analytics_workflows, ids as text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_analytics_workflows. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_analytics_workflows(
        client_id::inboxdb.client_id, from_day, to_day
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
-- <<< sql/shard/shard_analytics_workflows.sql

-- >>> sql/shard/shard_conversation.sql
-- Written by `make migration`, from sql/api/conversation.sql.
create or replace function inboxdb.shard_conversation(
  claims text, headers text, method text, lead_id text
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.conversation in a single call, for a router or a gateway: the request as arguments, a refusal as
--   data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.conversation, ids as text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_conversation. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_conversation(
        lead_id::inboxdb.lead_id
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
-- <<< sql/shard/shard_conversation.sql

-- >>> sql/shard/shard_conversation_filters.sql
-- Written by `make migration`, from sql/api/conversation_filters.sql.
create or replace function inboxdb.shard_conversation_filters(
  claims text, headers text, method text, client_id text
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.conversation_filters in a single call, for a router or a gateway: the request as arguments, a
--   refusal as data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.conversation_filters, ids as text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_conversation_filters. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_conversation_filters(
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
-- <<< sql/shard/shard_conversation_filters.sql

-- >>> sql/shard/shard_conversation_messages.sql
-- Written by `make migration`, from sql/api/conversation_messages.sql.
create or replace function inboxdb.shard_conversation_messages(
  claims text, headers text, method text, lead_id text, channel text default null, before text default null,
  page_size integer default 100
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.conversation_messages in a single call, for a router or a gateway: the request as arguments, a
--   refusal as data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.conversation_messages, ids as
--   text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_conversation_messages. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_conversation_messages(
        lead_id::inboxdb.lead_id, channel, before, page_size
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
-- <<< sql/shard/shard_conversation_messages.sql

-- >>> sql/shard/shard_conversations.sql
-- Written by `make migration`, from sql/api/conversations.sql.
create or replace function inboxdb.shard_conversations(
  claims text, headers text, method text, client_id text, filter text default 'all', channels text[] default null,
  sentiment_tags text[] default null, sms_campaign_id text default null,
  sms_campaign_unattributed boolean default false, score text default 'all', assigned_to text default null,
  search text default null, sort text default 'activity', after text default null, page_size integer default 50
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.conversations in a single call, for a router or a gateway: the request as arguments, a refusal as
--   data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.conversations, ids as text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_conversations. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_conversations(
        client_id::inboxdb.client_id, filter, channels, sentiment_tags, sms_campaign_id, sms_campaign_unattributed,
        score, assigned_to, search, sort, after, page_size
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
-- <<< sql/shard/shard_conversations.sql

-- >>> sql/shard/shard_crm_rows.sql
-- Written by `make migration`, from sql/api/crm_rows.sql.
create or replace function inboxdb.shard_crm_rows(
  claims text, headers text, method text, client_id text, campaign text default null, category text default null,
  status text default null, mode text default null, from_day date default null, to_day date default null,
  after text default null, page_size integer default 50
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.crm_rows in a single call, for a router or a gateway: the request as arguments, a refusal as data,
--   because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.crm_rows, ids as text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_crm_rows. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_crm_rows(
        client_id::inboxdb.client_id, campaign, category, status, mode, from_day, to_day, after, page_size
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
-- <<< sql/shard/shard_crm_rows.sql

-- >>> sql/shard/shard_crm_summary.sql
-- Written by `make migration`, from sql/api/crm_summary.sql.
create or replace function inboxdb.shard_crm_summary(
  claims text, headers text, method text, client_id text, from_day date, to_day date
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.crm_summary in a single call, for a router or a gateway: the request as arguments, a refusal as
--   data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.crm_summary, ids as text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_crm_summary. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_crm_summary(
        client_id::inboxdb.client_id, from_day, to_day
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
-- <<< sql/shard/shard_crm_summary.sql

-- >>> sql/shard/shard_inbox_counts.sql
-- Written by `make migration`, from sql/api/inbox_counts.sql.
create or replace function inboxdb.shard_inbox_counts(
  claims text, headers text, method text, client_id text
)
returns inboxdb.shard_answer
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: inbox_api.inbox_counts in a single call, for a router or a gateway: the request as arguments, a refusal as
--   data, because a raised one costs more, and a router then drops its connection (D151).
-- Parameters: claims, headers, method, as of set_request; the others as of inbox_api.inbox_counts, ids as text.
-- Returns: see shard_answer.
-- Errors: none is raised. A cancellation is data, too, because PL/Proxy waits for good after one that is raised (D151).
-- Reads: as read_inbox_counts. Writes: the settings of the request, which are empty afterwards.
-- DEFINER: inboxdb_router may call this function, and none that is called here.
declare
  answer inboxdb.shard_answer;
begin
  perform inboxdb.set_request(claims, headers, method);
  begin
    answer.answer := (
      select pg_catalog.row_to_json(r)
      from inboxdb.read_inbox_counts(
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
-- <<< sql/shard/shard_inbox_counts.sql

-- >>> sql/shard/shard_workspaces.sql
create or replace function inboxdb.shard_workspaces() returns setof text
language plpgsql stable security definer
set search_path = ''
-- a policy hiding workspaces would make a directory look wrong: raise instead (D37)
set row_security = off
as $$
-- Purpose: which workspaces this shard has, for a router that checks its directory.
-- Returns: their ids.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Client".
-- DEFINER: routers may read no table.
begin
  return query select c.id::pg_catalog.text from public."Client" as c;
end
$$;
-- <<< sql/shard/shard_workspaces.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;

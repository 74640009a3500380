-- Undoes 0012-analytics: puts back what was before.
-- Locks: none on the host's tables.

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-function
drop function inbox_api.crm_summary(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inbox_api.crm_rows(inboxdb.client_id, text, text, text, text, date, date, text, integer);
-- squawk-ignore ban-drop-function
drop function inbox_api.analytics_workflows(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inbox_api.analytics_statuses(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inbox_api.analytics_sms_campaigns(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inbox_api.analytics_sentiments(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inbox_api.analytics_response_times(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inbox_api.analytics_reactivations(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inbox_api.analytics_overview(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inbox_api.analytics_email_campaigns(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inbox_api.analytics_days(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_crm_summary(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_crm_rows(inboxdb.client_id, text, text, text, text, date, date, text, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_analytics_workflows(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_analytics_statuses(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_analytics_sms_campaigns(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_analytics_sentiments(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_analytics_response_times(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_analytics_reactivations(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_analytics_overview(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_analytics_email_campaigns(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_analytics_days(inboxdb.client_id, date, date);
-- squawk-ignore ban-drop-function
drop function inboxdb.answer_window(text, inboxdb.analytics_window, jsonb);
-- squawk-ignore ban-drop-type
drop type inboxdb.crm_rows_answer;
-- squawk-ignore ban-drop-type
drop type inboxdb.analytics_answer;
-- squawk-ignore ban-drop-function
drop function inboxdb.live_crm_summary(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.live_reactivations(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.live_email_campaigns(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.live_workflows(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.window_replies(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.window_messages(inboxdb.analytics_window, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.window_leads(inboxdb.analytics_window);
-- squawk-ignore ban-drop-function
drop function inboxdb.class_ms(integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.wait_class(numeric);
-- squawk-ignore ban-drop-function
drop function inboxdb.is_positive(text);
-- squawk-ignore ban-drop-function
drop function inboxdb.positive_tags();
-- squawk-ignore ban-drop-function
drop function inboxdb.require_window(inboxdb.client_id, date, date, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.make_window(inboxdb.client_id, inboxdb.user_id, date, date);
-- squawk-ignore ban-drop-function
drop function inboxdb.day_in(inboxdb.analytics_window, timestamptz);
-- squawk-ignore ban-drop-function
drop function inboxdb.workspace_time_zones(inboxdb.client_id[]);
-- squawk-ignore ban-drop-type
drop type inboxdb.analytics_window;
-- squawk-ignore ban-drop-function
drop function inboxdb.require_analytics(text);
-- squawk-ignore ban-drop-function
drop function inboxdb.missing_for_analytics(text);
-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;
-- squawk-ignore ban-drop-function
drop function inboxdb.is_time_zone(text);
-- squawk-ignore ban-drop-view
drop view inboxdb.setting_definition;

-- >>> by hand, before the bodies
-- <<< by hand

-- >>> 0009-lists:base/setting_definition.view.sql
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
-- <<< 0009-lists:base/setting_definition.view.sql

-- >>> 0002-functions:base/set_setting.sql
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
-- <<< 0002-functions:base/set_setting.sql

-- >>> 0010-search:access/grant_matrix.view.sql
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
    'inbox_api.conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, text,'
    ' integer)',
    'execute'
  ),
  ('authenticated', 'function', 'inbox_api.inbox_counts(inboxdb.client_id)', 'execute'),
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
-- <<< 0010-search:access/grant_matrix.view.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;

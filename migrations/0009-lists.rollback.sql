-- Undoes 0009-lists: puts back what was before, and drops the indexes of lists.
-- Locks: ACCESS EXCLUSIVE on "Lead", for milliseconds once granted, where an index of lists is there; while it queues, at
--   most the 2 s of lock_timeout, writers queue behind it. `inboxdb lists drop` before takes none that stops writers.

set local lock_timeout = '2s';
set local search_path = '';

-- squawk-ignore ban-drop-function
drop function inbox_api.conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, integer);
-- squawk-ignore ban-drop-function
drop function inbox_api.conversation_messages(inboxdb.lead_id, text, text, integer);
-- squawk-ignore ban-drop-function
drop function inbox_api.conversation_filters(inboxdb.client_id);
-- squawk-ignore ban-drop-function
drop function inbox_api.conversation(inboxdb.lead_id);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_conversations(inboxdb.client_id, text, text[], text[], text, boolean, text, text, text, text, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_conversation_messages(inboxdb.lead_id, text, text, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_conversation_filters(inboxdb.client_id);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_conversation(inboxdb.lead_id);
-- squawk-ignore ban-drop-type
drop type inboxdb.conversations_answer;
-- squawk-ignore ban-drop-type
drop type inboxdb.conversation_messages_answer;
-- squawk-ignore ban-drop-type
drop type inboxdb.conversation_filters_answer;
-- squawk-ignore ban-drop-type
drop type inboxdb.conversation_answer;
-- squawk-ignore ban-drop-function
drop function inboxdb.require_lead(inboxdb.lead_id);
-- squawk-ignore ban-drop-function
drop function inboxdb.conversation_rows(inboxdb.lead_id[], text);
-- squawk-ignore ban-drop-function
drop function inboxdb.find_page(inboxdb.client_id, text, text, inboxdb.user_id, boolean, inboxdb.list_condition, boolean, timestamptz, inboxdb.lead_id, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.walk_leads(inboxdb.client_id, text, text, text, inboxdb.user_id, inboxdb.list_condition, inboxdb.lead_id[], timestamptz, inboxdb.lead_id, integer, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.leads_of(inboxdb.client_id, inboxdb.user_id, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.list_candidates(inboxdb.client_id, integer, integer);
-- squawk-ignore ban-drop-function
drop function inboxdb.require_condition(inboxdb.list_condition);
-- squawk-ignore ban-drop-type
drop type inboxdb.list_condition;
-- squawk-ignore ban-drop-type
drop type inboxdb.list_page;
-- squawk-ignore ban-drop-function
drop function inboxdb.require_index(text);
-- squawk-ignore ban-drop-function
drop function inboxdb.require_lists();
-- squawk-ignore ban-drop-function
drop function inboxdb.refuse_argument(text, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.read_cursor(text, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.make_cursor(text, timestamptz, text);
-- squawk-ignore ban-drop-function
drop function inboxdb.mask_place(bytea, bytea);
-- squawk-ignore ban-drop-function
drop function inboxdb.cursor_signature(text, bytea);
-- squawk-ignore ban-drop-table
drop table inboxdb.list_key;
-- squawk-ignore ban-drop-function
drop function inboxdb.list_indexes();
-- squawk-ignore ban-drop-view
drop view inboxdb.list_filter;
-- squawk-ignore ban-drop-view
drop view if exists inboxdb.listed_lead;
-- squawk-ignore ban-drop-function
drop function inboxdb.missing_for_lists();
-- squawk-ignore ban-drop-view
drop view inboxdb.grant_matrix;
-- squawk-ignore ban-drop-function
drop function inboxdb.id_bytes(uuid);
-- squawk-ignore ban-drop-function
drop function inboxdb.id_bytes(text);
-- squawk-ignore ban-drop-function
drop function inboxdb.is_after(timestamptz, timestamp);
-- squawk-ignore ban-drop-function
drop function inboxdb.is_after(timestamp, timestamptz);
-- squawk-ignore ban-drop-function
drop function inboxdb.is_after(timestamptz, timestamptz);
-- squawk-ignore ban-drop-function
drop function inboxdb.is_after(timestamp, timestamp);
-- squawk-ignore ban-drop-function
drop function inboxdb.host_time(timestamptz, timestamptz);
-- squawk-ignore ban-drop-function
drop function inboxdb.host_time(timestamptz, timestamp);
-- squawk-ignore ban-drop-function
drop function inboxdb.first_time(timestamptz, timestamp);
-- squawk-ignore ban-drop-function
drop function inboxdb.first_time(timestamp, timestamptz);
-- squawk-ignore ban-drop-function
drop function inboxdb.first_time(timestamptz, timestamptz);
-- squawk-ignore ban-drop-function
drop function inboxdb.first_time(timestamp, timestamp);
-- squawk-ignore ban-drop-view
drop view inboxdb.setting_definition;

-- >>> by hand, before the bodies
-- what stood in for the view listed_lead, where inboxdb was suspended
-- squawk-ignore ban-drop-function
drop function if exists inboxdb.suspended_listed_lead();
delete from inboxdb.setting where setting_name = 'lists';
-- squawk-ignore require-concurrent-index-deletion
drop index if exists
  public.inboxdb_list_all, public.inboxdb_list_all_by_user, public.inboxdb_list_needs_repair,
  public.inboxdb_list_responses, public.inboxdb_list_tagged, inboxdb.counted_lead_ai_review_idx,
  inboxdb.counted_lead_ai_sent_idx;
-- <<< by hand

-- >>> 0002-functions:base/setting_definition.view.sql
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
-- <<< 0002-functions:base/setting_definition.view.sql

-- >>> 0007-access:access/grant_matrix.view.sql
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
-- <<< 0007-access:access/grant_matrix.view.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;

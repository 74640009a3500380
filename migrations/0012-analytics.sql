-- inboxdb 0012: analytics, read live: the definitions of their figures, and the reads in inbox_api. Tables of the host's
--   are looked up when a read runs, so that a host without them is left as it is. A setting for days: analytics_time_zone.
-- Locks: none on the host's tables. Duration: milliseconds.
-- Undo: 0012-analytics.rollback.sql puts back what was before.
-- By hand: psql -1 -v ON_ERROR_STOP=1 -f migrations/0012-analytics.sql (one transaction).
-- depends: 0011-search-lead-triggers

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
  (
    'analytics_time_zone', 'UTC', '[A-Za-z0-9_/+-]{1,64}',
    'the days of analytics, for workspaces without a time zone that the server knows: a name of pg_timezone_names'
  ),
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

-- >>> sql/base/is_time_zone.sql
create or replace function inboxdb.is_time_zone(name text) returns boolean
language plpgsql stable
set search_path = ''
-- gives the caller's zone back
set timezone = 'UTC'
as $$
-- Purpose: say whether the server knows a time zone by a name. The view pg_timezone_names takes 80 ms in place of
--   0.03, because each of its rows is read from a file.
-- Parameters: name.
-- Returns: true or false; false for null, for abbreviations, and for what the server takes for the rule of a zone (a
--   name with a digit, as in Amerika/Berlin1), because a misspelt name would be such a rule.
-- INVOKER: sets a parameter of its own call only.
begin
  if name is null or name !~ '^([A-Za-z_-]+(/[A-Za-z_-]+)*|Etc/GMT[+-]([0-9]|1[0-4]))$' then
    return false;
  end if;
  perform pg_catalog.set_config('timezone', name, true);
  return true;
exception when invalid_parameter_value then
  return false;
end
$$;
-- <<< sql/base/is_time_zone.sql

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
  if pattern is null or value !~ ('^(' || pattern || ')$')
    or (name = 'analytics_time_zone' and value is not null and not inboxdb.is_time_zone(value))
  then
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

-- >>> sql/analytics/missing_for_analytics.sql
create or replace function inboxdb.missing_for_analytics(this_part text) returns text
language sql stable
set search_path = ''
as $$
  -- Purpose: find out whether the host has the tables and columns that a part of analytics reads, in types that do.
  -- Parameters: this_part: figures, workflows, email campaigns, reactivations, CRM, or time zones.
  -- Returns: the names of missing columns; null where every column is there.
  -- Reads: the system catalog.
  -- INVOKER: reads the catalog only.
  with needed (place, part, host_table, host_column, types, same_as) as (
    -- same_as: the place of the column of the same type, because the two are compared
    values
    -- list: analytics columns
    (1, 'figures', 'Lead', 'createdAt', 'timestamp%', null),
    (2, 'figures', 'Lead', 'appointmentBookedAt', 'timestamp%', null),
    (3, 'figures', 'Lead', 'appointmentStatus', '%', null),
    (4, 'figures', 'Lead', 'appointmentCanceledAt', 'timestamp%', null),
    (5, 'figures', 'Lead', 'smsCampaignId', '%', null),
    (6, 'figures', 'Message', 'id', '%', null),
    (7, 'figures', 'Message', 'sentAt', 'timestamp%', null),
    (8, 'figures', 'Message', 'sentByUserId', '%', null),
    (9, 'figures', 'SmsCampaign', 'id', '%', 5),
    (10, 'figures', 'SmsCampaign', 'name', '%', null),
    (11, 'email campaigns', 'Lead', 'emailCampaignId', '%', null),
    (12, 'email campaigns', 'EmailCampaign', 'id', '%', 11),
    (13, 'email campaigns', 'EmailCampaign', 'clientId', '%', 40),
    (14, 'email campaigns', 'EmailCampaign', 'name', '%', null),
    (15, 'workflows', 'FollowUpSequence', 'id', '%', null),
    (16, 'workflows', 'FollowUpSequence', 'clientId', '%', 40),
    (17, 'workflows', 'FollowUpSequence', 'name', '%', null),
    (18, 'workflows', 'FollowUpInstance', 'leadId', '%', 41),
    (19, 'workflows', 'FollowUpInstance', 'sequenceId', '%', 15),
    (20, 'workflows', 'FollowUpInstance', 'lastStepAt', 'timestamp%', null),
    (21, 'reactivations', 'ReactivationCampaign', 'id', '%', null),
    (22, 'reactivations', 'ReactivationCampaign', 'clientId', '%', 40),
    (23, 'reactivations', 'ReactivationCampaign', 'name', '%', null),
    (24, 'reactivations', 'ReactivationEnrollment', 'campaignId', '%', 21),
    (25, 'reactivations', 'ReactivationEnrollment', 'leadId', '%', 41),
    (26, 'reactivations', 'ReactivationEnrollment', 'sentAt', 'timestamp%', null),
    (27, 'CRM', 'LeadCrmRow', 'id', '%', null),
    (28, 'CRM', 'LeadCrmRow', 'leadId', '%', 41),
    (29, 'CRM', 'LeadCrmRow', 'interestRegisteredAt', 'timestamp%', null),
    (30, 'CRM', 'LeadCrmRow', 'interestType', '%', null),
    (31, 'CRM', 'LeadCrmRow', 'interestCampaignName', '%', null),
    (32, 'CRM', 'LeadCrmRow', 'responseMode', '%', null),
    (33, 'CRM', 'LeadCrmRow', 'responseSentByUserId', '%', null),
    (34, 'CRM', 'LeadCrmRow', 'leadCategoryOverride', '%', null),
    (35, 'CRM', 'LeadCrmRow', 'pipelineStatus', '%', null),
    (36, 'CRM', 'LeadCrmRow', 'createdAt', 'timestamp%', null),
    (37, 'time zones', 'WorkspaceSettings', 'clientId', '%', 40),
    (38, 'time zones', 'WorkspaceSettings', 'timezone', '%', null),
    -- read by counts, and there
    (40, 'counts', 'Client', 'id', '%', null),
    (41, 'counts', 'Lead', 'id', '%', null)
    -- end
  ),

  found (place, part, name, same_as, type_name) as (
    select
      n.place, n.part, pg_catalog.format('public.%I.%I', n.host_table, n.host_column), n.same_as,
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
  left join found as other on f.same_as = other.place
  where f.part = this_part and (f.type_name is null or f.type_name <> other.type_name)
$$;
-- <<< sql/analytics/missing_for_analytics.sql

-- >>> sql/analytics/require_analytics.sql
create or replace function inboxdb.require_analytics(part text) returns void
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse reads of a part of analytics where the host lacks tables or columns for the part.
-- Parameters: part, of missing_for_analytics. Bookings and messages are read by every part.
-- Errors: IB020, naming the columns.
-- Reads: the system catalog.
-- INVOKER: called by our DEFINER functions only.
declare
  missing constant pg_catalog.text := pg_catalog.concat_ws(
    ', ', inboxdb.missing_for_analytics('figures'),
    case when part <> 'figures' then inboxdb.missing_for_analytics(part) end
  );
begin
  if missing <> '' then
    raise exception using
      errcode = 'IB020',
      message = 'there are no such analytics in this database',
      detail = 'Missing: ' || missing || '.',
      hint = 'Once every column is there, in the type that `inboxdb doctor` asks for, the read answers.';
  end if;
end
$$;
-- <<< sql/analytics/require_analytics.sql

-- >>> sql/analytics/analytics_window.type.sql
create type inboxdb.analytics_window as (
  client_id inboxdb.client_id,
  scope inboxdb.user_id,
  from_day date,
  to_day date,
  time_zone text,
  not_before timestamptz,
  before timestamptz,
  number integer
);

comment on type inboxdb.analytics_window is
'What is asked of analytics: a workspace, the sentinel or a setter as scope, days of a time zone, instants between '
'which these days lie in any time zone, and the number by which aggregates answer, null where the host''s tables do.';
-- <<< sql/analytics/analytics_window.type.sql

-- >>> sql/analytics/workspace_time_zones.sql
create or replace function inboxdb.workspace_time_zones(target_client_ids inboxdb.client_id[])
returns table (client_id inboxdb.client_id, time_zone text)
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the time zones whose days the analytics of workspaces have.
-- Parameters: target_client_ids, each once.
-- Returns: of each workspace the first zone known to the server of: the host's, the setting analytics_time_zone, UTC.
-- Of several workspaces at once, because it takes 30 times as long to see what the host has as to find a zone.
-- Reads: "WorkspaceSettings", where the host has the table (by name at run time, so that the table may come later);
--   setting.
-- INVOKER: called by our DEFINER functions only.
declare
  other_zone pg_catalog.text := inboxdb.setting('analytics_time_zone');
begin
  if not inboxdb.is_time_zone(other_zone) then
    other_zone := 'UTC';
  end if;
  if inboxdb.missing_for_analytics('time zones') is not null then
    return query select u.id, other_zone from pg_catalog.unnest(target_client_ids) as u (id);
  else
    return query
    select u.id, coalesce(pg_catalog.min(s.timezone::pg_catalog.text collate "C"), other_zone)
    from pg_catalog.unnest(target_client_ids) as u (id)
    left join public."WorkspaceSettings" as s
      on s."clientId" = u.id and inboxdb.is_time_zone(s.timezone::pg_catalog.text)
    group by u.id;
  end if;
end
$$;
-- <<< sql/analytics/workspace_time_zones.sql

-- >>> sql/analytics/day_in.sql
create or replace function inboxdb.day_in(asked inboxdb.analytics_window, instant timestamptz) returns date
language sql immutable parallel safe
as $$
  -- Purpose: the day of an instant, known here alone: the local date in the window's time zone (D141).
  -- Parameters: asked, the window; instant.
  -- Returns: the day; null outside the window, and for infinite and null instants.
  -- The bounds first, because the local time of an instant at the end of all time is an error.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case
    when instant >= asked.not_before and instant < asked.before
      and (instant at time zone asked.time_zone)::pg_catalog.date between asked.from_day and asked.to_day
      then (instant at time zone asked.time_zone)::pg_catalog.date
  end
$$;
-- <<< sql/analytics/day_in.sql

-- >>> sql/analytics/make_window.sql
create or replace function inboxdb.make_window(
  target_client_id inboxdb.client_id, scope inboxdb.user_id, from_day date, to_day date
)
returns inboxdb.analytics_window
language plpgsql stable
set search_path = ''
as $$
-- Purpose: check the days of a window, and find its time zone and bounds.
-- Parameters: target_client_id, scope: the caller has checked access; from_day, to_day, both inclusive.
-- Returns: the window.
-- Errors: IB021 for days that are no window.
-- Reads: as workspace_time_zones.
-- INVOKER: called by our DEFINER functions only.
begin
  if from_day is null or from_day not between '0001-01-01' and '9999-12-31' then
    perform inboxdb.refuse_argument('from_day', 'a day from 0001-01-01 to 9999-12-31');
  end if;
  if to_day is null or to_day not between '0001-01-01' and '9999-12-31'
    or to_day < from_day or to_day - from_day >= 400
  then
    perform inboxdb.refuse_argument('to_day', 'a day from from_day to 399 days later, and to 9999-12-31');
  end if;
  return (
    target_client_id, scope, from_day, to_day,
    (select z.time_zone from inboxdb.workspace_time_zones(array[target_client_id]) as z),
    -- a day wider on either side: no zone is, or was, as far from UTC
    (from_day - 1)::timestamp at time zone 'UTC', (to_day + 2)::timestamp at time zone 'UTC', null
  )::inboxdb.analytics_window;
end
$$;
-- <<< sql/analytics/make_window.sql

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
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id);
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

-- >>> sql/analytics/positive_tags.sql
create or replace function inboxdb.positive_tags() returns text[]
language sql immutable parallel safe
as $$
  -- Purpose: the tags of leads that are positive, known here alone.
  -- Returns: the tags.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select array['Meeting Requested', 'Call Requested', 'Information Requested', 'Interested', 'Positive']
$$;
-- <<< sql/analytics/positive_tags.sql

-- >>> sql/analytics/is_positive.sql
create or replace function inboxdb.is_positive(sentiment_tag text) returns boolean
language sql immutable parallel safe
as $$
  -- Purpose: say whether a lead's tag is positive.
  -- Parameters: sentiment_tag.
  -- Returns: true or false; false for null.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select coalesce(sentiment_tag = any (inboxdb.positive_tags()), false)
$$;
-- <<< sql/analytics/is_positive.sql

-- >>> sql/analytics/wait_class.sql
create or replace function inboxdb.wait_class(ms numeric) returns integer
language sql immutable parallel safe
as $$
  -- Purpose: the class of a wait in a histogram of classes whose bounds grow by a tenth: percentiles from classes are
  --   wrong by 5 % at most, and classes add up where percentiles do not (D144).
  -- Parameters: ms, not negative.
  -- Returns: 0 below a millisecond; class n from 1.1^(n - 1) to below 1.1^n milliseconds.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case
    when ms < 1 then 0
    else 1 + pg_catalog.floor(pg_catalog.ln(ms::double precision) / pg_catalog.ln(1.1::double precision))::integer
  end
$$;
-- <<< sql/analytics/wait_class.sql

-- >>> sql/analytics/class_ms.sql
create or replace function inboxdb.class_ms(wait_class integer) returns double precision
language sql immutable parallel safe
as $$
  -- Purpose: the wait that stands for a class of wait_class: the geometric middle.
  -- Parameters: wait_class.
  -- Returns: milliseconds.
  -- Inlined, hence no search_path of its own.
  -- INVOKER: reads nothing.
  select case when wait_class = 0 then 0 else pg_catalog.power(1.1::double precision, wait_class - 0.5) end
$$;
-- <<< sql/analytics/class_ms.sql

-- >>> sql/analytics/window_leads.sql
create or replace function inboxdb.window_leads(asked inboxdb.analytics_window)
returns table (
  lead_id inboxdb.lead_id, status text, sentiment_tag text, sms_campaign_id text, created_on date,
  booked_at timestamptz, booked_on date, is_kept boolean
)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the leads that a caller of analytics sees. Meetings are defined here alone.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: a row of each lead, snoozed or not. created_on, booked_on: null outside the window; booked_at: null unless
--   finite; is_kept: whether the meeting, if any, was not canceled.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Lead": of the workspace, or of a setter there.
-- INVOKER: called by our DEFINER functions only.
begin
  return query
  select
    l.id::inboxdb.lead_id,
    l.status::pg_catalog.text,
    l."sentimentTag"::pg_catalog.text,
    l."smsCampaignId"::pg_catalog.text,
    inboxdb.day_in(asked, inboxdb.utc(l."createdAt")),
    case when pg_catalog.isfinite(l."appointmentBookedAt") then inboxdb.utc(l."appointmentBookedAt") end,
    inboxdb.day_in(asked, inboxdb.utc(l."appointmentBookedAt")),
    l."appointmentStatus"::pg_catalog.text is distinct from 'canceled' and l."appointmentCanceledAt" is null
  from public."Lead" as l
  where l."clientId" = asked.client_id
    and (asked.scope = inboxdb.sentinel() or l."assignedToUserId" = asked.scope);
end
$$;
-- <<< sql/analytics/window_leads.sql

-- >>> sql/analytics/window_messages.sql
create or replace function inboxdb.window_messages(asked inboxdb.analytics_window, hours_earlier integer default 0)
returns table (
  lead_id inboxdb.lead_id, message_id text, channel text, direction text, sender text, user_id text,
  sent_at timestamptz, sent_on date
)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the messages of a window, of the leads that a caller of analytics sees.
-- Parameters: asked, the window; the caller has checked access; hours_earlier, how long before the window to begin.
-- Returns: a row of each message between the bounds of the window: sender of an outbound message: campaign, ai, user or
--   unknown; user_id of a user only; sent_on: null outside the window.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Lead", "Message".
-- INVOKER: called by our DEFINER functions only.
begin
  return query
  select
    m."leadId"::inboxdb.lead_id,
    m.id::pg_catalog.text,
    m.channel::pg_catalog.text,
    m.direction::pg_catalog.text,
    s.sender,
    case when s.sender = 'user' then m."sentByUserId"::pg_catalog.text end,
    inboxdb.utc(m."sentAt"),
    inboxdb.day_in(asked, inboxdb.utc(m."sentAt"))
  from public."Lead" as l
  inner join public."Message" as m on l.id = m."leadId"
  cross join lateral (
    select case
      when m.source::pg_catalog.text = 'inboxxia_campaign' then 'campaign'
      when m."sentBy"::pg_catalog.text = 'ai' then 'ai'
      when nullif(m."sentByUserId"::pg_catalog.text, inboxdb.sentinel()::pg_catalog.text) is not null then 'user'
      else 'unknown'
    end as sender
  ) as s
  where l."clientId" = asked.client_id
    and (asked.scope = inboxdb.sentinel() or l."assignedToUserId" = asked.scope)
    and m."sentAt" >= inboxdb.host_time(asked.not_before - pg_catalog.make_interval(hours => hours_earlier), m."sentAt")
    and m."sentAt" < inboxdb.host_time(asked.before, m."sentAt");
end
$$;
-- <<< sql/analytics/window_messages.sql

-- >>> sql/analytics/window_replies.sql
create or replace function inboxdb.window_replies(asked inboxdb.analytics_window)
returns table (side text, sender text, user_id text, wait_ms numeric, business_ms numeric)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set jit = off
as $$
-- Purpose: the replies of a window, defined here alone: a message behind one of the other direction, of the same lead
--   and channel in order of (instant, id), at most 7 days later. A reply belongs to its own day, not to the day of the
--   message answered.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: a row of each reply. side: ours (inbound, then outbound) or theirs; sender, user_id: as of window_messages,
--   lead for theirs; wait_ms; business_ms, the part of the wait within business hours: Monday to Friday, 9 to 17 by the
--   clock of the window's time zone.
-- Reads: as window_messages.
-- INVOKER: called by our DEFINER functions only.
begin
  return query
  select
    p.side,
    case p.side when 'ours' then p.sender else 'lead' end,
    case p.side when 'ours' then p.user_id end,
    extract(epoch from p.sent_at - p.before_at) * 1000,
    business.ms
  from (
    select
      m.*,
      case
        when pg_catalog.lag(m.direction) over in_order = 'inbound' and m.direction = 'outbound' then 'ours'
        when pg_catalog.lag(m.direction) over in_order = 'outbound' and m.direction = 'inbound' then 'theirs'
      end as side,
      pg_catalog.lag(m.sent_at) over in_order as before_at
    -- hours, because 7 days would be days of the session's time zone
    from inboxdb.window_messages(asked, 168) as m
    window in_order as (partition by m.lead_id, m.channel order by m.sent_at, m.message_id collate "C")
  ) as p
  cross join lateral (
    select
      coalesce(
        pg_catalog.sum(extract(epoch from least(p.sent_at, hours.closing) - greatest(p.before_at, hours.opening))), 0
      ) * 1000 as ms
    from (
      select
        (d.day + time '09:00') at time zone asked.time_zone as opening,
        (d.day + time '17:00') at time zone asked.time_zone as closing
      from (
        select (p.before_at at time zone asked.time_zone)::pg_catalog.date + n as day
        from pg_catalog.generate_series(
            0,
            (p.sent_at at time zone asked.time_zone)::pg_catalog.date
            - (p.before_at at time zone asked.time_zone)::pg_catalog.date
          ) as n
      ) as d
      where extract(isodow from d.day) <= 5
        -- a day that a zone skipped has no hours
        and ((d.day + time '09:00') at time zone asked.time_zone at time zone asked.time_zone)::pg_catalog.date = d.day
    ) as hours
    where least(p.sent_at, hours.closing) > greatest(p.before_at, hours.opening)
  ) as business
  where p.side is not null and p.sent_on is not null and p.sent_at - p.before_at <= interval '168 hours';
end
$$;
-- <<< sql/analytics/window_replies.sql

-- >>> sql/analytics/live_workflows.sql
create or replace function inboxdb.live_workflows(asked inboxdb.analytics_window) returns jsonb
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the meetings booked in a window by the sequence that ran before them, from the host's tables.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an object: see docs/contracts.md. A meeting counts for a single sequence of the workspace, the last to take
--   a step before the booking, so that sequences add up.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads; "FollowUpInstance", "FollowUpSequence".
-- INVOKER: called by read_analytics_workflows only.
begin
  return (
    with meeting as (
      select
        l.lead_id,
        (
          select s.id::pg_catalog.text
          from public."FollowUpInstance" as i
          inner join public."FollowUpSequence" as s on i."sequenceId" = s.id and s."clientId" = asked.client_id
          where i."leadId" = l.lead_id
            and pg_catalog.isfinite(i."lastStepAt")
            and inboxdb.utc(i."lastStepAt") < l.booked_at
          order by i."lastStepAt" desc, s.id::pg_catalog.text collate "C"
          limit 1
        ) as sequence_id
      from inboxdb.window_leads(asked) as l
      where l.booked_on is not null
    ),

    by_sequence as (
      select m.sequence_id, pg_catalog.count(*) as n, pg_catalog.sum(pg_catalog.count(*)) over () as in_all
      from meeting as m
      group by m.sequence_id
    )

    select pg_catalog.jsonb_build_object(
      'meetings_booked', coalesce(pg_catalog.sum(b.n), 0),
      'after_sequence', coalesce(pg_catalog.sum(b.n) filter (where b.sequence_id is not null), 0),
      'without_sequence', coalesce(pg_catalog.sum(b.n) filter (where b.sequence_id is null), 0),
      'sequences', coalesce(
        pg_catalog.jsonb_agg(
          pg_catalog.jsonb_build_object(
            'sequence_id', b.sequence_id, 'name', s.name, 'meetings_booked', b.n,
            'share', b.n::double precision / b.in_all
          ) order by b.n desc, s.name::pg_catalog.text collate "C", b.sequence_id collate "C"
        ) filter (where b.sequence_id is not null), '[]'
      )
    )
    from by_sequence as b
    left join public."FollowUpSequence" as s on b.sequence_id = s.id::pg_catalog.text
  );
end
$$;
-- <<< sql/analytics/live_workflows.sql

-- >>> sql/analytics/live_email_campaigns.sql
create or replace function inboxdb.live_email_campaigns(asked inboxdb.analytics_window) returns jsonb
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: a window by e-mail campaign, from the host's tables.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects by name, of campaigns of the workspace with any figure: see docs/contracts.md.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads and window_messages; "Lead", "EmailCampaign".
-- INVOKER: called by read_analytics_email_campaigns only.
begin
  return (
    select coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'email_campaign_id', c.id, 'name', c.name, 'positive_responses', c.positive,
          'meetings_requested', c.requested, 'meetings_booked', c.booked, 'meetings_kept', c.kept
        ) order by c.name collate "C", c.id collate "C"
      ), '[]'
    )
    from (
      select
        e.id::pg_catalog.text as id,
        e.name::pg_catalog.text as name,
        pg_catalog.count(r.lead_id) filter (where inboxdb.is_positive(l.sentiment_tag)) as positive,
        pg_catalog.count(r.lead_id) filter (where l.sentiment_tag in ('Meeting Requested', 'Call Requested'))
          as requested,
        pg_catalog.count(l.booked_on) as booked,
        pg_catalog.count(l.booked_on) filter (where l.is_kept) as kept
      from inboxdb.window_leads(asked) as l
      inner join public."Lead" as h on l.lead_id = h.id
      inner join public."EmailCampaign" as e on h."emailCampaignId" = e.id and e."clientId" = asked.client_id
      left join (
        select distinct m.lead_id from inboxdb.window_messages(asked, 0, 'inbound') as m
        where m.sent_on is not null
      ) as r on l.lead_id = r.lead_id
      group by e.id, e.name
    ) as c
    where c.positive + c.requested + c.booked > 0
  );
end
$$;
-- <<< sql/analytics/live_email_campaigns.sql

-- >>> sql/analytics/live_reactivations.sql
create or replace function inboxdb.live_reactivations(asked inboxdb.analytics_window) returns jsonb
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the reactivations sent in a window by campaign, from the host's tables.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects by name, of campaigns of the workspace that sent any: see docs/contracts.md.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads; "ReactivationEnrollment", "ReactivationCampaign", "Message".
-- INVOKER: called by read_analytics_reactivations only.
begin
  return (
    select coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'reactivation_campaign_id', c.id, 'name', c.name, 'sent', c.sent, 'responded', c.responded,
          'booked', c.booked
        ) order by c.name collate "C", c.id collate "C"
      ), '[]'
    )
    from (
      select
        r.id::pg_catalog.text as id,
        r.name::pg_catalog.text as name,
        pg_catalog.count(*) as sent,
        pg_catalog.count(*) filter (where exists (
          select
          from public."Message" as m
          where m."leadId" = l.lead_id
            and m.direction::pg_catalog.text = 'inbound'
            and pg_catalog.isfinite(m."sentAt")
            and inboxdb.utc(m."sentAt") > inboxdb.utc(e."sentAt")
        )) as responded,
        pg_catalog.count(*) filter (where l.booked_at > inboxdb.utc(e."sentAt")) as booked
      from public."ReactivationCampaign" as r
      inner join public."ReactivationEnrollment" as e on r.id = e."campaignId"
      inner join inboxdb.window_leads(asked) as l on e."leadId" = l.lead_id
      where r."clientId" = asked.client_id and inboxdb.day_in(asked, inboxdb.utc(e."sentAt")) is not null
      group by r.id, r.name
    ) as c
  );
end
$$;
-- <<< sql/analytics/live_reactivations.sql

-- >>> sql/analytics/live_crm_summary.sql
create or replace function inboxdb.live_crm_summary(asked inboxdb.analytics_window) returns jsonb
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the meetings of leads whose interest was registered in a window, from the host's tables.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an object: totals, and by response type, mode and setter: see docs/contracts.md.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads; "LeadCrmRow".
-- INVOKER: called by read_crm_summary only.
begin
  return (
    with cohort as (
      select
        r."interestType"::pg_catalog.text as interest_type,
        r."responseMode"::pg_catalog.text as response_mode,
        r."responseSentByUserId"::pg_catalog.text as user_id,
        l.booked_at is not null as is_booked,
        l.booked_on is not null as is_booked_here,
        l.is_kept
      from public."LeadCrmRow" as r
      inner join inboxdb.window_leads(asked) as l on r."leadId" = l.lead_id
      where inboxdb.day_in(asked, inboxdb.utc(r."interestRegisteredAt")) is not null
    ),

    total as (
      select
        grouping(c.interest_type, c.response_mode, c.user_id) as of_what,
        c.interest_type,
        c.response_mode,
        c.user_id,
        pg_catalog.count(*) as n,
        pg_catalog.jsonb_build_object(
          'leads', pg_catalog.count(*),
          'booked_ever', pg_catalog.count(*) filter (where c.is_booked),
          'kept_ever', pg_catalog.count(*) filter (where c.is_booked and c.is_kept),
          'booked_in_window', pg_catalog.count(*) filter (where c.is_booked_here),
          'kept_in_window', pg_catalog.count(*) filter (where c.is_booked_here and c.is_kept)
        ) as figures
      from cohort as c
      group by grouping sets ((), (c.interest_type), (c.response_mode), (c.user_id))
    )

    select pg_catalog.jsonb_build_object(
      'total', (select t.figures from total as t where t.of_what = 7),
      'by_type', (
        select coalesce(
          pg_catalog.jsonb_agg(
            pg_catalog.jsonb_build_object('interest_type', t.interest_type) || t.figures
            order by t.n desc, t.interest_type collate "C"
          ), '[]'
        )
        from total as t
        where t.of_what = 3
      ),
      'by_mode', (
        select coalesce(
          pg_catalog.jsonb_agg(
            pg_catalog.jsonb_build_object('response_mode', t.response_mode) || t.figures
            order by t.n desc, t.response_mode collate "C"
          ), '[]'
        )
        from total as t
        where t.of_what = 5
      ),
      'by_setter', (
        select coalesce(
          pg_catalog.jsonb_agg(
            pg_catalog.jsonb_build_object('user_id', t.user_id) || t.figures
            order by t.n desc, t.user_id collate "C"
          ), '[]'
        )
        from total as t
        where t.of_what = 6
      )
    )
  );
end
$$;
-- <<< sql/analytics/live_crm_summary.sql

-- >>> sql/api/analytics_answer.type.sql
create type inboxdb.analytics_answer as (
  figures jsonb,
  from_day date,
  to_day date,
  time_zone text,
  computed_at timestamptz,
  version bigint,
  is_stale boolean
);

comment on type inboxdb.analytics_answer is
'The answer of the functions of inbox_api named analytics_..., and of crm_summary: see there.';
-- <<< sql/api/analytics_answer.type.sql

-- >>> sql/api/crm_rows_answer.type.sql
create type inboxdb.crm_rows_answer as (
  crm_rows jsonb,
  cursor text,
  has_more boolean,
  version bigint
);

comment on type inboxdb.crm_rows_answer is 'The answer of inbox_api.crm_rows: see there.';
-- <<< sql/api/crm_rows_answer.type.sql

-- >>> sql/api/answer_window.sql
create or replace function inboxdb.answer_window(
  read_name text, asked inboxdb.analytics_window, figures jsonb
)
returns inboxdb.analytics_answer
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the answer of a read of analytics, tagged by its figures: the same figures of the same days have the same
--   tag, whatever the version, because a new version alone is no reason to send figures again.
-- Parameters: read_name; asked, the window; figures.
-- Returns: the answer. computed_at is now, and nothing is stale, because figures are read live.
-- Reads: cache_version.
-- INVOKER: called by our DEFINER functions only.
declare
  answer constant inboxdb.analytics_answer := (
    figures, asked.from_day, asked.to_day, asked.time_zone, inboxdb.clock(),
    (select v.version from inboxdb.newest_version(asked.client_id, 'analytics') as v), false
  );
begin
  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(
      pg_catalog.jsonb_build_array(
        read_name, asked.client_id, asked.scope, asked.from_day, asked.to_day, asked.time_zone, figures
      )
    );
  end if;
  return answer;
end
$$;
-- <<< sql/api/answer_window.sql

-- >>> sql/api/read_analytics_days.sql
create or replace function inboxdb.read_analytics_days(target_client_id inboxdb.client_id, from_day date, to_day date)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: each day of a window, for a user with access.
-- Parameters: as of inbox_api.analytics_days.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_days; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day);
begin
  return inboxdb.answer_window('analytics_days', asked, inboxdb.live_days(asked));
end
$$;
-- <<< sql/api/read_analytics_days.sql

-- >>> sql/api/read_analytics_email_campaigns.sql
create or replace function inboxdb.read_analytics_email_campaigns(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: a window by e-mail campaign, for a user with access.
-- Parameters: as of inbox_api.analytics_email_campaigns.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_email_campaigns; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(
    target_client_id, from_day, to_day, 'email campaigns'
  );
begin
  return inboxdb.answer_window('analytics_email_campaigns', asked, inboxdb.live_email_campaigns(asked));
end
$$;
-- <<< sql/api/read_analytics_email_campaigns.sql

-- >>> sql/api/read_analytics_overview.sql
create or replace function inboxdb.read_analytics_overview(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the overview of a window of days, for a user with access.
-- Parameters: as of inbox_api.analytics_overview.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_overview; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day);
begin
  return inboxdb.answer_window('analytics_overview', asked, inboxdb.live_overview(asked));
end
$$;
-- <<< sql/api/read_analytics_overview.sql

-- >>> sql/api/read_analytics_reactivations.sql
create or replace function inboxdb.read_analytics_reactivations(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the reactivations sent in a window by campaign, for a user with access.
-- Parameters: as of inbox_api.analytics_reactivations.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_reactivations; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(
    target_client_id, from_day, to_day, 'reactivations'
  );
begin
  return inboxdb.answer_window('analytics_reactivations', asked, inboxdb.live_reactivations(asked));
end
$$;
-- <<< sql/api/read_analytics_reactivations.sql

-- >>> sql/api/read_analytics_response_times.sql
create or replace function inboxdb.read_analytics_response_times(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the replies of a window by who replied, for a user with access.
-- Parameters: as of inbox_api.analytics_response_times.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_response_times; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day);
begin
  return inboxdb.answer_window('analytics_response_times', asked, inboxdb.live_response_times(asked));
end
$$;
-- <<< sql/api/read_analytics_response_times.sql

-- >>> sql/api/read_analytics_sentiments.sql
create or replace function inboxdb.read_analytics_sentiments(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the responders of a window by their present tag, for a user with access.
-- Parameters: as of inbox_api.analytics_sentiments.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_sentiments; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day);
begin
  return inboxdb.answer_window('analytics_sentiments', asked, inboxdb.live_sentiments(asked));
end
$$;
-- <<< sql/api/read_analytics_sentiments.sql

-- >>> sql/api/read_analytics_sms_campaigns.sql
create or replace function inboxdb.read_analytics_sms_campaigns(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: a window by SMS campaign, for a user with access.
-- Parameters: as of inbox_api.analytics_sms_campaigns.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_sms_campaigns; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day);
begin
  return inboxdb.answer_window('analytics_sms_campaigns', asked, inboxdb.live_sms_campaigns(asked));
end
$$;
-- <<< sql/api/read_analytics_sms_campaigns.sql

-- >>> sql/api/read_analytics_statuses.sql
create or replace function inboxdb.read_analytics_statuses(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the leads created in a window by their present status, for a user with access.
-- Parameters: as of inbox_api.analytics_statuses.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_statuses; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day);
begin
  return inboxdb.answer_window('analytics_statuses', asked, inboxdb.live_statuses(asked));
end
$$;
-- <<< sql/api/read_analytics_statuses.sql

-- >>> sql/api/read_analytics_workflows.sql
create or replace function inboxdb.read_analytics_workflows(
  target_client_id inboxdb.client_id, from_day date, to_day date
)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the meetings of a window by the sequence before them, for a user with access.
-- Parameters: as of inbox_api.analytics_workflows.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_workflows; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day, 'workflows');
begin
  return inboxdb.answer_window('analytics_workflows', asked, inboxdb.live_workflows(asked));
end
$$;
-- <<< sql/api/read_analytics_workflows.sql

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
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id);
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

-- >>> sql/api/read_crm_summary.sql
create or replace function inboxdb.read_crm_summary(target_client_id inboxdb.client_id, from_day date, to_day date)
returns inboxdb.analytics_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: the meetings of leads whose interest was registered in a window, for a user with access.
-- Parameters: as of inbox_api.crm_summary.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB020 where the host lacks columns; IB021 for a
--   refused argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as live_crm_summary; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  asked constant inboxdb.analytics_window := inboxdb.require_window(target_client_id, from_day, to_day, 'CRM');
begin
  return inboxdb.answer_window('crm_summary', asked, inboxdb.live_crm_summary(asked));
end
$$;
-- <<< sql/api/read_crm_summary.sql

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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB020 where the host
  --   lacks columns; IB021 a refused argument.
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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB020 where the host
  --   lacks columns; IB021 a refused argument.
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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB020 where the host
  --   lacks columns; IB021 a refused argument.
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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB020 where the host
  --   lacks columns; IB021 a refused argument.
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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB020 where the host
  --   lacks columns; IB021 a refused argument.
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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB020 where the host
  --   lacks columns; IB021 a refused argument.
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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB020 where the host
  --   lacks columns; IB021 a refused argument.
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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB020 where the host
  --   lacks columns; IB021 a refused argument.
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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB020 where the host
  --   lacks columns; IB021 a refused argument.
  -- INVOKER: read_analytics_workflows checks access, then reads.
  select * from inboxdb.read_analytics_workflows(client_id, from_day, to_day)
$$;
-- <<< sql/api/analytics_workflows.sql

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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB016 a cursor of
  --   another list; IB020 where the host lacks columns; IB021 a refused argument.
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
  -- Errors: IB005 malformed claims; IB006 nobody signed in; IB007 no access, or no such workspace; IB020 where the host
  --   lacks columns; IB021 a refused argument.
  -- INVOKER: read_crm_summary checks access, then reads.
  select * from inboxdb.read_crm_summary(client_id, from_day, to_day)
$$;
-- <<< sql/api/crm_summary.sql

-- >>> by hand, after the bodies
-- <<< by hand

-- rights, for what is new or made anew
do $rights$
begin
  perform inboxdb.apply_grants();
end
$rights$;

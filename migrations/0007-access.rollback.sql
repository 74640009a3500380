-- Undoes 0007-access: no role but the owner reads counts any more. Refused while "Lead" has policies of inboxdb's:
-- `inboxdb rls off` takes them off.
-- Locks: ACCESS EXCLUSIVE on three tables of inboxdb's and, on Supabase, on realtime.messages, for milliseconds once
-- granted.

-- squawk-ignore-file ban-drop-function, ban-drop-view, ban-drop-type, ban-drop-schema

set local lock_timeout = '2s';

do $undo$
begin
  if inboxdb.lead_rls() in ('enabled', 'joined') then
    raise exception using
      errcode = 'IB010',
      message = 'row-level security on "Lead" rests on what this would drop',
      detail = 'Nothing was changed.',
      hint = 'Without it restricted roles may see every tenant''s leads: decide that by `inboxdb rls off`'
        || ' (inboxdb.unprotect_leads()), then go on.';
  end if;
end
$undo$;
update inboxdb.installation set lead_rls = 'undecided';
drop publication if exists inboxdb_lead;
-- nobody has any right
drop view inboxdb.grant_matrix;
create view inboxdb.grant_matrix as
select null::text as grantee, null::text as kind, null::text as object_name, null::text as privilege where false;
do $undo$
begin
  perform inboxdb.apply_grants();
end
$undo$;
do $undo$
begin
  if exists (
    select
    from pg_catalog.pg_policy as p
    inner join pg_catalog.pg_class as c on p.polrelid = c.oid
    inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
    where n.nspname = 'realtime' and c.relname = 'messages' and p.polname = 'inboxdb_member'
  ) then
    drop policy inboxdb_member on realtime.messages;
    drop policy if exists inboxdb_members_only on realtime.messages;
    drop policy if exists inboxdb_not_anon on realtime.messages;
  end if;
end
$undo$;
do $undo$
declare
  type_name text;
begin
  for type_name in
    select t.oid::pg_catalog.regtype::text
    from pg_catalog.pg_type as t
    left join pg_catalog.pg_class as c on t.typrelid = c.oid
    where t.typnamespace = 'inboxdb'::pg_catalog.regnamespace and (t.typtype = 'd' or c.relkind = 'c')
  loop
    execute pg_catalog.format('grant usage on type %s to public', type_name);
  end loop;
end
$undo$;

drop function inboxdb.is_stale(timestamptz, timestamptz);
drop function inboxdb.suspend_table(regclass);
drop function inboxdb.suspend_views();
drop function inboxdb.lead_rls_state();
drop function inboxdb.publish_leads();
drop function inboxdb.unprotect_leads();
drop function inboxdb.lead_rls();
drop function inboxdb.protect_leads(text[], text[], boolean);
drop function inboxdb.member_condition();
drop function inboxdb.role_list(text[]);
drop function inboxdb.require_named_roles(text[], text[], boolean);
drop view inboxdb.lead_view;
drop view inboxdb.lead_right;
drop view inboxdb.lead_policy;
drop function inboxdb.protect_topics();
drop function inboxdb.claimed_user_id();
drop function inboxdb.apply_grants();
drop view inboxdb.grant_matrix;
drop function inbox_api.inbox_counts(inboxdb.client_id);
drop schema inbox_api;
drop policy inboxdb_member on inboxdb.job_status;
alter table inboxdb.job_status disable row level security;
drop policy inboxdb_member on inboxdb.cache_version;
alter table inboxdb.cache_version disable row level security;
drop policy inboxdb_member on inboxdb.inbox_counts;
alter table inboxdb.inbox_counts disable row level security;
drop function inboxdb.read_inbox_counts(inboxdb.client_id);
drop type inboxdb.counts_answer;
drop function inboxdb.not_modified(jsonb);
drop function inboxdb.require_access(inboxdb.client_id);
drop function inboxdb.has_topic_access(text);
drop function inboxdb.has_client_access(inboxdb.client_id);
drop function inboxdb.setter_workspaces();
drop function inboxdb.member_workspaces();
drop view inboxdb.member_access;
drop function if exists inboxdb.suspended_member_access();
drop function inboxdb.role_rank(text);
drop function inboxdb.current_user_id();
drop function inboxdb.can_be_id(text, text);
drop function inboxdb.can_be_id(text, uuid);
drop function inboxdb.is_json(text);

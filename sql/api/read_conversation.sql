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

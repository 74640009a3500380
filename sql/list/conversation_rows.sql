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

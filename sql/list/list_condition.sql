create or replace function inboxdb.list_condition(
  channels text[], sentiment_tags text[], sms_campaign_id text, sms_campaign_unattributed boolean, score text
)
returns text
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the filters of the conversation list that have no index, as a condition.
-- Parameters: as of inbox_api.conversations.
-- Returns: a condition on listed_lead as l, with channels as $6, sentiment_tags as $7 and sms_campaign_id as $8; null
--   where nothing is filtered.
-- Errors: IB017 for a value that is not known.
-- INVOKER: called by read_conversations only.
declare
  conditions text[] := '{}';
begin
  if channels is not null then
    if channels = '{}' or not channels <@ array['sms', 'email', 'linkedin'] then
      perform inboxdb.refuse_argument('channels', 'null, or an array of some of sms, email, linkedin');
    end if;
    -- "offset 0": a plan for each lead, and no hash of all tenants' messages
    conditions := pg_catalog.array_append(
      conditions,
      'exists (select from public."Message" as m where m."leadId" = l.lead_id and m.channel = any ($6) offset 0)'
    );
  end if;
  if sentiment_tags is not null then
    if sentiment_tags = '{}' then
      perform inboxdb.refuse_argument('sentiment_tags', 'null, or an array of tags, with null for leads without a tag');
    end if;
    conditions := pg_catalog.array_append(
      conditions,
      case
        when pg_catalog.array_position(sentiment_tags, null) is null
          then 'coalesce(l.sentiment_tag = any ($7), false)'
        else '(l.sentiment_tag is null or l.sentiment_tag = any (pg_catalog.array_remove($7, null)))'
      end
    );
  end if;
  if sms_campaign_id is not null and coalesce(sms_campaign_unattributed, false) then
    perform inboxdb.refuse_argument('sms_campaign_unattributed', 'true only without sms_campaign_id');
  end if;
  if sms_campaign_id is not null then
    conditions := pg_catalog.array_append(conditions, 'coalesce(l.sms_campaign_id::text = $8, false)');
  elsif sms_campaign_unattributed then
    conditions := pg_catalog.array_append(conditions, 'l.sms_campaign_id is null');
  end if;
  case coalesce(score, 'all')
    when 'all' then null;
    when '4' then conditions := pg_catalog.array_append(conditions, 'coalesce(l.overall_score = 4, false)');
    when '3+' then conditions := pg_catalog.array_append(conditions, 'coalesce(l.overall_score >= 3, false)');
    when '2+' then conditions := pg_catalog.array_append(conditions, 'coalesce(l.overall_score >= 2, false)');
    when '1+' then conditions := pg_catalog.array_append(conditions, 'coalesce(l.overall_score >= 1, false)');
    when 'unscored' then conditions := pg_catalog.array_append(conditions, 'l.overall_score is null');
    when 'disqualified' then
      conditions := pg_catalog.array_append(
        conditions, 'coalesce(l.sentiment_tag in (''Blacklist'', ''Opt Out'', ''Opted Out'','
        ' ''Unsubscribe'', ''Unsubscribed'', ''Bounced'', ''Bounce''), false)'
      );
    else perform inboxdb.refuse_argument('score', '4, 3+, 2+, 1+, unscored, disqualified or all');
  end case;
  return nullif(pg_catalog.array_to_string(conditions, ' and '), '');
end
$$;

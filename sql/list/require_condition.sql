create or replace function inboxdb.require_condition(asked inboxdb.list_condition) returns boolean
language plpgsql stable
set search_path = ''
as $$
-- Purpose: refuse unknown filters of the conversation list.
-- Parameters: asked.
-- Returns: whether each lead has to be looked at.
-- Errors: IB021 for an unknown value.
-- INVOKER: called by read_conversations only.
begin
  if asked.channels = '{}' or not asked.channels <@ array['sms', 'email', 'linkedin'] then
    perform inboxdb.refuse_argument('channels', 'null, or an array of some of sms, email, linkedin');
  end if;
  if asked.sentiment_tags = '{}' or pg_catalog.array_ndims(asked.sentiment_tags) > 1 then
    perform inboxdb.refuse_argument('sentiment_tags', 'null, or an array of tags, with null for leads without a tag');
  end if;
  if asked.sms_campaign_id is not null and asked.sms_campaign_unattributed then
    perform inboxdb.refuse_argument('sms_campaign_unattributed', 'true only without sms_campaign_id');
  end if;
  if asked.score not in ('all', '4', '3+', '2+', '1+', 'unscored', 'disqualified') then
    perform inboxdb.refuse_argument('score', '4, 3+, 2+, 1+, unscored, disqualified or all');
  end if;
  return asked.channels is not null or asked.sentiment_tags is not null or asked.sms_campaign_id is not null
    or asked.sms_campaign_unattributed or asked.score <> 'all' or asked.terms is not null or asked.address is not null;
end
$$;

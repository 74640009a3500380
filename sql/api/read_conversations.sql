create or replace function inboxdb.read_conversations(
  target_client_id inboxdb.client_id, filter text, channels text[], sentiment_tags text[], sms_campaign_id text,
  sms_campaign_unattributed boolean, score text, assigned_to text, sort text, after text, page_size integer
)
returns inboxdb.conversations_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: a page of the conversations that the current user may see.
-- Parameters: as of inbox_api.conversations.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB017 for an argument that cannot be that; IB016 for a
--   cursor of another list; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: list_filter, listed_lead, and what conversation_rows shows; cache_version.
-- DEFINER: members may read neither leads nor messages.
declare
  -- leads looked at one by one in a call
  most constant integer := 2000;
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id);
  as_of constant timestamptz := inboxdb.clock();
  chosen inboxdb.list_filter;
  condition text;
  user_id inboxdb.user_id;
  user_condition text := 'true';
  list text;
  after_at timestamptz;
  after_id inboxdb.lead_id;
  candidates inboxdb.lead_id[];
  page inboxdb.list_page;
  answer inboxdb.conversations_answer;
begin
  select f.* into chosen
  from inboxdb.list_filter as f
  where f.name = case coalesce(filter, 'all') when 'drafts' then 'previous_attention' else coalesce(filter, 'all') end;
  if not found then
    perform inboxdb.refuse_argument(
      'filter', (select pg_catalog.string_agg(f.name, ', ' order by f.name) from inboxdb.list_filter as f)
    );
  end if;
  condition := inboxdb.list_condition(channels, sentiment_tags, sms_campaign_id, sms_campaign_unattributed, score);
  if coalesce(sort, 'activity') not in ('activity', 'updated') then
    perform inboxdb.refuse_argument('sort', 'activity or updated');
  elsif sort = 'updated' and (chosen.name <> 'all' or condition is not null or assigned_to is not null) then
    perform inboxdb.refuse_argument('sort', 'updated only with the filter all, and no other argument');
  end if;
  if page_size is null or page_size not between 1 and 200 then
    perform inboxdb.refuse_argument('page_size', 'from 1 to 200');
  end if;

  if scope <> inboxdb.sentinel() then
    if assigned_to is not null then
      perform inboxdb.refuse_argument('assigned_to', 'null for a member who sees only their own leads');
    end if;
    user_id := scope;
    user_condition := 'l.scope_user_id = $3';
  elsif assigned_to = '' then
    user_condition := 'l.scope_user_id is null';
  elsif assigned_to is not null then
    if not inboxdb.can_be_id(assigned_to, inboxdb.sentinel()) then
      perform inboxdb.refuse_argument('assigned_to', 'a user''s id, or empty for leads of nobody');
    end if;
    user_id := assigned_to;
    user_condition := 'l.scope_user_id = $3';
  end if;

  list := pg_catalog.jsonb_build_array(
    'conversations', target_client_id, scope, chosen.name, condition, channels, sentiment_tags, sms_campaign_id,
    assigned_to, coalesce(sort, 'activity'), inboxdb.definitions()
  )::text;
  select c.sort_at, c.id into after_at, after_id from inboxdb.read_cursor(list, after) as c;

  if chosen.bit is not null then
    candidates := inboxdb.list_candidates(target_client_id, chosen.bit, most);
    if candidates is null then
      condition := pg_catalog.concat_ws(' and ', chosen.term, condition);
    end if;
  end if;
  if candidates is not null then
    page := inboxdb.sort_candidates(
      candidates, chosen.term, user_condition, coalesce(condition, 'true'), page_size,
      target_client_id, as_of, user_id, after_at, after_id, channels, sentiment_tags, sms_campaign_id
    );
  else
    -- no index has a user's leads in this order
    if sort = 'updated' and user_id is not null then
      condition := 'coalesce(' || user_condition || ', false)';
      user_condition := 'true';
    end if;
    page := inboxdb.walk_leads(
      inboxdb.list_statement(
        case when chosen.bit is null then chosen.term else 'true' end,
        case sort when 'updated' then 'updated_at' else 'activity_at' end,
        user_condition, coalesce(condition, 'true'), after_id is not null,
        case when condition is null then page_size + 1 else most end
      ),
      page_size, case when condition is null then page_size + 1 else most end,
      target_client_id, as_of, user_id, after_at, after_id, channels, sentiment_tags, sms_campaign_id
    );
  end if;

  select coalesce(pg_catalog.jsonb_agg(r.conversation order by u.place), '[]') into answer.conversations
  from pg_catalog.unnest(page.lead_ids) with ordinality as u (lead_id, place)
  inner join inboxdb.conversation_rows(page.lead_ids) as r on u.lead_id = r.lead_id;
  answer.has_more := page.has_more;
  if page.has_more then
    answer.cursor := inboxdb.make_cursor(list, page.last_at, page.last_id::text);
  end if;
  answer.version := (select v.version from inboxdb.newest_version(target_client_id, 'inbox') as v);
  answer.scanned := page.scanned;

  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(
      pg_catalog.jsonb_build_array(list, after, page_size, answer.version, answer.conversations)
    );
  end if;
  return answer;
end
$$;

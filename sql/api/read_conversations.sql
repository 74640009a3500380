create or replace function inboxdb.read_conversations(
  target_client_id inboxdb.client_id, filter text, channels text[], sentiment_tags text[], sms_campaign_id text,
  sms_campaign_unattributed boolean, score text, assigned_to text, search text, sort text, after text,
  page_size integer
)
returns inboxdb.conversations_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
as $$
-- Purpose: a page of the current user's conversations.
-- Parameters: as of inbox_api.conversations.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB021 for a refused argument; IB016 for a cursor of
--   another list; IB020 without lists, or without search; 42501 where row-level security would filter what the owner
--   of this function sees.
-- Reads: list_filter, cache_version; find_page and conversation_rows read the rest.
-- DEFINER: members may read neither leads nor messages.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id, 'inbox_read');
  filter_name constant pg_catalog.text := case filter
    when 'drafts' then 'previous_attention' else coalesce(filter, 'all')
  end;
  sort_name constant pg_catalog.text := coalesce(sort, 'activity');
  asked_for constant pg_catalog.record := inboxdb.search_terms(search);
  asked constant inboxdb.list_condition := (
    inboxdb.clock(), channels, sentiment_tags, sms_campaign_id, coalesce(sms_campaign_unattributed, false),
    coalesce(score, 'all'), asked_for.terms, asked_for.address
  );
  is_looked_at constant boolean := inboxdb.require_condition(asked);
  user_id inboxdb.user_id;
  list pg_catalog.text;
  after_at pg_catalog.timestamptz;
  after_id inboxdb.lead_id;
  page inboxdb.list_page;
  answer inboxdb.conversations_answer;
begin
  perform inboxdb.require_lists();
  if search is not null then
    perform inboxdb.require_search();
  end if;
  if not exists (select from inboxdb.list_filter as f where f.name = filter_name) then
    perform inboxdb.refuse_argument(
      'filter', (select pg_catalog.string_agg(f.name, ', ' order by f.name) from inboxdb.list_filter as f)
    );
  end if;
  if sort_name not in ('activity', 'updated') then
    perform inboxdb.refuse_argument('sort', 'activity or updated');
  elsif sort_name = 'updated' and (filter_name <> 'all' or is_looked_at or assigned_to is not null) then
    perform inboxdb.refuse_argument('sort', 'updated only with the filter all, and no other argument');
  end if;
  if page_size is null or page_size not between 1 and 200 then
    perform inboxdb.refuse_argument('page_size', 'from 1 to 200');
  end if;
  if assigned_to is not null and scope <> inboxdb.sentinel() then
    perform inboxdb.refuse_argument('assigned_to', 'null for a member who sees only their own leads');
  elsif assigned_to <> '' and not inboxdb.can_be_id(assigned_to, scope) then
    perform inboxdb.refuse_argument('assigned_to', 'the id of a user, or empty for leads of nobody');
  end if;
  user_id := nullif(coalesce(nullif(assigned_to, '')::inboxdb.user_id, scope), inboxdb.sentinel());

  list := pg_catalog.jsonb_build_array(
    'conversations', target_client_id, scope, filter_name, asked.channels, asked.sentiment_tags, asked.sms_campaign_id,
    asked.sms_campaign_unattributed, asked.score, assigned_to, asked.terms, asked.address, sort_name,
    inboxdb.definitions()
  )::pg_catalog.text;
  select c.sort_at, c.id into after_at, after_id from inboxdb.read_cursor(list, after) as c;
  page := inboxdb.find_page(
    target_client_id, filter_name, sort_name, user_id, user_id is null and assigned_to is not null, asked, is_looked_at,
    after_at, after_id, page_size
  );

  select coalesce(pg_catalog.jsonb_agg(r.conversation order by u.place), '[]') into answer.conversations
  from pg_catalog.unnest(page.lead_ids) with ordinality as u (lead_id, place)
  inner join inboxdb.conversation_rows(page.lead_ids, sort_name) as r on u.lead_id = r.lead_id;
  answer.has_more := page.has_more;
  if page.has_more then
    answer.cursor := inboxdb.make_cursor(list, page.last_at, page.last_id::pg_catalog.text);
  end if;
  answer.version := (select v.version from inboxdb.newest_version(target_client_id, 'inbox') as v);
  answer.scanned := page.scanned;

  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(
      pg_catalog.jsonb_build_array(list, after, page_size, answer.version, answer.conversations, answer.cursor)
    );
  end if;
  return answer;
end
$$;

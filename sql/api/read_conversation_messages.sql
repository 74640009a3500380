create or replace function inboxdb.read_conversation_messages(
  target_lead_id inboxdb.lead_id, channel text, before text, page_size integer
)
returns inboxdb.conversation_messages_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_lead reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
set timezone = 'UTC'
-- each channel along the host's index, whatever part of all messages the lead has: generic, because the planner would
-- take the index of "sentAt" for a lead with many
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set enable_sort = off
set jit = off
as $$
-- Purpose: a page of the messages of a conversation, for a user with access.
-- Parameters: as of inbox_api.conversation_messages.
-- Returns: see there.
-- Errors: those of require_access; IB016 for a cursor of another list; IB020 without lists; IB021 for a refused
--   argument; 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Lead", "Message", by key; as many messages of each channel as the page has.
-- DEFINER: members may not read messages.
declare
  lead constant pg_catalog.record := inboxdb.require_lead(target_lead_id);
  -- the server refuses an answer of 256 MiB, and its reader one much shorter
  most_bytes constant integer := 33554432;
  list constant pg_catalog.text := pg_catalog.jsonb_build_array(
    'conversation_messages', target_lead_id, channel
  )::pg_catalog.text;
  place pg_catalog.record;
  last_at pg_catalog.timestamptz;
  last_id pg_catalog.text;
  answer inboxdb.conversation_messages_answer;
begin
  perform inboxdb.require_lists();
  if page_size is null or page_size not between 1 and 500 then
    perform inboxdb.refuse_argument('page_size', 'from 1 to 500');
  end if;
  place := inboxdb.read_cursor(list, before);

  with recursive channels (name) as (
    (
      select m.channel
      from public."Message" as m
      where m."leadId" = target_lead_id and m.channel >= coalesce(read_conversation_messages.channel, '')
      order by m.channel
      limit 1
    )
    union all
    select (
      select m.channel
      from public."Message" as m
      where m."leadId" = target_lead_id and m.channel > c.name
      order by m.channel
      limit 1
    )
    from channels as c
    where c.name is not null and read_conversation_messages.channel is null
  ),

  newest as (
    select
      m.*, pg_catalog.row_number() over newest_first as place,
      pg_catalog.sum(coalesce(pg_catalog.octet_length(m.body), 0)) over newest_first as bytes
    from channels as c
    cross join lateral (
      select
        m.id::pg_catalog.text as id, inboxdb.utc(m."sentAt") as sent_at, m.channel, m.direction, m.source,
        m."sentBy" as sent_by, m."sentByUserId"::pg_catalog.text as sent_by_user_id, m.subject, m.body
      from public."Message" as m
      where m."leadId" = target_lead_id and m.channel = c.name
        and m."sentAt" <= coalesce(inboxdb.host_time(place.sort_at, m."sentAt"), 'infinity')
        and (
          place.id is null
          or m."sentAt" < inboxdb.host_time(place.sort_at, m."sentAt")
          or m.id::pg_catalog.text collate "C" < place.id
        )
      order by m."sentAt" desc, m.id::pg_catalog.text collate "C" desc
      limit page_size + 1
    ) as m
    where c.name = read_conversation_messages.channel or read_conversation_messages.channel is null
    window newest_first as (order by m.sent_at desc, m.id collate "C" desc)
  ),

  shown as (
    select n.*, n.place <= page_size and (n.place = 1 or n.bytes <= most_bytes) as is_shown
    from newest as n
    where n.place <= page_size + 1
  )

  select
    coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'id', n.id,
          'channel', n.channel,
          'direction', n.direction,
          'source', n.source,
          'sender', case
            when n.direction = 'inbound' then 'lead'
            when n.sent_by = 'ai' or n.source = 'inboxxia_campaign' then 'ai'
            else 'human'
          end,
          'sent_by_user_id', n.sent_by_user_id,
          'subject', n.subject,
          'body', n.body,
          'sent_at', n.sent_at
        ) order by n.place
      ) filter (where n.is_shown), '[]'
    ),
    coalesce(pg_catalog.bool_or(not n.is_shown), false),
    (pg_catalog.array_agg(n.sent_at order by n.place desc) filter (where n.is_shown))[1],
    (pg_catalog.array_agg(n.id order by n.place desc) filter (where n.is_shown))[1]
  into answer.messages, answer.has_more, last_at, last_id
  from shown as n;
  if answer.has_more then
    answer.cursor := inboxdb.make_cursor(list, last_at, last_id);
  end if;
  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(pg_catalog.jsonb_build_array(list, before, page_size, answer.messages, answer.cursor));
  end if;
  return answer;
end
$$;

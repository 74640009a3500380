create or replace function inboxdb.window_messages(
  asked inboxdb.analytics_window, hours_earlier integer default 0, only_direction text default null
)
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
-- Parameters: asked, the window; the caller has checked access; hours_earlier, how long before the window to begin;
--   only_direction, inbound or outbound, null for all.
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
    select (array['user', 'ai', 'campaign', 'unknown'])[1 + inboxdb.sender_number(
      m.source::pg_catalog.text, m."sentBy"::pg_catalog.text, m."sentByUserId"::pg_catalog.text
    )] as sender
  ) as s
  where l."clientId" = asked.client_id
    and (asked.scope = inboxdb.sentinel() or l."assignedToUserId" = asked.scope)
    and m."sentAt" >= inboxdb.host_time(asked.not_before - pg_catalog.make_interval(hours => hours_earlier), m."sentAt")
    and m."sentAt" < inboxdb.host_time(asked.before, m."sentAt")
    and (only_direction is null or m.direction::pg_catalog.text = only_direction);
end
$$;

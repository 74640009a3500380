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
    inboxdb.business_us(p.before_at, p.sent_at, asked.time_zone)::numeric / 1000
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
  where p.side is not null and p.sent_on is not null and p.sent_at - p.before_at <= interval '168 hours';
end
$$;

create or replace function inboxdb.live_figures(
  asked inboxdb.analytics_window, figures inboxdb.figure[], by_day boolean
)
returns table (figure inboxdb.figure, day date, word text, n bigint)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: what is counted of a window, from the host's tables: the truth that stored_figures is held to.
-- Parameters: asked, the window; the caller has checked access; figures, which to count;
--   by_day, whether by day, else by word.
-- Returns: n of each figure. day: none of figures of leads that were active, which are leads of the whole window; word:
--   of created the status, of responded the tag, of figures by campaign the SMS campaign; else null.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads and window_messages.
-- INVOKER: called by window_figures only.
begin
  return query
  with
  lead as materialized (
    select l.* from inboxdb.window_leads(asked) as l
  ),

  message as materialized (
    select m.lead_id, m.direction, m.sent_on, pg_catalog.count(*) as n
    from inboxdb.window_messages(
      asked, 0, case when not figures && '{inbound, outbound, contacted}' then 'inbound' end
    ) as m
    where figures && array[
        'inbound', 'outbound', 'contacted', 'responded', 'campaign_responded', 'campaign_positive'
      ]::inboxdb.figure[]
      and m.sent_on is not null and m.direction in ('inbound', 'outbound')
    group by m.lead_id, m.direction, m.sent_on
  ),

  found as (
    select d.figure, d.day, d.word, pg_catalog.count(*) as n
    from lead as l
    cross join lateral (
      values
      ('created', l.created_on, l.status),
      ('campaign_created', l.created_on, l.sms_campaign_id),
      ('booked', l.booked_on, null),
      ('campaign_booked', l.booked_on, l.sms_campaign_id),
      ('kept', case when l.is_kept then l.booked_on end, null)
    ) as d (figure, day, word)
    where d.day is not null
    group by d.figure, d.day, d.word
    union all
    select m.direction, m.sent_on, null, pg_catalog.sum(m.n)
    from message as m
    group by m.direction, m.sent_on
    union all
    select d.figure, null, d.word, pg_catalog.count(*)
    from (select distinct m.lead_id, m.direction from message as m) as a
    inner join lead as l on a.lead_id = l.lead_id
    cross join lateral (
      values
      ('contacted', 'outbound', null, true),
      ('responded', 'inbound', l.sentiment_tag, true),
      ('campaign_responded', 'inbound', l.sms_campaign_id, true),
      ('campaign_positive', 'inbound', l.sms_campaign_id, inboxdb.is_positive(l.sentiment_tag))
    ) as d (figure, direction, word, is_so)
    where a.direction = d.direction and d.is_so
    group by d.figure, d.word
  )

  select
    f.figure::inboxdb.figure, case when by_day then f.day end, case when not by_day then f.word end,
    pg_catalog.sum(f.n)::bigint
  from found as f
  where f.figure::inboxdb.figure = any (figures)
  group by 1, 2, 3;
end
$$;

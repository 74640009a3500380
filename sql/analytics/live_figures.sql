create or replace function inboxdb.live_figures(asked inboxdb.analytics_window, figures inboxdb.figure[])
returns table (figure inboxdb.figure, day date, word text, campaign text, n bigint)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: what is counted of a window, from the host's tables: the truth that stored_figures is held to.
-- Parameters: asked, the window; the caller has checked access; figures, which to count.
-- Returns: n of each figure, by day, but for contacted and responded, which are leads of the whole window; word: of
--   created the status, of responded the tag; campaign: of all but messages the SMS campaign.
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
    from inboxdb.window_messages(asked) as m
    where figures && array['inbound', 'outbound', 'contacted', 'responded']::inboxdb.figure[]
      and m.sent_on is not null and m.direction in ('inbound', 'outbound')
    group by m.lead_id, m.direction, m.sent_on
  ),

  found as (
    select d.figure, d.day, d.word, l.sms_campaign_id as campaign, pg_catalog.count(*) as n
    from lead as l
    cross join lateral (
      values
      ('created', l.created_on, l.status),
      ('booked', l.booked_on, null),
      ('kept', case when l.is_kept then l.booked_on end, null)
    ) as d (figure, day, word)
    where d.day is not null
    group by d.figure, d.day, d.word, l.sms_campaign_id
    union all
    select m.direction, m.sent_on, null, null, pg_catalog.sum(m.n)
    from message as m
    group by m.direction, m.sent_on
    union all
    select
      case a.direction when 'inbound' then 'responded' else 'contacted' end, null,
      case a.direction when 'inbound' then l.sentiment_tag end, l.sms_campaign_id, pg_catalog.count(*)
    from (select distinct m.lead_id, m.direction from message as m) as a
    inner join lead as l on a.lead_id = l.lead_id
    group by a.direction, case a.direction when 'inbound' then l.sentiment_tag end, l.sms_campaign_id
  )

  select f.figure::inboxdb.figure, f.day, f.word, f.campaign, f.n::bigint
  from found as f
  where f.figure::inboxdb.figure = any (figures);
end
$$;

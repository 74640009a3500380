create or replace function inboxdb.live_sms_campaigns(asked inboxdb.analytics_window) returns jsonb
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: a window by SMS campaign, from the host's tables: the truth. Campaigns of other workspaces have no name
--   here.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects by name, of campaigns with any figure, and of leads without: see docs/contracts.md.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads and window_messages; "SmsCampaign".
-- INVOKER: called by read_analytics_sms_campaigns only.
begin
  return (
    select coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'sms_campaign_id', c.sms_campaign_id, 'name', c.name, 'leads_created', c.created, 'responses', c.responses,
          'positive_responses', c.positive, 'meetings_booked', c.booked
        ) order by c.name collate "C" nulls last, c.sms_campaign_id collate "C" nulls last
      ), '[]'
    )
    from (
      select
        g.*,
        (
          select s.name::pg_catalog.text
          from public."SmsCampaign" as s
          where s.id::pg_catalog.text = g.sms_campaign_id
            -- null for a campaign of nobody's, and where the host has no such column
            and coalesce((pg_catalog.to_jsonb(s) ->> 'clientId') = asked.client_id::pg_catalog.text, true)
        ) as name
      from (
        select
          l.sms_campaign_id,
          pg_catalog.count(l.created_on) as created,
          pg_catalog.count(r.lead_id) as responses,
          pg_catalog.count(r.lead_id) filter (where inboxdb.is_positive(l.sentiment_tag)) as positive,
          pg_catalog.count(l.booked_on) as booked
        from inboxdb.window_leads(asked) as l
        left join (
          select distinct m.lead_id from inboxdb.window_messages(asked) as m
          where m.direction = 'inbound' and m.sent_on is not null
        ) as r on l.lead_id = r.lead_id
        group by l.sms_campaign_id
      ) as g
      where g.created + g.responses + g.booked > 0
    ) as c
  );
end
$$;

create or replace function inboxdb.sms_campaigns(asked inboxdb.analytics_window) returns jsonb
language plpgsql stable
set search_path = ''
set row_security = off
as $$
-- Purpose: a window by SMS campaign. Campaigns of other workspaces have no name here.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects by name, of campaigns with any figure, and of leads without: see docs/contracts.md.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_figures; "SmsCampaign".
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
          f.word as sms_campaign_id,
          coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'campaign_created'), 0) as created,
          coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'campaign_responded'), 0) as responses,
          coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'campaign_positive'), 0) as positive,
          coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'campaign_booked'), 0) as booked
        from inboxdb.window_figures(
          asked, '{campaign_created, campaign_responded, campaign_positive, campaign_booked}', false
        ) as f
        group by f.word
      ) as g
      where g.created + g.responses + g.booked > 0
    ) as c
  );
end
$$;

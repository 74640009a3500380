create or replace function inboxdb.live_reactivations(asked inboxdb.analytics_window) returns jsonb
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the reactivations sent in a window by campaign, from the host's tables.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects by name, of campaigns of the workspace that sent any: see docs/contracts.md.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads; "ReactivationEnrollment", "ReactivationCampaign", "Message".
-- INVOKER: called by read_analytics_reactivations only.
begin
  return (
    select coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'reactivation_campaign_id', c.id, 'name', c.name, 'sent', c.sent, 'responded', c.responded,
          'booked', c.booked
        ) order by c.name collate "C", c.id collate "C"
      ), '[]'
    )
    from (
      select
        r.id::pg_catalog.text as id,
        r.name::pg_catalog.text as name,
        pg_catalog.count(*) as sent,
        pg_catalog.count(*) filter (where exists (
          select
          from public."Message" as m
          where m."leadId" = l.lead_id
            and m.direction::pg_catalog.text = 'inbound'
            and pg_catalog.isfinite(m."sentAt")
            and inboxdb.utc(m."sentAt") > inboxdb.utc(e."sentAt")
        )) as responded,
        pg_catalog.count(*) filter (where l.booked_at > inboxdb.utc(e."sentAt")) as booked
      from public."ReactivationCampaign" as r
      inner join public."ReactivationEnrollment" as e on r.id = e."campaignId"
      inner join inboxdb.window_leads(asked) as l on e."leadId" = l.lead_id
      where r."clientId" = asked.client_id and inboxdb.day_in(asked, inboxdb.utc(e."sentAt")) is not null
      group by r.id, r.name
    ) as c
  );
end
$$;

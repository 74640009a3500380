create or replace function inboxdb.live_email_campaigns(asked inboxdb.analytics_window) returns jsonb
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: a window by e-mail campaign, from the host's tables.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects by name, of campaigns of the workspace with any figure: see docs/contracts.md.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads and window_messages; "Lead", "EmailCampaign".
-- INVOKER: called by read_analytics_email_campaigns only.
begin
  return (
    select coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'email_campaign_id', c.id, 'name', c.name, 'positive_responses', c.positive,
          'meetings_requested', c.requested, 'meetings_booked', c.booked, 'meetings_kept', c.kept
        ) order by c.name collate "C", c.id collate "C"
      ), '[]'
    )
    from (
      select
        e.id::pg_catalog.text as id,
        e.name::pg_catalog.text as name,
        pg_catalog.count(r.lead_id) filter (where inboxdb.is_positive(l.sentiment_tag)) as positive,
        pg_catalog.count(r.lead_id) filter (where l.sentiment_tag in ('Meeting Requested', 'Call Requested'))
          as requested,
        pg_catalog.count(l.booked_on) as booked,
        pg_catalog.count(l.booked_on) filter (where l.is_kept) as kept
      from inboxdb.window_leads(asked) as l
      inner join public."Lead" as h on l.lead_id = h.id
      inner join public."EmailCampaign" as e on h."emailCampaignId" = e.id and e."clientId" = asked.client_id
      left join (
        select distinct m.lead_id from inboxdb.window_messages(asked, 0, 'inbound') as m
        where m.sent_on is not null
      ) as r on l.lead_id = r.lead_id
      group by e.id, e.name
    ) as c
    where c.positive + c.requested + c.booked > 0
  );
end
$$;

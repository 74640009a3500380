create or replace function inboxdb.window_leads(asked inboxdb.analytics_window)
returns table (
  lead_id inboxdb.lead_id, status text, sentiment_tag text, sms_campaign_id text, created_on date,
  booked_at timestamptz, booked_on date, is_kept boolean
)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the leads that a caller of analytics sees. Meetings are defined here alone.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: a row of each lead, snoozed or not. created_on, booked_on: null outside the window; booked_at: null unless
--   finite; is_kept: whether the meeting, if any, was not canceled.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Lead": of the workspace, or of a setter there.
-- INVOKER: called by our DEFINER functions only.
begin
  return query
  select
    l.id::inboxdb.lead_id,
    l.status::pg_catalog.text,
    l."sentimentTag"::pg_catalog.text,
    l."smsCampaignId"::pg_catalog.text,
    inboxdb.day_in(asked, inboxdb.utc(l."createdAt")),
    case when pg_catalog.isfinite(l."appointmentBookedAt") then inboxdb.utc(l."appointmentBookedAt") end,
    inboxdb.day_in(asked, inboxdb.utc(l."appointmentBookedAt")),
    l."appointmentStatus"::pg_catalog.text is distinct from 'canceled' and l."appointmentCanceledAt" is null
  from public."Lead" as l
  where l."clientId" = asked.client_id
    and (asked.scope = inboxdb.sentinel() or l."assignedToUserId" = asked.scope);
end
$$;

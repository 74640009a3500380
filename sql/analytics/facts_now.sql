create or replace function inboxdb.facts_now(
  target_number integer, target_client_id inboxdb.client_id, lead_ids inboxdb.lead_id[],
  remembered inboxdb.lead_fact[]
)
returns setof inboxdb.lead_fact
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
-- a policy hiding a lead or a message would take it for gone: raise instead (D37)
set row_security = off
-- by key, however many leads there are (D8, D9)
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: what is to be remembered of leads, from the host's tables as they are now.
-- Parameters: target_number and target_client_id, the workspace; lead_ids; remembered, of each lead the fact whose
--   messages are still right, null where messages are to be read: a tag's change reads no messages.
-- Returns: a fact of each lead that the workspace has.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Lead", "Message".
-- INVOKER: called by compare_facts only.
declare
  -- a reply of the first day that is kept answers a message of 7 days before
  kept_since constant pg_catalog.timestamptz := inboxdb.kept_from()::pg_catalog.timestamp at time zone 'UTC'
    - interval '9 days';
begin
  return query
  select
    l.created_at, l.booked_at, l.status_key, l.tag_key, l.campaign_key, l.user_key, target_number, l.is_kept,
    inboxdb.id_key(u.lead_id), coalesce(r.sent_at, m.sent_at, '{}'), coalesce(r.info, m.info, '{}'),
    coalesce(r.senders, m.senders, '{}')
  from rows from (pg_catalog.unnest(lead_ids), pg_catalog.unnest(remembered)) as u (
    lead_id, created_at, booked_at, status_key, tag_key, campaign_key, user_key, workspace, is_kept, lead_key, sent_at,
    info, senders
  )
  cross join lateral (
    select
      case when inboxdb.utc(h."createdAt") >= kept_since then inboxdb.utc(h."createdAt") else 'infinity' end
        as created_at,
      case when inboxdb.utc(h."appointmentBookedAt") >= kept_since then inboxdb.utc(h."appointmentBookedAt")
        else 'infinity' end as booked_at,
      h."appointmentStatus"::pg_catalog.text is distinct from 'canceled' and h."appointmentCanceledAt" is null
        as is_kept,
      inboxdb.word_key(h.status::pg_catalog.text) as status_key,
      inboxdb.word_key(h."sentimentTag"::pg_catalog.text) as tag_key,
      inboxdb.word_key(h."smsCampaignId"::pg_catalog.text) as campaign_key,
      inboxdb.word_key(
        nullif(h."assignedToUserId"::pg_catalog.text, inboxdb.sentinel()::pg_catalog.text)
      ) as user_key
    from public."Lead" as h
    where h.id = u.lead_id and h."clientId" = target_client_id
    offset 0
  ) as l
  left join lateral (select u.sent_at, u.info, u.senders where u.sent_at is not null) as r on true
  left join lateral (
    select
      pg_catalog.array_agg(s.sent_at) as sent_at,
      pg_catalog.array_agg(s.info) as info,
      pg_catalog.array_agg(s.sender_key) filter (where s.info & 12 = 0) as senders
    from (
      select
        inboxdb.utc(g."sentAt") as sent_at,
        pg_catalog.hashtext(g.channel::pg_catalog.text collate "C") & -16
        | case g.direction::pg_catalog.text when 'inbound' then 1 when 'outbound' then 2 else 0 end
        | 4 * inboxdb.sender_number(
          g.source::pg_catalog.text, g."sentBy"::pg_catalog.text, g."sentByUserId"::pg_catalog.text
        ) as info,
        inboxdb.word_key(g."sentByUserId"::pg_catalog.text) as sender_key
      from public."Message" as g
      where u.sent_at is null
        and g."leadId" = u.lead_id
        and pg_catalog.isfinite(g."sentAt")
        and inboxdb.utc(g."sentAt") >= kept_since
      order by g."sentAt", g.id::pg_catalog.text collate "C"
    ) as s
  ) as m on true;
end
$$;

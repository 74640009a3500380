create or replace function inboxdb.read_crm_rows(
  target_client_id inboxdb.client_id, campaign text, category text, status text, mode text, from_day date, to_day date,
  after text, page_size integer
)
returns inboxdb.crm_rows_answer
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable security definer
set search_path = ''
-- require_access reads memberships: a policy hiding some would narrow what the caller sees, so raise instead (D37)
set row_security = off
set timezone = 'UTC'
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: a page of the CRM rows of a workspace's leads, for a user with access.
-- Parameters: as of inbox_api.crm_rows.
-- Returns: see there.
-- Errors: those of require_access, before anything else is read; IB016 for a cursor of another list; IB020 where the
--   host lacks columns; IB021 for a refused argument; 42501 where row-level security would filter what the owner of
--   this function sees.
-- Reads: "Lead", "LeadCrmRow", cache_version.
-- DEFINER: members may not read leads.
declare
  scope constant inboxdb.user_id := inboxdb.require_access(target_client_id, 'analytics_read');
  asked inboxdb.analytics_window;
  list pg_catalog.text;
  after_place pg_catalog.record;
  last_at pg_catalog.timestamptz;
  last_id pg_catalog.text;
  answer inboxdb.crm_rows_answer;
begin
  perform inboxdb.require_analytics('CRM');
  if mode not in ('AI', 'HUMAN', 'UNKNOWN') then
    perform inboxdb.refuse_argument('mode', 'AI, HUMAN, UNKNOWN, or null for all');
  end if;
  if page_size is null or page_size not between 1 and 200 then
    perform inboxdb.refuse_argument('page_size', 'from 1 to 200');
  end if;
  if from_day is not null or to_day is not null then
    asked := inboxdb.make_window(target_client_id, scope, from_day, to_day);
  end if;
  list := pg_catalog.jsonb_build_array(
    'crm_rows', target_client_id, scope, campaign, category, status, mode, from_day, to_day, asked.time_zone
  )::pg_catalog.text;
  after_place := inboxdb.read_cursor(list, after);

  with page as (
    select
      r.id,
      l.id as lead_id,
      inboxdb.utc(r."interestRegisteredAt") as sort_at,
      pg_catalog.row_number() over in_order as place
    from public."Lead" as l
    inner join public."LeadCrmRow" as r on l.id = r."leadId"
    where l."clientId" = target_client_id
      and (scope = inboxdb.sentinel() or l."assignedToUserId" = scope)
      -- qualified, because the host may have columns of these names
      and (
        read_crm_rows.campaign is null
        or coalesce(r."interestCampaignName"::pg_catalog.text = read_crm_rows.campaign, false)
      )
      and (
        read_crm_rows.category is null
        or coalesce(
          coalesce(r."leadCategoryOverride"::pg_catalog.text, r."interestType"::pg_catalog.text)
          = read_crm_rows.category, false
        )
      )
      and (
        read_crm_rows.status is null or coalesce(r."pipelineStatus"::pg_catalog.text = read_crm_rows.status, false)
      )
      and (read_crm_rows.mode is null or coalesce(r."responseMode"::pg_catalog.text = read_crm_rows.mode, false))
      and (from_day is null or inboxdb.day_in(asked, inboxdb.utc(r."interestRegisteredAt")) is not null)
      -- behind the cursor: instants descend, rows without come last
      and (
        after_place.id is null
        or case
          when r."interestRegisteredAt" is null
            then after_place.sort_at is not null or r.id::pg_catalog.text collate "C" < after_place.id
          when after_place.sort_at is null then false
          else inboxdb.utc(r."interestRegisteredAt") < after_place.sort_at
            or (
              inboxdb.utc(r."interestRegisteredAt") = after_place.sort_at
              and r.id::pg_catalog.text collate "C" < after_place.id
            )
        end
      )
    window in_order as (order by r."interestRegisteredAt" desc nulls last, r.id::pg_catalog.text collate "C" desc)
    order by r."interestRegisteredAt" desc nulls last, r.id::pg_catalog.text collate "C" desc
    limit page_size + 1
  )

  select
    coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'crm_row_id', r.id::pg_catalog.text,
          'lead_id', l.id::pg_catalog.text,
          'name', nullif(
            pg_catalog.concat_ws(
              ' ', nullif(h.columns ->> 'firstName', ''), nullif(h.columns ->> 'lastName', '')
            ), ''
          ),
          'email', h.columns -> 'email',
          'phone', h.columns -> 'phone',
          'company_name', h.columns -> 'companyName',
          'lead_status', l.status,
          'sentiment_tag', l."sentimentTag",
          'interest_registered_at', p.sort_at,
          'interest_type', r."interestType",
          'interest_campaign_name', r."interestCampaignName",
          'response_mode', r."responseMode",
          'response_sent_by_user_id', r."responseSentByUserId"::pg_catalog.text,
          'lead_category_override', r."leadCategoryOverride",
          'category', coalesce(r."leadCategoryOverride"::pg_catalog.text, r."interestType"::pg_catalog.text),
          'pipeline_status', r."pipelineStatus",
          'meeting_booked_at', inboxdb.utc(l."appointmentBookedAt"),
          'meeting_status', l."appointmentStatus",
          'meeting_canceled_at', inboxdb.utc(l."appointmentCanceledAt"),
          'created_at', inboxdb.utc(r."createdAt")
        ) order by p.place
      ) filter (where p.place <= page_size), '[]'
    ),
    coalesce(pg_catalog.max(p.place) > page_size, false),
    pg_catalog.max(p.sort_at) filter (where p.place = page_size),
    pg_catalog.max(p.id::pg_catalog.text) filter (where p.place = page_size)
  into answer.crm_rows, answer.has_more, last_at, last_id
  from page as p
  inner join public."LeadCrmRow" as r on p.id = r.id
  inner join public."Lead" as l on p.lead_id = l.id
  -- of columns only shown, null where the host has none
  cross join lateral (select pg_catalog.to_jsonb(l) as columns) as h;
  if answer.has_more then
    answer.cursor := inboxdb.make_cursor(list, last_at, last_id);
  end if;
  answer.version := (select v.version from inboxdb.newest_version(target_client_id, 'analytics') as v);
  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(pg_catalog.jsonb_build_array(list, after, page_size, answer.crm_rows, answer.cursor));
  end if;
  return answer;
end
$$;

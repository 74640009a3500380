create or replace function inboxdb.walk_leads(
  target_client_id inboxdb.client_id, filter_name text, sort_name text, whose text, user_id inboxdb.user_id,
  asked inboxdb.list_condition, candidates inboxdb.lead_id[], after_at timestamptz, after_id inboxdb.lead_id,
  page_size integer, most integer
)
returns inboxdb.list_page
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
-- Planned for these parameters: of the conditions in brackets only the ones asked for are left.
set plan_cache_mode = force_custom_plan
-- The order of an index, whatever sorting seems to cost: the planner expects a filter's conditions to be independent.
-- The list by update has the host's index, and its leads of one instant sorted by id: the only incremental sort.
set enable_sort = off
set enable_bitmapscan = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set max_parallel_workers_per_gather = 0
set jit = off
-- no hash of all tenants' messages or drafts for a condition on a lead
set work_mem = '64kB'
-- Candidates by the leads' key: by the usual costs an index was read past all leads of a workspace, a million for 6,500
-- candidates, and 80,000 for 1,000.
set random_page_cost = 0
set cpu_index_tuple_cost = 1
as $$
-- Purpose: walk through leads in the order of a list, until a page is full or enough leads were looked at.
-- Parameters: target_client_id; filter_name, of list_filter; sort_name, activity or updated; whose and user_id: of all,
--   nobody, scope or user (see find_page), looked (at each lead); asked, of each lead; candidates, null for all
--   leads; after_at, after_id, the cursor; page_size; most, how many leads to look at.
-- Returns: the page. has_more: not known to be the end.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: listed_lead, "Message"; is_found reads what is searched.
-- INVOKER: called by find_page only.
declare
  page inboxdb.list_page;
  found pg_catalog.record;
begin
  page.lead_ids := '{}';
  page.has_more := false;
  page.scanned := 0;
  for found in
    select
      l.lead_id,
      case sort_name when 'updated' then inboxdb.utc(l.updated) else inboxdb.utc(l.activity) end as sort_at,
      (filter_name <> 'ai_sent' or l.ai_sent)
      and (filter_name <> 'ai_review' or l.ai_review)
      and (sort_name <> 'updated' or l.snoozed <= inboxdb.host_time(asked.as_of, l.snoozed))
      and (whose <> 'nobody' or l.scope_user_id is null)
      and (whose <> 'looked' or coalesce(l.scope_user_id = user_id, false))
      and (
        asked.channels is null or exists (
          select
          from public."Message" as m
          where m."leadId" = l.lead_id and m.channel = any (asked.channels)
          -- a plan for each lead, and no hash of all tenants' messages
          offset 0
        )
      )
      and case
        when asked.sentiment_tags is null then true
        when l.sentiment_tag is null then pg_catalog.array_position(asked.sentiment_tags, null) is not null
        else l.sentiment_tag = any (pg_catalog.array_remove(asked.sentiment_tags, null))
      end
      and (asked.sms_campaign_id is null or coalesce(l.sms_campaign_id::pg_catalog.text = asked.sms_campaign_id, false))
      and (not asked.sms_campaign_unattributed or l.sms_campaign_id is null)
      and case asked.score
        when 'all' then true
        when 'unscored' then l.overall_score is null
        when '4' then coalesce(l.overall_score = 4, false)
        when '3+' then coalesce(l.overall_score >= 3, false)
        when '2+' then coalesce(l.overall_score >= 2, false)
        when '1+' then coalesce(l.overall_score >= 1, false)
        when 'disqualified' then coalesce(
            l.sentiment_tag in (
              'Blacklist', 'Opt Out', 'Opted Out', 'Unsubscribe', 'Unsubscribed', 'Bounced', 'Bounce'
            ), false
          )
      end
      and case
        when asked.terms is null and asked.address is null then true
        else inboxdb.is_found(l.lead_id, asked.terms, asked.address)
      end as is_match
    from inboxdb.listed_lead as l
    where l.client_id = target_client_id
      and l.is_listed
      -- no key of the host's index by update
      and (sort_name = 'updated' or l.snoozed <= inboxdb.host_time(asked.as_of, l.snoozed))
      -- all_responses, as the indexes have it
      and (filter_name <> 'responses' or coalesce(l.is_open, false))
      and (filter_name <> 'attention' or l.is_open)
      and (filter_name <> 'previous_attention' or l.is_open is false)
      and (filter_name <> 'responses' or l.all_responses)
      and (filter_name <> 'attention' or l.requires_attention)
      and (filter_name <> 'previous_attention' or l.previously_required_attention)
      and (filter_name <> 'needs_repair' or l.needs_repair)
      and (whose <> 'scope' or l.scope_user_id = user_id)
      and (whose <> 'user' or l.assigned_to = user_id)
      and (candidates is null or l.lead_id = any (candidates))
      and (
        after_id is null
        or (sort_name <> 'updated' and (l.activity, l.lead_id) < (inboxdb.host_time(after_at, l.activity), after_id))
        or (sort_name = 'updated' and (l.updated, l.lead_id) < (inboxdb.host_time(after_at, l.updated), after_id))
      )
    order by
      -- no order of an index for candidates: each by its key, instead of a walk past all leads
      case
        when sort_name <> 'updated' then null
        when candidates is not null then l.updated + interval '0'
        else l.updated
      end desc,
      case
        when sort_name = 'updated' then null
        when candidates is not null then l.activity + interval '0'
        else l.activity
      end desc,
      l.lead_id desc
    limit most
  loop
    page.has_more := pg_catalog.cardinality(page.lead_ids) = page_size;
    exit when page.has_more;
    page.scanned := page.scanned + 1;
    page.last_at := found.sort_at;
    page.last_id := found.lead_id;
    if found.is_match then
      page.lead_ids := page.lead_ids || found.lead_id;
    end if;
  end loop;
  page.has_more := page.has_more or page.scanned = most;
  return page;
end
$$;

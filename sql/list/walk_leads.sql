create or replace function inboxdb.walk_leads(
  statement text, page_size integer, most integer,
  target_client_id inboxdb.client_id, as_of timestamptz, user_id inboxdb.user_id,
  after_at timestamptz, after_id inboxdb.lead_id, channels text[], sentiment_tags text[], sms_campaign_id text
)
returns inboxdb.list_page
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
-- The order of an index, whatever sorting seems to cost: the planner expects a filter's conditions to be independent.
set enable_sort = off
set enable_incremental_sort = off
set enable_bitmapscan = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set max_parallel_workers_per_gather = 0
set jit = off
-- no hash of all tenants' messages or drafts for a condition on a lead
set work_mem = '64kB'
as $$
-- Purpose: walk through leads in the order of a list, until a page is full or enough leads were looked at.
-- Parameters: statement, of list_statement; page_size; most, as in the statement; then what the statement asks for.
-- Returns: the page. has_more: not known to be the end.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: listed_lead.
-- INVOKER: called by find_page only.
declare
  page inboxdb.list_page;
  found pg_catalog.record;
begin
  page.lead_ids := '{}';
  page.has_more := false;
  page.scanned := 0;
  for found in
    execute statement
    using target_client_id, as_of, user_id, after_at, after_id, channels, sentiment_tags, sms_campaign_id
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

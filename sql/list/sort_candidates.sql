create or replace function inboxdb.sort_candidates(
  candidates inboxdb.lead_id[], term text, user_condition text, condition text, page_size integer,
  target_client_id inboxdb.client_id, as_of timestamptz, user_id inboxdb.user_id,
  after_at timestamptz, after_id inboxdb.lead_id, channels text[], sentiment_tags text[], sms_campaign_id text
)
returns inboxdb.list_page
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Purpose: of leads that may belong to a list, verify each by the host's tables, and take a page.
-- Parameters: candidates; term, user_condition and condition, as of list_statement; page_size; then what these ask for.
-- Returns: the page.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: listed_lead.
-- INVOKER: called by find_page only.
declare
  page inboxdb.list_page;
begin
  execute pg_catalog.format(
    'select coalesce(pg_catalog.array_agg(f.lead_id order by f.place), ''{}'') from ('
    ' select l.lead_id, l.activity_at,'
    ' pg_catalog.row_number() over (order by l.activity_at desc, l.lead_id desc) as place'
    -- "offset 0": each by its key
    ' from pg_catalog.unnest($9) as c (lead_id) cross join lateral ('
    ' select * from inboxdb.listed_lead as l where l.lead_id = c.lead_id offset 0) as l'
    ' where l.client_id = $1 and coalesce(l.snoozed_until, ''-infinity'') <= $2 and %s and %s and %s'
    ' and ($5 is null or (l.activity_at, l.lead_id) < ($4, $5)) order by place limit %s) as f',
    term, user_condition, condition, page_size + 1
  )
  into page.lead_ids
  using
    target_client_id, as_of, user_id, after_at, after_id, channels, sentiment_tags, sms_campaign_id, candidates;
  page.scanned := pg_catalog.cardinality(candidates);
  page.has_more := pg_catalog.cardinality(page.lead_ids) > page_size;
  page.lead_ids := page.lead_ids[1:page_size];
  page.last_id := page.lead_ids[pg_catalog.cardinality(page.lead_ids)];
  select l.activity_at into page.last_at from inboxdb.listed_lead as l where l.lead_id = page.last_id;
  return page;
end
$$;

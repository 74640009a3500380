create or replace function inboxdb.find_page(
  target_client_id inboxdb.client_id, filter_name text, sort_name text, user_id inboxdb.user_id, is_nobodys boolean,
  asked inboxdb.list_condition, is_looked_at boolean, after_at timestamptz, after_id inboxdb.lead_id, page_size integer
)
returns inboxdb.list_page
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
as $$
-- Purpose: choose how to find a page: along an index of the list's leads alone; along an index, looking at each lead;
--   or, for counts by drafts or messages and for a user's leads by update, among candidates. A search looks at the
--   newest leads first, and among candidates where these do not fill the page, because rare terms are cheap to look up.
-- Parameters: target_client_id; filter_name, of list_filter; sort_name, activity or updated; user_id, whose leads, null
--   for all; is_nobodys, whether leads of nobody are wanted; asked, of each lead; is_looked_at, whether anything is
--   asked besides; after_at, after_id, the cursor; page_size.
-- Returns: the page.
-- Errors: IB020 where the index of the page is not there; 42501 where row-level security would filter what the owner of
--   this function sees.
-- Reads: list_filter; list_candidates, leads_of, search_candidates and walk_leads read the rest.
-- INVOKER: called by read_conversations only.
declare
  -- how many leads a call looks at
  most constant integer := 2000;
  -- of a search: a term that more leads have is walked, and fills a page in some calls
  most_found constant integer := 10000;
  count_bit integer;
  index_name pg_catalog.text;
  candidates inboxdb.lead_id[];
  whose pg_catalog.text;
  page inboxdb.list_page;
  scanned integer;
begin
  select f.bit, f.index_name into count_bit, index_name from inboxdb.list_filter as f where f.name = filter_name;
  if user_id is not null and (sort_name = 'updated' or index_name = 'public.inboxdb_list_all') then
    perform inboxdb.require_index('public.inboxdb_list_all_by_user');
  -- all leads by update have an index of the host's own
  elsif sort_name <> 'updated' then
    perform inboxdb.require_index(index_name);
  end if;
  if count_bit is not null then
    perform inboxdb.require_index(pg_catalog.format('inboxdb.counted_lead_%s_idx', filter_name));
    candidates := inboxdb.list_candidates(target_client_id, count_bit, most);
  elsif sort_name = 'updated' and user_id is not null then
    candidates := inboxdb.leads_of(target_client_id, user_id, most);
  end if;
  whose := case
    when is_nobodys then 'nobody'
    when user_id is null then 'all'
    when sort_name = 'updated' and candidates is null then 'looked'
    -- the index of all leads of a user, or of a filter's leads: see list_indexes
    when filter_name = 'all' or count_bit is not null then 'scope'
    else 'user'
  end;
  if candidates is null and asked.address is not null then
    candidates := inboxdb.search_candidates(target_client_id, asked.terms, asked.address, most);
  end if;
  page := inboxdb.walk_leads(
    target_client_id, filter_name, sort_name, whose, user_id, asked, candidates, after_at, after_id, page_size,
    case
      when is_looked_at or count_bit is not null or whose in ('nobody', 'looked') or sort_name = 'updated' then most
      else page_size + 1
    end
  );
  if whose = 'looked' then
    -- not how many leads others have
    page.scanned := pg_catalog.cardinality(page.lead_ids);
  end if;
  if candidates is not null or asked.terms is null or not page.has_more
    or pg_catalog.cardinality(page.lead_ids) = page_size
  then
    return page;
  end if;
  candidates := inboxdb.search_candidates(target_client_id, asked.terms, asked.address, most_found);
  if candidates is null then
    return page;
  end if;
  -- with what was found by looking: a text not yet folded, or a part of a word where no index knows parts
  candidates := candidates || page.lead_ids;
  scanned := page.scanned;
  page := inboxdb.walk_leads(
    target_client_id, filter_name, sort_name, whose, user_id, asked, candidates, after_at, after_id, page_size,
    pg_catalog.cardinality(candidates) + 1
  );
  page.scanned := page.scanned + scanned;
  return page;
end
$$;

create or replace function inboxdb.search_candidates(
  target_client_id inboxdb.client_id, terms text[], address text, most integer
) returns inboxdb.lead_id[]
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
-- planned for these parameters: patterns are constants to the index of trigrams
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set max_parallel_workers_per_gather = 0
set jit = off
as $$
-- Purpose: the leads that a search may find, by the indexes of lead_text, and those whose text has changed since.
-- Parameters: target_client_id; terms and address, as of is_found; most, how many may be returned.
-- Returns: their ids, in no order; null where there are more, or where lead_text or its index cannot be trusted: then
--   leads have to be walked.
-- Reads: search_state, lead_text, noted_text, "SmsCampaign", the catalog.
-- INVOKER: called by find_page only.
declare
  -- the three longest terms are looked up, the others judged by is_found alone; a term and its digits as patterns
  longest constant text[] := array(
    select t.term
    from pg_catalog.unnest(terms) as t (term)
    where pg_catalog.length(t.term) >= 3
    order by pg_catalog.length(t.term) desc, t.term
    limit 3
  );
  as_it_is constant text[] := array(
    select inboxdb.like_pattern(t.term, false) from pg_catalog.unnest(longest) with ordinality as t (term, place)
    order by t.place
  );
  as_digits constant text[] := array(
    select coalesce(inboxdb.like_pattern(inboxdb.digits_asked(t.term), true), inboxdb.like_pattern(t.term, false))
    from pg_catalog.unnest(longest) with ordinality as t (term, place)
    order by t.place
  );
  -- of the campaigns that have the first, second and third of them in their names
  first_campaigns constant bigint[] := inboxdb.campaigns_named(longest[1]);
  second_campaigns constant bigint[] := inboxdb.campaigns_named(longest[2]);
  third_campaigns constant bigint[] := inboxdb.campaigns_named(longest[3]);
  candidates inboxdb.lead_id[];
begin
  if (select n.filled_at from inboxdb.search_state_now as n) is null then
    return null;
  elsif address is not null then
    select pg_catalog.array_agg(inboxdb.key_id(k.lead_key)::inboxdb.lead_id) into candidates
    from (
      select t.lead_key
      from inboxdb.lead_text as t
      where t.client_id = target_client_id and t.exact && array[inboxdb.exact_hash('address', address)]
      limit most + 1
    ) as k;
  elsif inboxdb.search_by() = 'trigrams' then
    select pg_catalog.array_agg(inboxdb.key_id(k.lead_key)::inboxdb.lead_id) into candidates
    from (
      select t.lead_key
      from inboxdb.lead_text as t
      where t.client_id = target_client_id
        and (t.words like as_it_is[1] or t.words like as_digits[1] or t.exact && first_campaigns)
        and (
          as_it_is[2] is null
          or t.words like as_it_is[2] or t.words like as_digits[2] or t.exact && second_campaigns
        )
        and (
          as_it_is[3] is null
          or t.words like as_it_is[3] or t.words like as_digits[3] or t.exact && third_campaigns
        )
      limit most + 1
    ) as k;
  elsif inboxdb.search_by() = 'prefixes' then
    select pg_catalog.array_agg(inboxdb.key_id(k.lead_key)::inboxdb.lead_id) into candidates
    from (
      select f.lead_key
      from inboxdb.lead_text as f
      where f.client_id = target_client_id
        and pg_catalog.left(pg_catalog.split_part(f.words, e'\n', 1), 64)
        like pg_catalog.substr(inboxdb.like_pattern(pg_catalog.left(longest[1], 64), false), 2)
      union
      select l.lead_key
      from inboxdb.lead_text as l
      where l.client_id = target_client_id
        and pg_catalog.left(pg_catalog.split_part(l.words, e'\n', 2), 64)
        like pg_catalog.substr(inboxdb.like_pattern(pg_catalog.left(longest[1], 64), false), 2)
      union
      select e.lead_key
      from inboxdb.lead_text as e
      where e.client_id = target_client_id
        and e.exact
        && (first_campaigns || coalesce(inboxdb.exact_hash('phone', inboxdb.digits_asked(longest[1])), 0))
      limit most + 1
    ) as k;
  else
    return null;
  end if;

  -- not yet folded: at most so many of all workspaces, the newest
  select pg_catalog.array_agg(c.lead_id) into candidates
  from (
    select pg_catalog.unnest(candidates) as lead_id
    union
    select n.lead_id
    from (select w.client_id, w.lead_id from inboxdb.noted_text as w order by w.xid desc limit 2000) as n
    where n.client_id = target_client_id and n.lead_id is not null
  ) as c;
  return case when pg_catalog.cardinality(candidates) > most then null else coalesce(candidates, '{}') end;
end
$$;

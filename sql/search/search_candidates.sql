create or replace function inboxdb.search_candidates(
  target_client_id inboxdb.client_id, terms text[], address text, most integer
) returns inboxdb.lead_id[]
-- STABLE matters: everything is read in the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
-- planned for these parameters: of the conditions in brackets only those of terms that are there are left
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set max_parallel_workers_per_gather = 0
set jit = off
as $$
-- Purpose: the leads that a search may find, by the indexes of lead_text, and those whose text has changed since.
-- Parameters: target_client_id; terms and address, as of is_found; most, how many an index may return.
-- Returns: their ids, in no order; null where there are more, where no term can be looked up, or where lead_text or its
--   index cannot be trusted: then leads have to be walked.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: search_state, lead_text, noted_texts, "SmsCampaign", the catalog.
-- INVOKER: called by find_page only.
declare
  -- what pg_trgm has trigrams of, by the database's ctype: a pattern without one would read the whole workspace
  three_letters constant pg_catalog.text := (
    select case when d.datctype in ('C', 'POSIX') then '[A-Z0-9]{3}' else '[[:alnum:]]{3}' end
    from pg_catalog.pg_database as d
    where d.datname = pg_catalog.current_database()
  );
  -- the three longest are looked up, the others judged by is_found alone
  longest constant pg_catalog.text[] := array(
    select t.term
    from pg_catalog.unnest(terms) as t (term)
    where t.term collate "default" ~ three_letters
    order by pg_catalog.length(t.term) desc, t.term collate "C"
    limit 3
  );
  -- as patterns; of digits behind the tab, null for a term that is none, and for digits alone, because as_words finds
  -- them behind the tab, too, and a pattern more is a scan of the index more
  as_words constant pg_catalog.text[] := array(
    select '%' || inboxdb.like_pattern(t.term) || '%'
    from pg_catalog.unnest(longest) with ordinality as t (term, place)
    order by t.place
  );
  as_digits constant pg_catalog.text[] := array(
    select e'%\t%' || nullif(inboxdb.digits_asked(t.term), t.term) || '%'
    from pg_catalog.unnest(longest) with ordinality as t (term, place)
    order by t.place
  );
  beginning constant pg_catalog.text := inboxdb.like_pattern(pg_catalog.left(longest[1], 64)) || '%';
  -- the campaigns that have the first, second and third of them in their names: hashes, null for none
  first_campaigns bigint[];
  second_campaigns bigint[];
  third_campaigns bigint[];
  candidates inboxdb.lead_id[];
  built constant pg_catalog.text[] := array(
    select c.relname
    from pg_catalog.pg_index as i
    inner join pg_catalog.pg_class as c on i.indexrelid = c.oid
    where i.indrelid = pg_catalog.to_regclass('inboxdb.lead_text') and i.indisvalid
  );
begin
  if (select n.filled_at from inboxdb.search_state_now as n) is null
    or 'lead_text_exact' <> all (built)
    or (address is null and pg_catalog.cardinality(longest) = 0)
  then
    return null;
  elsif address is null then
    -- by the names of now, so that a renamed campaign changes no lead's text
    select
      pg_catalog.array_agg(c.hash) filter (where pg_catalog.strpos(c.name, longest[1]) > 0),
      pg_catalog.array_agg(c.hash) filter (where pg_catalog.strpos(c.name, longest[2]) > 0),
      pg_catalog.array_agg(c.hash) filter (where pg_catalog.strpos(c.name, longest[3]) > 0)
    into first_campaigns, second_campaigns, third_campaigns
    from (
      select
        inboxdb.exact_hash('campaign', s.id::pg_catalog.text) as hash,
        inboxdb.folded(s.name collate "default") as name
      from public."SmsCampaign" as s
      offset 0
    ) as c;
    if greatest(
      pg_catalog.cardinality(first_campaigns), pg_catalog.cardinality(second_campaigns),
      pg_catalog.cardinality(third_campaigns)
    ) > 1000 then
      return null;
    end if;
  end if;

  if address is not null then
    candidates := array(
      select inboxdb.key_id(t.lead_key)::inboxdb.lead_id
      from inboxdb.lead_text as t
      where t.client_id = target_client_id and t.exact && array[inboxdb.exact_hash('address', address)]
      limit most + 1
    );
  elsif 'lead_text_trigrams' = any (built) then
    candidates := array(
      select inboxdb.key_id(t.lead_key)::inboxdb.lead_id
      from inboxdb.lead_text as t
      where t.client_id = target_client_id
        and (t.words like as_words[1] or t.words like as_digits[1] or t.exact && first_campaigns)
        and (
          as_words[2] is null
          or t.words like as_words[2] or t.words like as_digits[2] or t.exact && second_campaigns
        )
        and (
          as_words[3] is null
          or t.words like as_words[3] or t.words like as_digits[3] or t.exact && third_campaigns
        )
      limit most + 1
    );
  elsif array['lead_text_first_name', 'lead_text_last_name'] <@ built then
    -- without trigrams: of the longest term, as the beginning of a name, a whole phone number, or of a campaign
    candidates := array(
      (
        select inboxdb.key_id(t.lead_key)::inboxdb.lead_id
        from inboxdb.lead_text as t
        where t.client_id = target_client_id
          and pg_catalog.left(pg_catalog.split_part(t.words, e'\n', 1), 64) like beginning
        limit most + 1
      )
      union
      (
        select inboxdb.key_id(t.lead_key)::inboxdb.lead_id
        from inboxdb.lead_text as t
        where t.client_id = target_client_id
          and pg_catalog.left(pg_catalog.split_part(t.words, e'\n', 2), 64) like beginning
        limit most + 1
      )
      union
      (
        select inboxdb.key_id(t.lead_key)::inboxdb.lead_id
        from inboxdb.lead_text as t
        where t.client_id = target_client_id
          and t.exact && (first_campaigns || inboxdb.exact_hash('phone', inboxdb.digits_asked(longest[1])))
        limit most + 1
      )
    );
  else
    return null;
  end if;
  if pg_catalog.cardinality(candidates) > most then
    return null;
  end if;

  -- not yet folded: of all workspaces the oldest and the newest
  return candidates || array(
    select distinct n.lead_id
    from inboxdb.noted_texts(2000) as n
    where n.client_id = target_client_id and n.lead_id is not null
  );
end
$$;

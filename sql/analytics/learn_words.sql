create or replace function inboxdb.learn_words(target_number integer, lead_ids inboxdb.lead_id[]) returns void
language plpgsql volatile
set search_path = ''
set row_security = off
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: remember what the keys of leads stand for.
-- Parameters: target_number, of the workspace; lead_ids, of leads with a key not yet known.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: "Lead", "Message". Writes: analytics_word.
-- INVOKER: called by compare_facts only, under the workspace's lock.
begin
  insert into inboxdb.analytics_word (word_key, workspace, word)
  select distinct inboxdb.word_key(w.word), target_number, w.word
  from pg_catalog.unnest(lead_ids) as u (lead_id)
  cross join lateral (
    select v.word
    from public."Lead" as l
    cross join lateral (
      values
      (l.status::pg_catalog.text), (l."sentimentTag"::pg_catalog.text), (l."smsCampaignId"::pg_catalog.text)
    ) as v (word)
    where l.id = u.lead_id
    union all
    select m."sentByUserId"::pg_catalog.text from public."Message" as m where m."leadId" = u.lead_id
  ) as w
  where w.word is not null
  on conflict do nothing;
end
$$;

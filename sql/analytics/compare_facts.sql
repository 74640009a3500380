create or replace function inboxdb.compare_facts(
  target_number integer, target_client_id inboxdb.client_id, time_zone text, lead_ids inboxdb.lead_id[],
  reads_messages boolean[]
)
returns boolean
language plpgsql volatile
set search_path = ''
-- by key, however many leads and dead rows there are (D8, D9); facts before and now are merged, because a nested loop
-- over a thousand of each takes as long as adding them up
set enable_seqscan = off
set enable_hashjoin = off
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Purpose: look at leads, and bring lead_fact and the aggregates up to date with them: aggregates are the sums over
--   lead_fact before and after. Only what differs is written.
-- Parameters: target_number, target_client_id and time_zone, of the workspace; lead_ids, each once; reads_messages, of
--   each, whether its messages may be others. A lead that the workspace no longer has is forgotten. The caller took the
--   workspace's lock in an EARLIER statement (D14).
-- Returns: whether anything differed.
-- Errors: those of facts_now and add_figures.
-- Reads: facts_now. Writes: lead_fact, analytics_workspace; as learn_words and add_figures.
-- INVOKER: called by fold_analytics, walk_analytics and recompute_analytics only.
declare
  gone inboxdb.lead_fact[];
  come inboxdb.lead_fact[];
  unknown_ids inboxdb.lead_id[];
  lost_keys pg_catalog.bytea[];
begin
  -- ONE statement, so one snapshot
  with
  asked as materialized (
    select u.lead_id, inboxdb.id_key(u.lead_id) as lead_key, f.fact, u.reads_messages
    from rows from (pg_catalog.unnest(lead_ids), pg_catalog.unnest(compare_facts.reads_messages))
      as u (lead_id, reads_messages)
    left join lateral (
      select f as fact
      from inboxdb.lead_fact as f
      where f.workspace = target_number and f.lead_key = inboxdb.id_key(u.lead_id)
      offset 0
    ) as f on true
  ),
  arrays as (
    select
      pg_catalog.array_agg(a.lead_id) as lead_ids,
      pg_catalog.array_agg(case when not a.reads_messages then a.fact end) as remembered
    from asked as a
  ),
  now as materialized (
    select n
    from arrays as r
    cross join lateral inboxdb.facts_now(target_number, target_client_id, r.lead_ids, r.remembered) as n
  ),
  differing as (
    select a.lead_id, a.fact, w.n
    from asked as a
    left join now as w on a.lead_key = (w.n).lead_key
    where a.fact is distinct from w.n
  )
  select
    coalesce(pg_catalog.array_agg(d.fact) filter (where (d.fact).lead_key is not null), '{}'),
    coalesce(pg_catalog.array_agg(d.n) filter (where (d.n).lead_key is not null), '{}'),
    pg_catalog.array_agg(d.lead_id) filter (
      where exists (
        select
        from (
          select (d.n).status_key as word_key
          union all
          select (d.n).tag_key
          union all
          select (d.n).campaign_key
          union all
          select pg_catalog.unnest((d.n).senders)
        ) as k
        where k.word_key <> 0
          and (
            select true
            from inboxdb.analytics_word as w
            where w.workspace = target_number and w.word_key = k.word_key
          ) is null
      )
    ),
    pg_catalog.array_agg((d.fact).lead_key) filter (where (d.n).lead_key is null)
  into gone, come, unknown_ids, lost_keys
  from differing as d;
  if pg_catalog.cardinality(gone) + pg_catalog.cardinality(come) = 0 then
    return false;
  end if;

  perform inboxdb.checkpoint('facts compared', target_client_id::pg_catalog.text);
  if unknown_ids is not null then
    perform inboxdb.learn_words(target_number, unknown_ids);
  end if;
  delete from inboxdb.lead_fact as f where f.workspace = target_number and f.lead_key = any (lost_keys);
  insert into inboxdb.lead_fact as f
  select c.* from pg_catalog.unnest(come) as c
  on conflict (workspace, lead_key) do update
  set
    created_at = excluded.created_at, booked_at = excluded.booked_at, status_key = excluded.status_key,
    tag_key = excluded.tag_key, campaign_key = excluded.campaign_key, user_key = excluded.user_key,
    is_kept = excluded.is_kept, sent_at = excluded.sent_at, info = excluded.info, senders = excluded.senders;
  update inboxdb.analytics_workspace as w
  set
    leads = w.leads + pg_catalog.cardinality(come) - pg_catalog.cardinality(gone),
    counted = w.counted + a.counted,
    replies = w.replies + a.replies
  from inboxdb.add_figures(target_number, compare_facts.time_zone, gone, come) as a
  where w.number = target_number;
  return true;
end
$$;

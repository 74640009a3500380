create or replace function inboxdb.lead_counts(facts inboxdb.lead_fact[], time_zone text)
returns table (
  figure inboxdb.figure, scope_key bigint, day date, next_day date, word_key bigint, n integer
)
language plpgsql immutable
set search_path = ''
set jit = off
as $$
-- Purpose: what leads add to analytics_count, defined here alone; the live definitions are its truth.
-- Parameters: facts, of leads; time_zone, of the days.
-- Returns: figures by day, as analytics_count has them by month; several of a key.
-- INVOKER: called by add_figures only.
declare
  positive_keys constant bigint[] := array(
    select inboxdb.word_key(t.tag) from pg_catalog.unnest(inboxdb.positive_tags()) as t (tag)
  );
begin
  return query
  with
  lead as (
    select f.*
    from pg_catalog.unnest(facts) with ordinality as f (
      created_at, booked_at, status_key, tag_key, campaign_key, user_key, workspace, is_kept, lead_key, sent_at, info,
      senders, place
    )
  ),

  active as (
    select
      a.*,
      coalesce(
        pg_catalog.lead(a.day) over (partition by a.place, a.is_inbound order by a.day), 'infinity'::pg_catalog.date
      ) as next_day
    from (
      select
        l.place, l.user_key, l.tag_key, l.campaign_key, m.info & 3 = 1 as is_inbound,
        inboxdb.local_day(m.sent_at, time_zone) as day, pg_catalog.count(*)::integer as n
      from lead as l
      cross join lateral rows from (pg_catalog.unnest(l.sent_at), pg_catalog.unnest(l.info)) as m (sent_at, info)
      where m.info & 3 <> 0
      group by l.place, l.user_key, l.tag_key, l.campaign_key, m.info & 3 = 1, inboxdb.local_day(m.sent_at, time_zone)
    ) as a
    where a.day is not null
  ),

  added as (
    select
      case when a.is_inbound then 'inbound' else 'outbound' end as figure, a.user_key, a.day,
      'infinity'::pg_catalog.date as next_day, 0::bigint as word_key, a.n
    from active as a
    union all
    select d.figure, a.user_key, a.day, a.next_day, d.word_key, 1
    from active as a
    cross join lateral (
      select 'contacted' as figure, 0 as word_key where not a.is_inbound
      union all
      select 'responded', a.tag_key where a.is_inbound
      union all
      select 'campaign_responded', a.campaign_key where a.is_inbound
      union all
      select 'campaign_positive', a.campaign_key where a.is_inbound and a.tag_key = any (positive_keys)
    ) as d
    union all
    select d.figure, l.user_key, d.day, 'infinity', d.word_key, 1
    from lead as l
    cross join lateral (
      values
      ('created', inboxdb.local_day(l.created_at, time_zone), l.status_key),
      ('campaign_created', inboxdb.local_day(l.created_at, time_zone), l.campaign_key),
      ('booked', inboxdb.local_day(l.booked_at, time_zone), 0),
      ('campaign_booked', inboxdb.local_day(l.booked_at, time_zone), l.campaign_key),
      ('kept', case when l.is_kept then inboxdb.local_day(l.booked_at, time_zone) end, 0)
    ) as d (figure, day, word_key)
    where d.day is not null
  )

  -- each lead is one of the whole workspace, and without words one of its user
  select a.figure::inboxdb.figure, s.scope_key, a.day, a.next_day, s.word_key, a.n
  from added as a
  cross join lateral (
    select 0::bigint as scope_key, a.word_key
    union all
    select a.user_key, 0 where a.user_key <> 0 and a.figure not like 'campaign%'
  ) as s;
end
$$;

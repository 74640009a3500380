create or replace function inboxdb.add_figures(
  target_number integer, time_zone text, gone inboxdb.lead_fact[], come inboxdb.lead_fact[],
  out counted bigint, out replies bigint
)
language plpgsql volatile
set search_path = ''
set jit = off
as $$
-- Purpose: subtract from aggregates what leads added before, and add what they add now.
-- Parameters: target_number, of the workspace; time_zone, of all its days; gone and come, the facts of leads as they
--   were remembered, and as they are to be.
-- Returns: by how much the sums of analytics_count and of analytics_reply moved.
-- Errors: IB014 where a sum would fall below zero, because facts or aggregates were lost; 22003 where one would be
--   above what analytics_count.day_counts can hold.
-- Writes: analytics_count, analytics_reply.
-- INVOKER: called by compare_facts only, under the workspace's lock.
declare
  cut constant pg_catalog.record := inboxdb.cut_facts(gone, come);
  count_rows inboxdb.analytics_count[] := array(
    select
      (
        m.scope_key, m.word_key, target_number, m.figure, m.day - m.day_of_month + 1, m.next_day,
        pg_catalog.array_agg((m.n * 32 + m.day_of_month)::integer order by m.day)
      )::inboxdb.analytics_count
    from (
      select
        d.figure, d.scope_key, d.day, d.next_day, d.word_key,
        pg_catalog.date_part('day', d.day)::integer as day_of_month, pg_catalog.sum(d.n) as n
      from (
        select c.figure, c.scope_key, c.day, c.next_day, c.word_key, c.n
        from inboxdb.lead_counts(cut.come_counts, time_zone) as c
        union all
        select c.figure, c.scope_key, c.day, c.next_day, c.word_key, -c.n
        from inboxdb.lead_counts(cut.gone_counts, time_zone) as c
      ) as d
      group by d.figure, d.scope_key, d.day, d.next_day, d.word_key
      having pg_catalog.sum(d.n) <> 0
    ) as m
    group by m.figure, m.scope_key, m.day - m.day_of_month + 1, m.next_day, m.word_key
    -- as in the key, so that neighbours are written together
    order by m.figure, m.scope_key, m.next_day, m.day - m.day_of_month + 1, m.word_key
  );
  reply_rows inboxdb.analytics_reply[] := array(
    select
      (
        d.scope_key, d.sender_key, pg_catalog.sum(d.wait_us), pg_catalog.sum(d.business_us), target_number, d.day,
        pg_catalog.sum(d.n), d.wait_class, d.is_ours, d.detail
      )::inboxdb.analytics_reply
    from (
      select r.scope_key, r.detail, r.is_ours, r.day, r.sender_key, r.wait_class, r.n, r.wait_us, r.business_us
      from inboxdb.lead_replies(cut.come_replies, time_zone) as r
      union all
      select r.scope_key, r.detail, r.is_ours, r.day, r.sender_key, r.wait_class, -r.n, -r.wait_us, -r.business_us
      from inboxdb.lead_replies(cut.gone_replies, time_zone) as r
    ) as d
    group by d.scope_key, d.detail, d.is_ours, d.day, d.sender_key, d.wait_class
    having (pg_catalog.sum(d.n), pg_catalog.sum(d.wait_us), pg_catalog.sum(d.business_us)) <> (0, 0, 0)
  );
  does_fit boolean;
  empty pg_catalog.tid[];
begin
  with
  put as (
    insert into inboxdb.analytics_count as c
    select d.* from pg_catalog.unnest(count_rows) as d
    on conflict (workspace, figure, scope_key, next_day, on_month, word_key)
    do update
    set
      day_counts = array(
        select (pg_catalog.sum(d.packed >> 5) * 32 + (d.packed & 31))::integer
        from pg_catalog.unnest(c.day_counts || excluded.day_counts) as d (packed)
        group by d.packed & 31
        having pg_catalog.sum(d.packed >> 5) <> 0
        order by d.packed & 31
      )
    returning c.day_counts, c.ctid
  )
  select
    coalesce(pg_catalog.bool_and(0 < all (p.day_counts)), true),
    pg_catalog.array_agg(p.ctid) filter (where pg_catalog.cardinality(p.day_counts) = 0)
  into does_fit, empty
  from put as p;
  -- by place, because a planner without statistics would read all rows of the workspace for the few empty ones
  delete from inboxdb.analytics_count as c where c.ctid = any (empty);

  with
  put as (
    insert into inboxdb.analytics_reply as r
    select d.* from pg_catalog.unnest(reply_rows) as d
    on conflict (workspace, scope_key, detail, is_ours, on_day, sender_key, wait_class)
    do update
    set
      n = r.n + excluded.n,
      wait_us = r.wait_us + excluded.wait_us,
      business_us = r.business_us + excluded.business_us
    returning r.n, r.ctid
  )
  select does_fit and coalesce(pg_catalog.bool_and(p.n >= 0), true), pg_catalog.array_agg(p.ctid) filter (where p.n = 0)
  into does_fit, empty
  from put as p;
  delete from inboxdb.analytics_reply as r where r.ctid = any (empty);

  if not does_fit then
    raise exception using
      errcode = 'IB014',
      message = 'the changes of a workspace do not fit its aggregates of analytics',
      detail = 'A sum would fall below zero. Nothing was changed.',
      hint = 'The workspace''s aggregates are built anew by the drain.';
  end if;
  counted := coalesce(
    (
      select pg_catalog.sum(d.packed >> 5)
      from pg_catalog.unnest(count_rows) as c
      cross join lateral pg_catalog.unnest(c.day_counts) as d (packed)
    ),
    0
  );
  replies := coalesce((select pg_catalog.sum(d.n) from pg_catalog.unnest(reply_rows) as d), 0);
end
$$;

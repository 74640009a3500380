create or replace function inboxdb.stored_figures(
  asked inboxdb.analytics_window, figures inboxdb.figure[], by_day boolean
)
returns table (figure inboxdb.figure, day date, word text, n bigint)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
-- along the key, which has each figure's days together
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: what is counted of a window, from aggregates.
-- Parameters: asked, the window, with the number of the workspace; the caller has checked access; figures, which to
--   count; by_day, as of live_figures.
-- Returns: as live_figures; words of the whole workspace alone.
-- Reads: analytics_count, analytics_word.
-- INVOKER: called by window_figures only.
declare
  asked_key constant bigint := case when asked.scope = inboxdb.sentinel() then 0
    else inboxdb.word_key(asked.scope::pg_catalog.text) end;
  from_month constant pg_catalog.date := pg_catalog.date_trunc('month', asked.from_day::pg_catalog.timestamp);
begin
  return query
  with recursive
  -- Of a figure the days next to which there are rows for this window: a lead that is active again within the window is
  -- one of its next day. From infinity down, a look into the index each; behind today there is none.
  behind as (
    select f.figure, 'infinity'::pg_catalog.date as next_day
    from pg_catalog.unnest(figures) as f (figure)
    union all
    select
      b.figure,
      (
        select c.next_day
        from inboxdb.analytics_count as c
        where c.workspace = asked.number and c.figure = b.figure and c.scope_key = asked_key
          and c.next_day > asked.to_day and c.next_day < b.next_day
        order by c.next_day desc
        limit 1
      )
    from behind as b
    where b.next_day is not null
  )

  select
    s.figure,
    s.day,
    (select w.word from inboxdb.analytics_word as w where w.workspace = asked.number and w.word_key = s.word_key),
    s.n
  from (
    select
      b.figure, case when by_day then d.day end as day, case when not by_day then c.word_key end as word_key,
      pg_catalog.sum(d.n) as n
    from behind as b
    cross join lateral (
      select c.on_month, c.word_key, c.day_counts
      from inboxdb.analytics_count as c
      where c.workspace = asked.number and c.figure = b.figure and c.scope_key = asked_key
        and c.next_day = b.next_day and c.on_month between from_month and asked.to_day
      offset 0
    ) as c
    cross join lateral (
      select c.on_month + (p.packed & 31) - 1 as day, p.packed >> 5 as n
      from pg_catalog.unnest(c.day_counts) as p (packed)
    ) as d
    where d.day between asked.from_day and asked.to_day
    group by 1, 2, 3
  ) as s;
end
$$;

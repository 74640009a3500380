create or replace function inboxdb.stored_figures(asked inboxdb.analytics_window, figures inboxdb.figure[])
returns table (figure inboxdb.figure, day date, word text, campaign text, n bigint)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
-- along the key, which has each figure's days together
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: what is counted of a window, from aggregates.
-- Parameters: asked, the window, with the number of the workspace; the caller has checked access; figures, which to
--   count.
-- Returns: as live_figures; words and campaigns of the whole workspace alone, and no campaign of kept.
-- Reads: analytics_count, analytics_word.
-- INVOKER: called by window_figures only.
declare
  asked_key constant bigint := case when asked.scope = inboxdb.sentinel() then 0
    else inboxdb.word_key(asked.scope::pg_catalog.text) end;
begin
  return query
  select
    s.figure,
    s.day,
    (select w.word from inboxdb.analytics_word as w where w.workspace = asked.number and w.word_key = s.word_key),
    (select w.word from inboxdb.analytics_word as w where w.workspace = asked.number and w.word_key = s.campaign_key),
    s.n
  from pg_catalog.unnest(figures) as f (figure)
  cross join lateral (
    select
      c.figure, case when f.figure not in ('contacted', 'responded') then c.on_day end as day, c.word_key,
      c.campaign_key,
      pg_catalog.sum(c.n) as n
    from inboxdb.analytics_count as c
    where c.workspace = asked.number and c.figure = f.figure and c.scope_key = asked_key
      and c.on_day between asked.from_day and asked.to_day
      -- else the lead is one of the next day
      and c.next_day > asked.to_day
    group by 1, 2, 3, 4
  ) as s;
end
$$;

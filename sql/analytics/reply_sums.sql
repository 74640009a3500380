create or replace function inboxdb.reply_sums(asked inboxdb.analytics_window)
returns table (side text, n bigint, wait_ms numeric)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the replies of a window, added up, from where the window is answered.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: a row of each side: how many, and the sum of their waits.
-- Errors: those of window_replies.
-- Reads: analytics_reply, or as window_replies.
-- INVOKER: called by overview only.
begin
  if asked.number is null then
    return query
    select r.side, pg_catalog.count(*), pg_catalog.sum(r.wait_ms)
    from inboxdb.window_replies(asked) as r
    group by r.side;
    return;
  end if;
  return query
  select
    case when r.is_ours then 'ours' else 'theirs' end, pg_catalog.sum(r.n), pg_catalog.sum(r.wait_us) / 1000
  from (values (true), (false)) as side (is_ours)
  inner join inboxdb.analytics_reply as r on side.is_ours = r.is_ours
  where r.workspace = asked.number and r.detail = 'day' and r.on_day between asked.from_day and asked.to_day
    and r.scope_key = case when asked.scope = inboxdb.sentinel() then 0
      else inboxdb.word_key(asked.scope::pg_catalog.text) end
  group by r.is_ours;
end
$$;

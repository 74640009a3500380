create or replace function inboxdb.reply_classes(asked inboxdb.analytics_window)
returns table (
  side text, sender text, user_id text, wait_class integer, n bigint, wait_ms numeric, business_ms numeric
)
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the replies of a window, added up by who replied and how long it took, from where the window is answered.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: a row of each class of waits; wait_ms and business_ms, sums. Of a setter, from aggregates, a row a side.
-- Errors: those of window_replies.
-- Reads: analytics_reply, analytics_word; or as window_replies.
-- INVOKER: called by our DEFINER functions only.
begin
  if asked.number is null then
    return query
    select
      r.side, r.sender, r.user_id, inboxdb.wait_class(r.wait_ms), pg_catalog.count(*), pg_catalog.sum(r.wait_ms),
      pg_catalog.sum(r.business_ms)
    from inboxdb.window_replies(asked) as r
    group by r.side, r.sender, r.user_id, inboxdb.wait_class(r.wait_ms);
    return;
  end if;
  return query
  select
    case when s.is_ours then 'ours' else 'theirs' end,
    case
      when s.sender_key between 1 and 4 then (array['ai', 'campaign', 'unknown', 'lead'])[s.sender_key]
      else 'user'
    end,
    (select w.word from inboxdb.analytics_word as w where w.workspace = asked.number and w.word_key = s.sender_key),
    s.wait_class::integer,
    s.n::bigint,
    s.wait_us / 1000,
    s.business_us / 1000
  from (
    select
      r.is_ours, r.sender_key, r.wait_class, pg_catalog.sum(r.n) as n, pg_catalog.sum(r.wait_us) as wait_us,
      pg_catalog.sum(r.business_us) as business_us
    from (values (true), (false)) as side (is_ours)
    inner join inboxdb.analytics_reply as r on side.is_ours = r.is_ours
    where r.workspace = asked.number and r.on_day between asked.from_day and asked.to_day
      and r.scope_key = case when asked.scope = inboxdb.sentinel() then 0
        else inboxdb.word_key(asked.scope::pg_catalog.text) end
    group by r.is_ours, r.sender_key, r.wait_class
  ) as s;
end
$$;

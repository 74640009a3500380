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
-- Returns: a row of each class of waits; wait_ms and business_ms, sums.
-- Errors: those of window_replies.
-- Reads: analytics_reply, analytics_word; or as window_replies.
-- INVOKER: called by response_times only.
declare
  -- the whole months of the window, from the one until before the other; none where the first is not before
  first_month constant pg_catalog.date := pg_catalog.date_trunc(
    'month', asked.from_day::pg_catalog.timestamp + interval '1 month' - interval '1 day'
  );
  behind_months constant pg_catalog.date := greatest(
    pg_catalog.date_trunc('month', asked.to_day::pg_catalog.timestamp + interval '1 day')::pg_catalog.date, first_month
  );
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
    w.word,
    s.wait_class::integer,
    s.n::bigint,
    s.wait_us / 1000,
    s.business_us / 1000
  from (
    select
      r.is_ours, r.sender_key, r.wait_class, pg_catalog.sum(r.n) as n, pg_catalog.sum(r.wait_us) as wait_us,
      pg_catalog.sum(r.business_us) as business_us
    from (
      values
      ('sender_month'::inboxdb.reply_detail, first_month, behind_months),
      ('sender_day', asked.from_day, least(first_month, asked.to_day + 1)),
      ('sender_day', greatest(behind_months, asked.from_day), asked.to_day + 1)
    ) as part (detail, since, until)
    cross join (values (true), (false)) as side (is_ours)
    cross join lateral (
      select r.*
      from inboxdb.analytics_reply as r
      where r.workspace = asked.number and r.scope_key = 0 and r.detail = part.detail and r.is_ours = side.is_ours
        and r.on_day >= part.since and r.on_day < part.until
      offset 0
    ) as r
    group by r.is_ours, r.sender_key, r.wait_class
  ) as s
  left join inboxdb.analytics_word as w on w.workspace = asked.number and s.sender_key = w.word_key;
end
$$;

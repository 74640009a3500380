create or replace function inboxdb.response_times(asked inboxdb.analytics_window) returns jsonb
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the replies of a window by who replied.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects, by side, then most replies first: see docs/contracts.md.
-- Errors: those of reply_classes.
-- Reads: as reply_classes.
-- INVOKER: called by read_analytics_response_times only.
begin
  return (
    with ranked as (
      -- replies as quick as the class, or quicker
      select
        c.*,
        pg_catalog.sum(c.n) over (partition by c.side, c.sender, c.user_id order by c.wait_class) as reached,
        pg_catalog.sum(c.n) over (partition by c.side, c.sender, c.user_id) as in_all
      from inboxdb.reply_classes(asked) as c
    )

    select coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'side', w.side, 'sender', w.sender, 'user_id', w.user_id, 'replies', w.n, 'mean_ms', w.mean_ms,
          'p50_ms', inboxdb.class_ms(w.p50), 'p90_ms', inboxdb.class_ms(w.p90), 'p95_ms', inboxdb.class_ms(w.p95),
          'business_mean_ms', w.business_mean_ms
        ) order by w.side, w.n desc, w.sender, w.user_id collate "C"
      ), '[]'
    )
    from (
      select
        r.side,
        r.sender,
        r.user_id,
        pg_catalog.sum(r.n) as n,
        (pg_catalog.sum(r.wait_ms) / pg_catalog.sum(r.n))::double precision as mean_ms,
        (pg_catalog.sum(r.business_ms) / pg_catalog.sum(r.n))::double precision as business_mean_ms,
        -- the class in which the share is reached
        pg_catalog.min(r.wait_class) filter (where r.reached * 100 >= r.in_all * 50) as p50,
        pg_catalog.min(r.wait_class) filter (where r.reached * 100 >= r.in_all * 90) as p90,
        pg_catalog.min(r.wait_class) filter (where r.reached * 100 >= r.in_all * 95) as p95
      from ranked as r
      group by r.side, r.sender, r.user_id
    ) as w
  );
end
$$;

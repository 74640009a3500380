create or replace function inboxdb.days(asked inboxdb.analytics_window) returns jsonb
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the days of a window.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects, one of each day in order: see docs/contracts.md.
-- Errors: those of window_figures.
-- Reads: as window_figures.
-- INVOKER: called by read_analytics_days only.
begin
  return (
    select pg_catalog.jsonb_agg(
      pg_catalog.jsonb_build_object(
        'day', d.day, 'inbound', d.inbound, 'outbound', d.outbound, 'leads_created', d.created,
        'meetings_booked', d.booked
      ) order by d.day
    )
    from (
      select
        each_day.day,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'inbound'), 0) as inbound,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'outbound'), 0) as outbound,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'created'), 0) as created,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'booked'), 0) as booked
      from (
        select asked.from_day + n as day
        from pg_catalog.generate_series(0, asked.to_day - asked.from_day) as n
      ) as each_day
      left join inboxdb.window_figures(asked, '{inbound, outbound, created, booked}', true) as f on each_day.day = f.day
      group by each_day.day
    ) as d
  );
end
$$;

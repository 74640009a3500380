create or replace function inboxdb.live_days(asked inboxdb.analytics_window) returns jsonb
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the days of a window, from the host's tables: the truth.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects, one of each day in order: see docs/contracts.md.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads and window_messages.
-- INVOKER: called by read_analytics_days only.
begin
  return (
    with figures (day, inbound, outbound, created, booked) as (
      select m.sent_on, (m.direction = 'inbound')::integer, (m.direction = 'outbound')::integer, 0, 0
      from inboxdb.window_messages(asked) as m
      union all
      select l.created_on, 0, 0, 1, 0
      from inboxdb.window_leads(asked) as l
      union all
      select l.booked_on, 0, 0, 0, 1
      from inboxdb.window_leads(asked) as l
    )

    select pg_catalog.jsonb_agg(
      pg_catalog.jsonb_build_object(
        'day', d.day, 'inbound', d.inbound, 'outbound', d.outbound, 'leads_created', d.created,
        'meetings_booked', d.booked
      ) order by d.day
    )
    from (
      select
        each_day.day,
        coalesce(pg_catalog.sum(f.inbound), 0) as inbound,
        coalesce(pg_catalog.sum(f.outbound), 0) as outbound,
        coalesce(pg_catalog.sum(f.created), 0) as created,
        coalesce(pg_catalog.sum(f.booked), 0) as booked
      from (
        select asked.from_day + n as day
        from pg_catalog.generate_series(0, asked.to_day - asked.from_day) as n
      ) as each_day
      left join figures as f on each_day.day = f.day
      group by each_day.day
    ) as d
  );
end
$$;

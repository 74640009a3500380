create or replace function inboxdb.live_crm_summary(asked inboxdb.analytics_window) returns jsonb
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the meetings of leads whose interest was registered in a window, from the host's tables.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an object: totals, and by response type, mode and setter: see docs/contracts.md.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads; "LeadCrmRow".
-- INVOKER: called by read_crm_summary only.
begin
  return (
    with cohort as (
      select
        r."interestType"::pg_catalog.text as interest_type,
        r."responseMode"::pg_catalog.text as response_mode,
        r."responseSentByUserId"::pg_catalog.text as user_id,
        l.booked_at is not null as is_booked,
        l.booked_on is not null as is_booked_here,
        l.is_kept
      from public."LeadCrmRow" as r
      inner join inboxdb.window_leads(asked) as l on r."leadId" = l.lead_id
      where inboxdb.day_in(asked, inboxdb.utc(r."interestRegisteredAt")) is not null
    ),

    total as (
      select
        grouping(c.interest_type, c.response_mode, c.user_id) as of_what,
        c.interest_type,
        c.response_mode,
        c.user_id,
        pg_catalog.count(*) as n,
        pg_catalog.jsonb_build_object(
          'leads', pg_catalog.count(*),
          'booked_ever', pg_catalog.count(*) filter (where c.is_booked),
          'kept_ever', pg_catalog.count(*) filter (where c.is_booked and c.is_kept),
          'booked_in_window', pg_catalog.count(*) filter (where c.is_booked_here),
          'kept_in_window', pg_catalog.count(*) filter (where c.is_booked_here and c.is_kept)
        ) as figures
      from cohort as c
      group by grouping sets ((), (c.interest_type), (c.response_mode), (c.user_id))
    )

    select pg_catalog.jsonb_build_object(
      'total', (select t.figures from total as t where t.of_what = 7),
      'by_type', (
        select coalesce(
          pg_catalog.jsonb_agg(
            pg_catalog.jsonb_build_object('interest_type', t.interest_type) || t.figures
            order by t.n desc, t.interest_type collate "C"
          ), '[]'
        )
        from total as t
        where t.of_what = 3
      ),
      'by_mode', (
        select coalesce(
          pg_catalog.jsonb_agg(
            pg_catalog.jsonb_build_object('response_mode', t.response_mode) || t.figures
            order by t.n desc, t.response_mode collate "C"
          ), '[]'
        )
        from total as t
        where t.of_what = 5
      ),
      'by_setter', (
        select coalesce(
          pg_catalog.jsonb_agg(
            pg_catalog.jsonb_build_object('user_id', t.user_id) || t.figures
            order by t.n desc, t.user_id collate "C"
          ), '[]'
        )
        from total as t
        where t.of_what = 6
      )
    )
  );
end
$$;

create or replace function inboxdb.live_overview(asked inboxdb.analytics_window) returns jsonb
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the overview of a window, from the host's tables: the truth.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an object: see docs/contracts.md.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads, window_messages and window_replies.
-- INVOKER: called by read_analytics_overview only.
begin
  return (
    select pg_catalog.jsonb_build_object(
      'leads_created', l.created,
      'contacted', m.contacted,
      'responses', m.responses,
      'response_rate', m.responses::double precision / nullif(m.contacted, 0),
      'meetings_booked', l.booked,
      'meetings_kept', l.kept,
      'our_response_ms', r.ours_ms,
      'our_response_samples', r.ours,
      'their_response_ms', r.theirs_ms,
      'their_response_samples', r.theirs
    )
    from (
      select
        pg_catalog.count(l.created_on) as created,
        pg_catalog.count(l.booked_on) as booked,
        pg_catalog.count(l.booked_on) filter (where l.is_kept) as kept
      from inboxdb.window_leads(asked) as l
    ) as l
    cross join (
      select
        pg_catalog.count(distinct m.lead_id) filter (where m.direction = 'outbound') as contacted,
        pg_catalog.count(distinct m.lead_id) filter (where m.direction = 'inbound') as responses
      from inboxdb.window_messages(asked) as m
      where m.sent_on is not null
    ) as m
    cross join (
      select
        pg_catalog.count(*) filter (where r.side = 'ours') as ours,
        pg_catalog.count(*) filter (where r.side = 'theirs') as theirs,
        pg_catalog.avg(r.wait_ms) filter (where r.side = 'ours')::double precision as ours_ms,
        pg_catalog.avg(r.wait_ms) filter (where r.side = 'theirs')::double precision as theirs_ms
      from inboxdb.window_replies(asked) as r
    ) as r
  );
end
$$;

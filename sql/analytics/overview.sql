create or replace function inboxdb.overview(asked inboxdb.analytics_window) returns jsonb
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the overview of a window.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an object: see docs/contracts.md.
-- Errors: those of window_figures.
-- Reads: as window_figures and reply_sums.
-- INVOKER: called by read_analytics_overview only.
begin
  return (
    select pg_catalog.jsonb_build_object(
      'leads_created', f.created,
      'contacted', f.contacted,
      'responses', f.responded,
      'response_rate', f.responded::double precision / nullif(f.contacted, 0),
      'meetings_booked', f.booked,
      'meetings_kept', f.kept,
      'our_response_ms', r.ours_ms,
      'our_response_samples', r.ours,
      'their_response_ms', r.theirs_ms,
      'their_response_samples', r.theirs
    )
    from (
      select
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'created'), 0) as created,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'booked'), 0) as booked,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'kept'), 0) as kept,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'contacted'), 0) as contacted,
        coalesce(pg_catalog.sum(f.n) filter (where f.figure = 'responded'), 0) as responded
      from inboxdb.window_figures(asked, '{created, booked, kept, contacted, responded}', false) as f
    ) as f
    cross join (
      select
        coalesce(pg_catalog.sum(c.n) filter (where c.side = 'ours'), 0) as ours,
        coalesce(pg_catalog.sum(c.n) filter (where c.side = 'theirs'), 0) as theirs,
        (
          pg_catalog.sum(c.wait_ms) filter (where c.side = 'ours') / pg_catalog.sum(c.n) filter (where c.side = 'ours')
        )::double precision as ours_ms,
        (
          pg_catalog.sum(c.wait_ms) filter (where c.side = 'theirs')
          / pg_catalog.sum(c.n) filter (where c.side = 'theirs')
        )::double precision as theirs_ms
      from inboxdb.reply_sums(asked) as c
    ) as r
  );
end
$$;

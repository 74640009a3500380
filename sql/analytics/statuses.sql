create or replace function inboxdb.statuses(asked inboxdb.analytics_window) returns jsonb
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the leads created in a window by their present status.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects, most leads first: see docs/contracts.md.
-- Errors: those of window_figures.
-- Reads: as window_figures.
-- INVOKER: called by read_analytics_statuses only.
begin
  return (
    select coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object('status', s.status, 'leads_created', s.created)
        order by s.created desc, s.status collate "C"
      ), '[]'
    )
    from (
      select f.word as status, pg_catalog.sum(f.n) as created
      from inboxdb.window_figures(asked, '{created}', false) as f
      group by f.word
    ) as s
  );
end
$$;

create or replace function inboxdb.sentiments(asked inboxdb.analytics_window) returns jsonb
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the responders of a window by their present tag.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects, most responders first: see docs/contracts.md.
-- Errors: those of window_figures.
-- Reads: as window_figures.
-- INVOKER: called by read_analytics_sentiments only.
begin
  return (
    select coalesce(
      pg_catalog.jsonb_agg(
        pg_catalog.jsonb_build_object(
          'sentiment_tag', t.tag, 'responses', t.responses, 'share', t.responses::double precision / t.in_all
        ) order by t.responses desc, t.tag collate "C" nulls last
      ), '[]'
    )
    from (
      select
        nullif(f.word, 'New') as tag,
        pg_catalog.sum(f.n) as responses,
        pg_catalog.sum(pg_catalog.sum(f.n)) over () as in_all
      from inboxdb.window_figures(asked, '{responded}', false) as f
      group by nullif(f.word, 'New')
    ) as t
  );
end
$$;

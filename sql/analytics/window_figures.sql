create or replace function inboxdb.window_figures(
  asked inboxdb.analytics_window, figures inboxdb.figure[], by_day boolean
)
returns table (figure inboxdb.figure, day date, word text, n bigint)
language plpgsql stable
set search_path = ''
as $$
-- Purpose: what is counted of a window, from where the window is answered.
-- Parameters: as of live_figures.
-- Returns: see there.
-- Errors: those of live_figures.
-- Reads: as stored_figures, or as live_figures.
-- INVOKER: called by our DEFINER functions only.
begin
  if asked.number is not null then
    return query select s.* from inboxdb.stored_figures(asked, figures, by_day) as s;
  else
    return query select l.* from inboxdb.live_figures(asked, figures, by_day) as l;
  end if;
end
$$;

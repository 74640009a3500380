create or replace function inboxdb.live_sentiments(asked inboxdb.analytics_window) returns jsonb
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the responders of a window by their present tag, from the host's tables: the truth.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects, most responders first: see docs/contracts.md.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads and window_messages.
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
        nullif(l.sentiment_tag, 'New') as tag,
        pg_catalog.count(*) as responses,
        pg_catalog.sum(pg_catalog.count(*)) over () as in_all
      from inboxdb.window_leads(asked) as l
      where l.lead_id in (
          select m.lead_id from inboxdb.window_messages(asked) as m
          where m.direction = 'inbound' and m.sent_on is not null
        )
      group by nullif(l.sentiment_tag, 'New')
    ) as t
  );
end
$$;

create or replace function inboxdb.live_statuses(asked inboxdb.analytics_window) returns jsonb
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the leads created in a window by their present status, from the host's tables: the truth.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an array of objects, most leads first: see docs/contracts.md.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads.
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
      select l.status, pg_catalog.count(*) as created
      from inboxdb.window_leads(asked) as l
      where l.created_on is not null
      group by l.status
    ) as s
  );
end
$$;

create or replace function inboxdb.live_workflows(asked inboxdb.analytics_window) returns jsonb
-- STABLE matters: every statement of a read has the caller's snapshot (D15).
language plpgsql stable
set search_path = ''
set row_security = off
set plan_cache_mode = force_custom_plan
set jit = off
as $$
-- Purpose: the meetings booked in a window by the sequence that ran before them, from the host's tables.
-- Parameters: asked, the window; the caller has checked access.
-- Returns: an object: see docs/contracts.md. A meeting counts for a single sequence of the workspace, the last to take
--   a step before the booking, so that sequences add up.
-- Errors: 42501 where row-level security would filter what the owner of this function sees.
-- Reads: as window_leads; "FollowUpInstance", "FollowUpSequence".
-- INVOKER: called by read_analytics_workflows only.
begin
  return (
    with meeting as (
      select
        l.lead_id,
        (
          select s.id::pg_catalog.text
          from public."FollowUpInstance" as i
          inner join public."FollowUpSequence" as s on i."sequenceId" = s.id and s."clientId" = asked.client_id
          where i."leadId" = l.lead_id
            and pg_catalog.isfinite(i."lastStepAt")
            and inboxdb.utc(i."lastStepAt") < l.booked_at
          order by i."lastStepAt" desc, s.id::pg_catalog.text collate "C"
          limit 1
        ) as sequence_id
      from inboxdb.window_leads(asked) as l
      where l.booked_on is not null
    ),

    by_sequence as (
      select m.sequence_id, pg_catalog.count(*) as n, pg_catalog.sum(pg_catalog.count(*)) over () as in_all
      from meeting as m
      group by m.sequence_id
    )

    select pg_catalog.jsonb_build_object(
      'meetings_booked', coalesce(pg_catalog.sum(b.n), 0),
      'after_sequence', coalesce(pg_catalog.sum(b.n) filter (where b.sequence_id is not null), 0),
      'without_sequence', coalesce(pg_catalog.sum(b.n) filter (where b.sequence_id is null), 0),
      'sequences', coalesce(
        pg_catalog.jsonb_agg(
          pg_catalog.jsonb_build_object(
            'sequence_id', b.sequence_id, 'name', s.name, 'meetings_booked', b.n,
            'share', b.n::double precision / b.in_all
          ) order by b.n desc, s.name::pg_catalog.text collate "C", b.sequence_id collate "C"
        ) filter (where b.sequence_id is not null), '[]'
      )
    )
    from by_sequence as b
    left join public."FollowUpSequence" as s on b.sequence_id = s.id::pg_catalog.text
  );
end
$$;

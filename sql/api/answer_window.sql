create or replace function inboxdb.answer_window(
  read_name text, asked inboxdb.analytics_window, figures jsonb
)
returns inboxdb.analytics_answer
language plpgsql stable
set search_path = ''
as $$
-- Purpose: the answer of a read of analytics, tagged by its figures: the same figures of the same days have the same
--   tag, whatever the version, because a new version alone is no reason to send figures again.
-- Parameters: read_name; asked, the window; figures.
-- Returns: the answer. Read live, computed_at is now, and nothing is stale; else when the aggregates were last brought
--   up to date, and stale where a change has waited for a minute, or nobody has looked for changes for as long.
-- Reads: cache_version; analytics_workspace, drain_state, inbox_counts_dirty.
-- INVOKER: called by our DEFINER functions only.
declare
  answer inboxdb.analytics_answer := (
    figures, asked.from_day, asked.to_day, asked.time_zone, inboxdb.clock(),
    (select v.version from inboxdb.newest_version(asked.client_id, 'analytics') as v), false
  );
begin
  if asked.number is not null then
    select
      w.refreshed_at,
      least(w.noted_since, d.dirty_since, coalesce(s.collected_at, '-infinity'))
      < answer.computed_at - interval '60 seconds'
    into answer.computed_at, answer.is_stale
    from inboxdb.analytics_workspace as w
    cross join inboxdb.drain_state_now as s
    left join inboxdb.inbox_counts_dirty as d on w.client_id = d.client_id and d.next_attempt_at >= s.claim_from
    where w.number = asked.number;
  end if;
  if pg_catalog.current_setting('request.headers', true) <> '' then
    perform inboxdb.not_modified(
      pg_catalog.jsonb_build_array(
        read_name, asked.client_id, asked.scope, asked.from_day, asked.to_day, asked.time_zone, figures
      )
    );
  end if;
  return answer;
end
$$;

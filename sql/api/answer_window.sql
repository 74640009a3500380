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
-- Returns: the answer. computed_at is now, and nothing is stale, because figures are read live.
-- Reads: cache_version.
-- INVOKER: called by our DEFINER functions only.
declare
  answer constant inboxdb.analytics_answer := (
    figures, asked.from_day, asked.to_day, asked.time_zone, inboxdb.clock(),
    (select v.version from inboxdb.newest_version(asked.client_id, 'analytics') as v), false
  );
begin
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

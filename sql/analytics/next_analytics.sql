create or replace function inboxdb.next_analytics() returns inboxdb.client_id
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: choose the workspace whose aggregates are due longest, for refresh_analytics, and count the attempt. To be
--   committed before the work, so that a workspace killing its backend is put off. A workspace without attempts left is
--   put in quarantine, with a new version: its changes are thrown away, and a walk stands for them.
-- Returns: the workspace, null when none is due, inboxdb is suspended, or the host has no analytics.
-- Errors: IB004 above READ COMMITTED.
-- Reads: as collect_analytics. Writes: analytics_workspace, cache_version; as collect_analytics.
-- DEFINER: its callers have no rights in inboxdb.
declare
  now pg_catalog.timestamptz;
  candidate inboxdb.analytics_workspace;
  busy integer[] := '{}';
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null or not inboxdb.has_analytics() then
    return null;
  end if;
  perform inboxdb.collect_analytics();
  -- after collecting, which makes workspaces due as of its own time
  now := inboxdb.clock();
  -- ten candidates at most: other drains are at work on them
  while pg_catalog.cardinality(busy) < 10 loop
    select w.* into candidate
    from inboxdb.analytics_workspace as w
    where w.due_at <= now and w.client_id is not null and w.number <> all (busy)
    order by w.due_at
    limit 1;
    exit when not found;
    busy := busy || candidate.number;
    if inboxdb.try_lock_analytics(candidate.client_id) then
      if candidate.attempts >= (
        inboxdb.failure('recompute-analytics-aggregates', pg_catalog.left(candidate.last_error, 5))
      ).attempts_allowed then
        update inboxdb.analytics_workspace as w
        set
          due_at = 'infinity', noted_since = null, walked_at = null, walk_began_at = null, walked_to = null,
          last_error = coalesce(
            w.last_error, (inboxdb.failure('recompute-analytics-aggregates', null)).sentence
          )
        where w.number = candidate.number;
        -- answered live from now on
        perform inboxdb.new_versions('recompute-analytics-aggregates', array[candidate.client_id]);
      else
        update inboxdb.analytics_workspace as w
        set attempts = w.attempts + 1, due_at = now + inboxdb.retry_delay(w.attempts + 1)
        where w.number = candidate.number and w.due_at <= now and w.client_id is not null;
        if found then
          return candidate.client_id;
        end if;
      end if;
    end if;
  end loop;
  return null;
end
$$;

create function inboxdb.next_audit() returns inboxdb.client_id
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: choose the workspace whose audit is due longest, for drain_next to count it whole. Commit before that: its
--   turn then comes again in five minutes, and one whose audit fails does not hold up the others'.
-- Returns: the workspace, null when none is due, or inboxdb is suspended.
-- Errors: IB004 above READ COMMITTED.
-- Reads, writes: workspace.
-- DEFINER: its callers have no rights in inboxdb.
declare
  candidate inboxdb.client_id;
  busy inboxdb.client_id[] := '{}';
begin
  perform inboxdb.require_read_committed();
  if inboxdb.suspended_since() is not null then
    return null;
  end if;
  -- whoever holds so many is at work on them
  while pg_catalog.cardinality(busy) < 10 loop
    select w.client_id into candidate
    from inboxdb.workspace as w
    where w.audit_at <= (select inboxdb.clock()) and w.client_id <> all (busy)
    order by w.audit_at
    limit 1;
    exit when candidate is null;
    -- a refresh holds it while it changes the row: neither waits for the other
    if inboxdb.try_lock_workspace(candidate) then
      update inboxdb.workspace as w
      set audit_at = inboxdb.clock() + interval '5 minutes'
      where w.client_id = candidate and w.audit_at <= inboxdb.clock();
      if found then
        return candidate;
      end if;
    end if;
    busy := busy || candidate;
  end loop;
  return null;
end
$$;

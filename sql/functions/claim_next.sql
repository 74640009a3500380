create function inboxdb.claim_next() returns inboxdb.client_id
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: claim the workspace that is due longest; collect first when none is due. Commit before refreshing it: its
--   attempt and next attempt then stand, and a refresh that kills its backend goes to the back of the line.
-- Returns: the workspace, null when nothing is due.
-- Errors: IB004 above READ COMMITTED.
-- Reads, writes: inbox_counts_dirty, and what collect does.
-- DEFINER: its callers have no rights in inboxdb.
declare
  candidate inboxdb.client_id;
  collected boolean := false;
begin
  perform inboxdb.require_read_committed();
  loop
    select d.client_id into candidate
    from inboxdb.inbox_counts_dirty as d
    where d.next_attempt_at <= inboxdb.clock()
    order by d.next_attempt_at
    limit 1
    for update skip locked;

    if candidate is null then
      if collected then
        return null;
      end if;
      perform inboxdb.collect();
      collected := true;
      continue;
    end if;

    -- a lock call per chosen candidate: as a condition of the query above it would lock whatever the plan visits
    if inboxdb.try_lock_workspace(candidate) then
      update inboxdb.inbox_counts_dirty as d
      set attempts = d.attempts + 1, next_attempt_at = inboxdb.clock() + inboxdb.retry_delay(d.attempts + 1)
      where d.client_id = candidate;
      return candidate;
    end if;

    -- somebody is refreshing it: look again in a second, should it still be dirty then
    update inboxdb.inbox_counts_dirty as d
    set next_attempt_at = inboxdb.clock() + interval '1 second'
    where d.client_id = candidate;
  end loop;
end
$$;

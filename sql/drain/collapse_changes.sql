create or replace function inboxdb.collapse_changes(target_client_id inboxdb.client_id) returns void
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set jit = off
as $$
-- Purpose: take a workspace's changes out of the log without a refresh, because changes of a failing workspace would
--   keep the log from being truncated. The work list's row stands for them from then on, as a mark of the workspace
--   (D40).
-- At most a hundred thousand changes, so that a claim is over soon; the next claim goes on.
-- Nothing is done without a row on the work list (deleted by a refresh meanwhile, so that nothing would stand for the
--   changes), or while the row is locked.
-- Parameters: target_client_id; the caller took its lock in an EARLIER statement.
-- Writes: the change log, inbox_counts_dirty.
-- INVOKER: called by claim_if_free, collect and quarantine only.
declare
  slices integer[];
  tids pg_catalog.tid[];
begin
  perform
  from inboxdb.inbox_counts_dirty as d
  where inboxdb.is_work_row(
      d.client_id, d.next_attempt_at, target_client_id, (select f.claim_from from inboxdb.read_floor as f)
    )
  for update skip locked;
  if not found then
    return;
  end if;

  select pg_catalog.array_agg(c.slice), pg_catalog.array_agg(c.tid) into slices, tids
  from (select c.slice, c.tid from inboxdb.changes_of(array[target_client_id], null) as c limit 100000) as c;
  if slices is not null then
    perform inboxdb.take_changes(slices, tids);
    update inboxdb.work_list as d set collapsed = true where d.client_id = target_client_id;
  end if;
end
$$;

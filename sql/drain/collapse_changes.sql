create or replace function inboxdb.collapse_changes(target_client_id inboxdb.client_id) returns void
language sql volatile
set search_path = ''
set enable_seqscan = off
set jit = off
as $$
  -- Purpose: take a workspace's changes out of the log without a refresh, so that one which keeps failing does not hold
  --   the log. Its row on the work list stands for them from then on, and for the whole workspace.
  -- A hundred thousand of them: a claim is over soon, whatever has piled up. The next one goes on.
  -- Does nothing where it is not on the work list (somebody refreshed it meanwhile: nothing would stand for what came
  --   since), or where somebody is just changing its row, who is not waited for.
  -- Parameters: target_client_id; the caller took its lock in an EARLIER statement.
  -- Writes: the change log, inbox_counts_dirty.
  -- INVOKER: called by claim_next, collect and quarantine only.
  with
  standing as materialized (
    select d.client_id
    from inboxdb.inbox_counts_dirty as d
    -- as claim_next does
    where (d.client_id, d.next_attempt_at) >= (target_client_id, (select f.claim_from from inboxdb.read_floor as f))
      and d.client_id <= target_client_id
    for update skip locked
  ),
  taken as materialized (
    select c.slice, c.tid
    from inboxdb.changes_of(target_client_id) as c
    where exists (select from standing)
    limit 100000
  ),
  gone_0 as (delete from inboxdb.change_0 as c using taken as t where t.slice = 0 and c.ctid = t.tid),
  gone_1 as (delete from inboxdb.change_1 as c using taken as t where t.slice = 1 and c.ctid = t.tid),
  gone_2 as (delete from inboxdb.change_2 as c using taken as t where t.slice = 2 and c.ctid = t.tid),
  gone_3 as (delete from inboxdb.change_3 as c using taken as t where t.slice = 3 and c.ctid = t.tid)
  update inboxdb.work_list as d
  set collapsed = true
  where d.client_id = target_client_id and exists (select from taken)
$$;

create function inboxdb.record_failure(target_client_id inboxdb.client_id, started_at timestamptz, error_code text)
returns void
language plpgsql volatile security definer
set search_path = ''
as $$
-- Purpose: record why a refresh failed, outside whatever was rolled back. The workspace keeps its changes and the next
--   attempt that its claim gave it.
-- Records nothing where the workspace is not on the work list, or somebody else is at work on it.
-- Parameters: target_client_id; started_at; error_code, the SQLSTATE. What the server said is not kept: it may quote
--   rows.
-- Writes: inbox_counts_dirty, job_status.
-- DEFINER: the runner calls it for a refresh that was cancelled.
declare
  sentence pg_catalog.text := pg_catalog.format('%s: %s', error_code, case
    when error_code = '57014' then 'the refresh was cancelled, or hit its time limit'
    when error_code in ('40001', '40P01', '55P03') then 'the refresh lost against another transaction'
    when error_code = '42501' then 'the refresh may not read what it counts (row-level security or a missing right)'
    when error_code in ('42P01', '42703', '42883', '42804')
      then 'the host''s tables no longer fit: apply the migrations again'
    when error_code like '53%' then 'the server is out of resources'
    when error_code like '08%' or error_code like '57P%' then 'the connection was lost'
    else 'the refresh failed; inboxdb.recompute_inbox_counts raises the error in full'
  end);
  attempt_number integer;
begin
  -- somebody else has it by now: how that goes is what counts
  if not inboxdb.try_lock_workspace(target_client_id) then
    return;
  end if;
  update inboxdb.inbox_counts_dirty as d
  set last_error = sentence
  where d.client_id = target_client_id
  returning d.attempts into attempt_number;
  if found then
    perform inboxdb.record_job(target_client_id, started_at, attempt_number, sentence);
  end if;
end
$$;
